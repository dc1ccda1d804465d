"""From a user's tables to the blueprint of one episode's network.

Added to what the tables say are the population "input", a parameter for each hyperparameter that a
population's code or that of synapses onto it mentions, and likewise the variables that tell neurons
what happened: ``SIGNALS``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import Interface
from spikeloop.workers.brian.blueprint import Blueprint, Neurons, Synapses, Wiring
from spikeloop.workers.brian.equations import dimension_text, fail, names_in, parsed
from spikeloop.workers.brian.units import unit
from spikeloop.workers.learners.brian_model.cost import check_cost
from spikeloop.workers.learners.brian_model.model import Model
from spikeloop.workers.learners.brian_model.names import (
    ACTIVITY,
    INPUT,
    SIGNALS,
    WINDOW,
    check_ends,
    check_indices,
    check_names,
    check_signals,
    check_symbols,
    located,
    needs_threshold,
)
from spikeloop.workers.learners.brian_model.settings import SIZE, NeuronTable, Size, SynapseTable
from spikeloop.workers.learners.brian_model.wiring import wiring_of

START, READ, UPDATE = "start", "read", "update"
"""Code that runs at birth, at the end of a window, and before a rule in Python looks."""
VALUE, FIRST = "episode_value", "episode_first"
"""What a readout neuron is worth, and the time step of its first spike in a window."""


@dataclass(frozen=True)
class Expansion:
    """The network of one episode, and where its added variables are.

    Attributes:
        blueprint: of one episode.
        tables: all populations, also "input".
        holders: hyperparameter or signal -> populations that have it as a variable.
        n_per_action: neurons of the readout population for each action.
    """

    blueprint: Blueprint
    tables: Mapping[str, NeuronTable]
    holders: Mapping[str, tuple[str, ...]]
    n_per_action: int


def expand(model: Model, interface: Interface, has_rule: bool = False) -> Expansion:
    """The network of one episode in a family.

    Args:
        model: the user's tables.
        interface: of the family.
        has_rule: whether a rule in Python looks at the synapses, whose event-driven variables must
            then be brought up to date for it.

    Raises:
        ValueError: one line that names table and key of what does not fit together.
        MissingBrian: Brian2 is not there.
    """
    check_names(model)
    check_cost(model)
    tables = {INPUT: _input(model, interface), **model.neurons}
    n = {name: _n(table.n, interface) for name, table in tables.items()}
    defined = {
        name: set(parsed(table.equations, f"neurons.{name}.equations").names)
        for name, table in tables.items()
    }
    check_ends(model, tables)
    check_symbols(model, defined)
    used = _used(model, tables)
    units = {
        name: dimension_text(located(unit, table.unit, f"hyperparameters.{name}.unit"))
        for name, table in model.hyperparameters.items()
    }
    n_per_action = _readout(model, interface, n)
    reads = {model.readout.group: model.readout.by}
    if model.readout.by == "count":
        used[model.readout.group].add("count")
    neurons = {
        name: _neurons(table, n[name], used[name], units, reads.get(name, ""))
        for name, table in tables.items()
    }
    synapses = {
        name: _synapses(model, name, table, n, has_rule) for name, table in model.synapses.items()
    }
    constants = {**model.constants, WINDOW: f"{model.window_ms!r}*ms"}
    holders = {
        name: tuple(group for group, names in used.items() if name in names)
        for name in (*units, *SIGNALS)
    }
    return Expansion(
        Blueprint(model.step_ms * 1e-3, neurons, synapses, constants),
        tables,
        holders,
        n_per_action,
    )


def _input(model: Model, interface: Interface) -> NeuronTable:
    """The population whose units carry the observation."""
    table = model.input
    n = interface.n_observations
    if interface.observations == "continuous":
        n *= table.per_dimension
    steps = model.window_steps
    threshold = {
        "poisson": f"rand() < {ACTIVITY} * ({table.rate}) * dt",
        "spike": f"{ACTIVITY} > 0 and t_in_timesteps % {steps} == int(({table.at}) / dt + 0.5)",
        "graded": "",
    }[table.coding]
    return NeuronTable(n=n, equations=f"{ACTIVITY} : 1", threshold=threshold)


def _n(size: Size, interface: Interface) -> int:
    if isinstance(size, int):
        return size
    match = SIZE.fullmatch(size.strip())
    assert match is not None  # the table was validated
    count = interface.n_actions if match[2] == "actions" else interface.n_observations
    return int(match[1] or 1) * count


def _readout(model: Model, interface: Interface, n: Mapping[str, int]) -> int:
    """Checks the readout; neurons for each action."""
    readout, n_actions = model.readout, interface.n_actions
    if readout.by in ("count", "first"):
        if interface.actions != "discrete":
            raise ValueError(
                f'{model.kind} needs discrete actions for readout.by = "{readout.by}", or an '
                'expression such as "0.05*count", got continuous actions'
            )
        needs_threshold(model, readout.group, f"readout.by = {readout.by!r}")
    if n[readout.group] % n_actions:
        fail(
            f"neurons.{readout.group}.n",
            f"must be a multiple of the {n_actions} actions, since the action is read from it, "
            f"got {n[readout.group]}",
        )
    return n[readout.group] // n_actions


def _used(model: Model, tables: Mapping[str, NeuronTable]) -> dict[str, set[str]]:
    """Hyperparameters and signals that each population needs as variables."""
    added = {*model.hyperparameters, *SIGNALS}
    for name, table in tables.items():
        check_indices(_code(table), f"neurons.{name}")
    check_indices(model.readout.by, "readout.by")
    used = {name: {*names_in(_code(table))} & added for name, table in tables.items()}
    used[model.readout.group] |= names_in(model.readout.by) & added
    for group, names in used.items():
        check_signals(model, tables, group, names, f"neurons.{group}")
    for name, synapses in model.synapses.items():
        own = set(parsed(synapses.equations, f"synapses.{name}.equations").names)
        check_indices(_code(synapses), f"synapses.{name}")
        ends = {"pre": synapses.source, "post": synapses.target}
        for word in names_in(_code(synapses)) - own:
            stem, _, ending = word.rpartition("_")
            if word in added:
                stem, ending = word, "post"
            if ending in ends and stem in added:
                used[ends[ending]].add(stem)
                check_signals(model, tables, ends[ending], {stem}, f"synapses.{name}")
    return used


def _code(table: NeuronTable | SynapseTable) -> str:
    """All code of a table, to look for names in."""
    code = [table.equations, table.on_feedback, *table.initial.values()]
    if isinstance(table, NeuronTable):
        code += [table.threshold, table.reset, table.refractory]
    else:
        code += [table.on_pre, table.on_post]
    return "\n".join(code)


def _neurons(
    table: NeuronTable, n: int, used: set[str], units: Mapping[str, str], by: str
) -> Neurons:
    added = [f"{name} : {units[name]} (constant)" for name in units if name in used]
    added += [f"{name} : {kind}" for name, kind in SIGNALS.items() if name in used]
    on_call, counted = _at_start(table.initial), ["count += 1"] if "count" in used else []
    if by == "first":
        added.append(f"{FIRST} : integer")
        counted.append(f"{FIRST} = clip({FIRST}, 0, t_in_timesteps)")
    elif by not in ("", "count"):
        added.append(f"{VALUE} : 1")
        on_call[READ] = f"{VALUE} = {by}"
    return Neurons(
        n,
        "\n".join([table.equations.strip("\n"), *added]),
        threshold=table.threshold,
        reset="\n".join([*filter(None, [table.reset.strip("\n")]), *counted]),
        refractory=table.refractory,
        method=table.method,
        on_feedback=table.on_feedback,
        on_call=on_call,
    )


def _synapses(
    model: Model, name: str, table: SynapseTable, n: Mapping[str, int], has_rule: bool
) -> Synapses:
    wiring = wiring_of(model, name, table, n[table.source], n[table.target])
    delay_steps = round(table.delay_ms / model.step_ms)
    if delay_steps:
        wiring = Wiring(wiring.pre, wiring.post, np.full(wiring.pre.size, delay_steps))
    on_call = _at_start(table.initial)
    if has_rule and any("event-driven" in e.flags for e in parsed(table.equations, name).values()):
        on_call[UPDATE] = ""  # no statements but those that all code of synapses begins with
    return Synapses(
        table.source,
        table.target,
        wiring,
        table.equations,
        on_pre=table.on_pre,
        on_post=table.on_post,
        on_feedback=table.on_feedback,
        method=table.method,
        on_call=on_call,
        up_to_date=True,
    )


def _at_start(initial: Mapping[str, str]) -> dict[str, str]:
    # As code of the network, which sees the episode's hyperparameters and its own random numbers.
    code = "\n".join(f"{name} = {text}" for name, text in initial.items())
    return {START: code} if code else {}
