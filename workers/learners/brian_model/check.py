"""Checks of a user's model before anything runs: every name, unit and integration method."""

import re
from collections.abc import Mapping
from typing import Any

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.brian.equations import fail, located, one_line_reason, parsed, statements
from spikeloop.workers.brian.noise import per_episode
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.targets import own_preferences
from spikeloop.workers.brian.units import quantity, unit
from spikeloop.workers.learners.brian_model.compile import CompiledModel
from spikeloop.workers.learners.brian_model.dry_run import try_out
from spikeloop.workers.learners.brian_model.input import check_input
from spikeloop.workers.learners.brian_model.names import ACTIVITY, INPUT, SIGNALS, WINDOW
from spikeloop.workers.learners.brian_model.namespace import Namespace, specimen
from spikeloop.workers.learners.brian_model.settings import (
    Model,
    NeuronTable,
    SynapseTable,
    code_of_table,
)

_checked: set[str] = set()


def check_model(model: Model, compiled: CompiledModel, interface: Interface) -> None:
    """Check a model, once in a process.

    Raises:
        ValueError: one line that names table, key and the piece of code.
    """
    key = compiled.blueprint.digest() + model.model_dump_json() + interface.observations
    if key in _checked:
        return
    with own_preferences():
        namespaces = _check_code(model, compiled, interface)
        for name in model.hyperparameters:
            if not compiled.holders[name]:
                fail(f"hyperparameters.{name}", "no equation, statement or expression uses it")
        _check_weights(model, namespaces)
        _check_set(model)
        try_out(model, compiled)
    _checked.add(key)


def _check_code(
    model: Model, compiled: CompiledModel, interface: Interface
) -> dict[str, Namespace]:
    b2, blueprint = brian2(), compiled.blueprint
    shared = {
        "clock": b2.Clock(blueprint.dt_s * b2.second, name="episodes_clock"),
        "namespace": {name: quantity(text) for name, text in blueprint.constants.items()},
    }
    groups: dict[str, Any] = {}
    namespaces: dict[str, Namespace] = {}
    for name, table in compiled.tables.items():
        neurons, where = blueprint.neurons[name], f"neurons.{name}"
        _check_random(*((model.input, "input") if name == INPUT else (table, where)))
        if not table.refractory and "unless refractory" in table.equations:
            fail(f"{where}.refractory", "must be given for equations with (unless refractory)")
        with located(f"{where}.equations"):
            groups[name] = specimen("NeuronGroup")(
                1,
                neurons.equations,
                threshold=neurons.threshold or None,
                reset="" if neurons.threshold else None,
                refractory=neurons.refractory or False,
                **shared,
            )
        namespaces[name] = _namespace_of(model, groups[name])
        if name == INPUT:
            check_input(model, neurons.equations, interface, namespaces[name], shared)
        else:
            _check_neurons(table, namespaces[name], where)
    for name, synapses in model.synapses.items():
        where = f"synapses.{name}"
        _check_random(synapses, where)
        source, target = groups[synapses.source], groups[synapses.target]
        with located(f"{where}.equations"):
            made = specimen("Synapses")(source, target, synapses.equations or None, **shared)
        namespaces[name] = _namespace_of(model, made)
        _check_synapses(synapses, made, namespaces[name], where)
    if model.readout.by not in ("count", "first"):
        namespaces[model.readout.group].expression(model.readout.by, 1, "readout.by")
    return namespaces


def _check_neurons(table: NeuronTable, namespace: Namespace, where: str) -> None:
    namespace.equations(parsed(table.equations, f"{where}.equations"), f"{where}.equations")
    if table.threshold:
        namespace.boolean(table.threshold, f"{where}.threshold")
    elif table.reset or table.refractory:
        fail(f"{where}.threshold", "must be given where there is a reset or refractory time")
    if table.refractory:
        namespace.refractory(table.refractory, f"{where}.refractory")
    _check_statements(table, namespace, where)


