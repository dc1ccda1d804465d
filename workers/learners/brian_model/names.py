"""The names in a user's model: reserved ones, and the checks that each stands for one thing."""

import keyword
import re
from collections.abc import Iterable, Mapping, Set
from typing import Any

from spikeloop.workers.brian.equations import did_you_mean, fail, located, names_in
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.units import quantity
from spikeloop.workers.learners.brian_model.settings import Model, NeuronTable

INPUT = "input"
ACTIVITY = "activity"
SIGNALS = {
    "feedback": "1",
    "chosen": "1",
    "decision": "integer",
    "count": "integer",
    "index": "integer (constant)",
}
"""Variables of neurons, with units: the last feedback of their episode, 1 for neurons of the chosen
action, the number of the decision, their spikes in this window, and their index in their
population."""
OF_THE_TILE = {"i", "j", "k", "N", "N_pre", "N_post", "N_incoming", "N_outgoing"}
"""Brian2's numbers of neurons and synapses, which count through all episodes of the network."""
WINDOW = "window"
RESERVED = {*SIGNALS, ACTIVITY, WINDOW, INPUT}
"""Names that the learner provides."""
TAKEN = {"t", "dt", "t_in_timesteps", "i", "j", "N", "xi", "lastspike", "lastupdate"}
"""Names of Brian2, beside its units and functions."""


def check_names(model: Model) -> None:
    """Check that Brian2 can use every name, and that each stands for one thing."""
    b2 = brian2()
    known: Mapping[str, Any] = {
        **b2.DEFAULT_UNITS,
        **b2.DEFAULT_FUNCTIONS,
        **b2.DEFAULT_CONSTANTS,
        **dict.fromkeys(TAKEN),
    }
    for tables in (("neurons", "synapses"), ("constants", "hyperparameters"), ("weights",)):
        seen: dict[str, str] = {}
        for table in tables:
            for name in getattr(model, table):
                where = f"{table}.{name}"
                if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
                    fail(where, "a name must be letters, digits and _, and begin with a letter")
                if name in RESERVED or name.startswith("episode_"):
                    fail(where, "this name is taken, the learner provides it")
                if name in known:
                    fail(where, "this name is taken, Brian2 provides it")
                if name in seen:
                    fail(where, f"there is {seen[name]} too; names must differ")
                seen[name] = where
    for name, text in model.constants.items():
        with located(f"constants.{name}"):
            quantity(text)


def check_symbols(model: Model, defined: Mapping[str, set[str]]) -> None:
    """Check that equations define no symbol of the tables, and none that the learner provides."""
    for table in ("constants", "hyperparameters"):
        for name in getattr(model, table):
            for group, names in defined.items():
                if name in names:
                    fail(f"{table}.{name}", f"the equations of {group!r} define this name too")
    for group, names in defined.items():
        for name in sorted(names & (RESERVED - {ACTIVITY if group == INPUT else ""})):
            fail(f"neurons.{group}.equations", f"{name!r} is taken, the learner provides it")


def check_ends(model: Model, tables: Mapping[str, NeuronTable]) -> None:
    """Check that sources and targets exist, and can fire where synapses act at their spikes."""
    if not model.neurons:
        fail("neurons", "must have at least one population, such as [learner.neurons.actions]")
    if model.readout.group not in model.neurons:
        _unknown("readout.group", model.readout.group, model.neurons)
    for name, table in model.synapses.items():
        if table.source not in tables:
            _unknown(f"synapses.{name}.source", table.source, tables)
        if table.target not in model.neurons:
            _unknown(f"synapses.{name}.target", table.target, model.neurons)
        if table.on_pre:
            needs_threshold(model, table.source, f"synapses.{name}.on_pre")
        if table.on_post:
            needs_threshold(model, table.target, f"synapses.{name}.on_post")


def check_signals(
    model: Model, tables: Mapping[str, NeuronTable], group: str, names: Set[str], where: str
) -> None:
    """Check that the neurons of a group have the signals that code reads."""
    readout = model.readout.group
    if "chosen" in names and group != readout:
        fail(where, f"only the readout population {readout!r} has 'chosen', not {group!r}")
    if "count" in names and not tables[group].threshold:
        fail(where, f"'count' counts the spikes of {group!r}, which has no threshold")


def check_indices(code: str, where: str) -> None:
    """Check that code does not depend on the place of its episode in the tile."""
    for name in sorted(names_in(code) & OF_THE_TILE):
        fail(
            where,
            f"{name!r} counts through all episodes; use index, or index_pre and index_post, which "
            "count from 0 in each",
        )


def needs_threshold(model: Model, group: str, reader: str) -> None:
    """Check that a population whose spikes ``reader`` needs can fire."""
    if group == INPUT:
        if model.input.coding == "graded":
            fail("input.coding", f'"graded" has no spikes, which {reader} needs')
    elif not model.neurons[group].threshold.strip():
        fail(f"neurons.{group}.threshold", f"must be given, since {reader} needs its spikes")


def _unknown(where: str, name: str, names: Iterable[str]) -> None:
    there = ", ".join(names)
    fail(where, f"no population {name!r}; there are {there}{did_you_mean(name, names)}")
