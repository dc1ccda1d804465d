"""From a user's tables to the blueprint of one episode's network.

The learner adds the population "input", a parameter for each hyperparameter that a population's
code or that of its synapses mentions, and the ``SIGNALS`` that they mention.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import Interface
from spikeloop.workers.brian.blueprint import Blueprint, Connections, Population, SynapseGroup
from spikeloop.workers.brian.equations import dimension_text, fail, located, names_in, parsed
from spikeloop.workers.brian.units import unit
from spikeloop.workers.learners.brian_model.cost import check_cost
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
    needs_threshold,
)
from spikeloop.workers.learners.brian_model.settings import (
    SIZE,
    Model,
    NeuronTable,
    PopulationSize,
    SynapseTable,
    code_of_table,
)
from spikeloop.workers.learners.brian_model.wiring import connections_of

START, READ, UPDATE = "start", "read", "update"
"""Code that runs at the start, at the end of a window, and before a rule in Python."""
VALUE, FIRST = "episode_value", "episode_first"
"""Value of a readout neuron, and the time step of its first spike in a window."""


@dataclass(frozen=True)
class CompiledModel:
    """The network of one episode, and the populations that have its added variables.

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


def compile_model(model: Model, interface: Interface, has_rule: bool = False) -> CompiledModel:
    """Compile the network of one episode in a family.

    With ``has_rule``, event-driven variables of synapses are brought up to date for a rule in
    Python.

    Raises:
        ValueError: one line with table and key of the mistake.
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
    units: dict[str, str] = {}
    for name, table in model.hyperparameters.items():
        with located(f"hyperparameters.{name}.unit"):
            units[name] = dimension_text(unit(table.unit))
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
    return CompiledModel(
        Blueprint(model.step_ms * 1e-3, neurons, synapses, constants), tables, holders, n_per_action
    )


def _input(model: Model, interface: Interface) -> NeuronTable:
    """Return the population whose units carry the observation."""
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


def _n(size: PopulationSize, interface: Interface) -> int:
    if isinstance(size, int):
        return size
    match = SIZE.fullmatch(size.strip())
    assert match is not None  # the table was validated
    count = interface.n_actions if match[2] == "actions" else interface.n_observations
    return int(match[1] or 1) * count


def _readout(model: Model, interface: Interface, n: Mapping[str, int]) -> int:
    """Check the readout, and return its neurons for each action."""
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
    """Return hyperparameters and signals that each population needs as variables."""
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
    """Return all code of a table, for a search of names."""
    return "\n".join(code_of_table(table).values())


def _neurons(
    table: NeuronTable, n: int, used: set[str], units: Mapping[str, str], by: str
) -> Population:
    added = [f"{name} : {units[name]} (constant)" for name in units if name in used]
    added += [f"{name} : {kind}" for name, kind in SIGNALS.items() if name in used]
    on_call, counted = _at_start(table.initial), ["count += 1"] if "count" in used else []
    if by == "first":
        added.append(f"{FIRST} : integer")
        counted.append(f"{FIRST} = clip({FIRST}, 0, t_in_timesteps)")
    elif by not in ("", "count"):
        added.append(f"{VALUE} : 1")
        on_call[READ] = f"{VALUE} = {by}"
    return Population(
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
) -> SynapseGroup:
    connections = connections_of(model, name, table, n[table.source], n[table.target])
    delay_steps = round(table.delay_ms / model.step_ms)
    if delay_steps:
        connections = Connections(
            connections.pre, connections.post, np.full(connections.pre.size, delay_steps)
        )
    on_call = _at_start(table.initial)
    if has_rule and any("event-driven" in e.flags for e in parsed(table.equations, name).values()):
        on_call[UPDATE] = ""  # no statements but those that all code of synapses begins with
    return SynapseGroup(
        table.source,
        table.target,
        connections,
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