def _check_synapses(table: SynapseTable, made: Any, namespace: Namespace, where: str) -> None:
    from brian2.stateupdaters.base import UnsupportedEquationsException
    from brian2.stateupdaters.exact import linear

    equations = parsed(table.equations, f"{where}.equations")
    for equation in equations.values():
        if equation.type == "differential equation" and not equation.flags:
            what = "must say (event-driven), or (clock-driven), which costs time in every step"
            fail(f"{where}.equations", what, f"d{equation.varname}/dt")
    if made.event_driven is not None:
        try:
            linear(made.event_driven, made.variables)
        except UnsupportedEquationsException as error:
            what = "only linear equations can be (event-driven), use (clock-driven)"
            fail(f"{where}.equations", f"{what}: {one_line_reason(error)}")
    namespace.equations(equations, f"{where}.equations")
    _check_statements(table, namespace, where)


def _check_statements(table: NeuronTable | SynapseTable, namespace: Namespace, where: str) -> None:
    for place, code in code_of_table(table).items():
        key, _, variable = place.partition(".")
        if key == "initial":
            namespace.variable(variable, f"{where}.initial")
            namespace.statements(f"{variable} = {code}", f"{where}.initial")
        elif key == "reset" or key.startswith("on_"):
            namespace.statements(code, f"{where}.{key}")


def _check_random(table: Settings, where: str) -> None:
    """Check that random numbers are of the kinds that an episode can have of its own."""
    for place, text in code_of_table(table).items():
        key = place.partition(".")[0]
        with located(f"{where}.{key}"):
            per_episode(text, 0, "element", equations=key == "equations")


def _check_weights(model: Model, namespaces: Mapping[str, Namespace]) -> None:
    tables: Mapping[str, NeuronTable | SynapseTable] = {**model.neurons, **model.synapses}
    searched: dict[str, str] = {}
    for name, table in model.weights.items():
        where = f"weights.{name}"
        if table.group not in tables:
            there = ", ".join(tables)
            fail(f"{where}.group", f"no population or synapses {table.group!r}; there are {there}")
        variable = namespaces[table.group].variable(table.variable, f"{where}.variable")
        with located(f"{where}.unit"):
            given = unit(table.unit)
        if brian2().get_dimensions(given) is not variable.dim:
            what = f"{table.variable!r} is in {variable.unit!r}, got {table.unit}"
            fail(f"{where}.unit", what)
        initial = f"{table.group}.{table.variable}"
        if table.variable in tables[table.group].initial:
            fail(where, f"{initial} has an initial value too, which the weights would replace")
        if initial in searched:
            fail(where, f"{initial} has {searched[initial]} too; only one of them can act")
        searched[initial] = where


def _check_set(model: Model) -> None:
    """Refuse parameters that nothing sets, which would always be 0."""
    for kind in ("neurons", "synapses"):
        for name, table in getattr(model, kind).items():
            given = {t.variable for t in model.weights.values() if t.group == name}
            given |= set(table.initial) | _set_by(model, name)
            for equation in parsed(table.equations, f"{kind}.{name}.equations").values():
                if equation.type == "parameter" and equation.varname not in given:
                    what = "is always 0: give it an initial value, or set it in statements"
                    fail(f"{kind}.{name}.equations", what, equation.varname)


def _set_by(model: Model, name: str) -> set[str]:
    """Return the variables of a population or group of synapses that statements set."""
    if name in model.synapses:
        own = model.synapses[name]
        return _targets(own.on_pre, own.on_post, own.on_feedback)
    found = _targets(model.neurons[name].reset, model.neurons[name].on_feedback)
    for synapses in model.synapses.values():
        words = _targets(synapses.on_pre, synapses.on_post, synapses.on_feedback)
        words |= set(parsed(synapses.equations, "").names)  # summed variables
        if synapses.target == name:
            found |= words | {word.removesuffix("_post") for word in words}
        if synapses.source == name:
            found |= {word.removesuffix("_pre") for word in words if word.endswith("_pre")}
    return found


def _targets(*code: str) -> set[str]:
    lines = [line for text in code for line in statements(text)]
    return {match[0] for line in lines if (match := re.match(r"[A-Za-z_]\w*", line))}


def _namespace_of(model: Model, group: Any) -> Namespace:
    forbidden = dict.fromkeys(model.hyperparameters, "a hyperparameter")
    forbidden |= dict.fromkeys(model.constants, "a constant")
    forbidden |= dict.fromkeys((*SIGNALS, ACTIVITY, WINDOW), "provided by the learner")
    for name, what in list(forbidden.items()):
        forbidden |= {f"{name}_pre": what, f"{name}_post": what}
    units = {name: table.unit for name, table in model.hyperparameters.items()}
    return Namespace(group, forbidden, units)
