"""Whether a user's model can run: every name, unit and method of it, before anything runs."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from spikeloop.tasks.base import Interface
from spikeloop.workers.brian.equations import fail, parsed, reason, statements
from spikeloop.workers.brian.noise import per_episode
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.targets import own_preferences
from spikeloop.workers.brian.units import quantity, unit
from spikeloop.workers.learners.brian_model.compile import Expansion
from spikeloop.workers.learners.brian_model.dry_run import try_out
from spikeloop.workers.learners.brian_model.input import check_input
from spikeloop.workers.learners.brian_model.model import Model
from spikeloop.workers.learners.brian_model.names import INPUT, SIGNALS
from spikeloop.workers.learners.brian_model.namespace import Scope, specimen
from spikeloop.workers.learners.brian_model.settings import InputTable, NeuronTable, SynapseTable

_checked: set[str] = set()


def check(model: Model, expansion: Expansion, interface: Interface) -> None:
    """Checks a model, once in a process.

    Raises:
        ValueError: one line that names table, key and the piece of code.
    """
    key = expansion.blueprint.digest() + model.model_dump_json() + interface.observations
    if key in _checked:
        return
    with own_preferences():
        scopes = _check_code(model, expansion, interface)
        for name in model.hyperparameters:
            if not expansion.holders[name]:
                fail(f"hyperparameters.{name}", "no equation, statement or expression uses it")
        _check_weights(model, scopes)
        _check_set(model)
        try_out(model, expansion)
    _checked.add(key)


def _check_code(model: Model, expansion: Expansion, interface: Interface) -> dict[str, Scope]:
    b2 = brian2()
    shared = {
        "clock": b2.Clock(expansion.blueprint.dt_s * b2.second, name="episodes_clock"),
        "namespace": _symbols(expansion),
    }
    groups: dict[str, Any] = {}
    scopes: dict[str, Scope] = {}
    for name, table in expansion.tables.items():
        neurons, where = expansion.blueprint.neurons[name], f"neurons.{name}"
        _check_random(*((model.input, "input") if name == INPUT else (table, where)))
        _check_refractory(table, where)
        with _located(f"{where}.equations"):
            groups[name] = specimen("NeuronGroup")(
                1,
                neurons.equations,
                threshold=neurons.threshold or None,
                reset="" if neurons.threshold else None,
                refractory=neurons.refractory or False,
                **shared,
            )
        scopes[name] = scope = _scope(model, groups[name])
        if name == INPUT:
            check_input(model, neurons.equations, interface, scope, shared)
        else:
            _check_neurons(table, scope, where)
    for name, synapses in model.synapses.items():
        where = f"synapses.{name}"
        _check_random(synapses, where)
        _check_driven(synapses, where)
        source, target = groups[synapses.source], groups[synapses.target]
        with _located(f"{where}.equations"):
            made = specimen("Synapses")(source, target, synapses.equations or None, **shared)
        _check_event_driven(made, where)
        scopes[name] = scope = _scope(model, made)
        scope.equations(parsed(synapses.equations, f"{where}.equations"), f"{where}.equations")
        for key in ("on_pre", "on_post", "on_feedback"):
            scope.statements(getattr(synapses, key), f"{where}.{key}")
        _check_initial(synapses.initial, scope, where)
    if model.readout.by not in ("count", "first"):
        scopes[model.readout.group].expression(model.readout.by, 1, "readout.by")
    return scopes


def _check_neurons(table: NeuronTable, scope: Scope, where: str) -> None:
    scope.equations(parsed(table.equations, f"{where}.equations"), f"{where}.equations")
    if table.threshold:
        scope.boolean(table.threshold, f"{where}.threshold")
    elif table.reset or table.refractory:
        fail(f"{where}.threshold", "must be given where there is a reset or refractory time")
    if table.refractory:
        scope.refractory(table.refractory, f"{where}.refractory")
    scope.statements(table.reset, f"{where}.reset")
    scope.statements(table.on_feedback, f"{where}.on_feedback")
    _check_initial(table.initial, scope, where)


def _check_refractory(table: NeuronTable, where: str) -> None:
    if not table.refractory and "unless refractory" in table.equations:
        fail(f"{where}.refractory", "must be given for equations with (unless refractory)")


def _check_initial(initial: Mapping[str, str], scope: Scope, where: str) -> None:
    for variable, text in initial.items():
        scope.variable(variable, f"{where}.initial")
        scope.statements(f"{variable} = {text}", f"{where}.initial")


def _check_driven(table: SynapseTable, where: str) -> None:
    for equation in parsed(table.equations, f"{where}.equations").values():
        if equation.type == "differential equation" and not equation.flags:
            what = "must say (event-driven), or (clock-driven), which costs time in every step"
            fail(f"{where}.equations", what, f"d{equation.varname}/dt")


def _check_event_driven(synapses: Any, where: str) -> None:
    from brian2.stateupdaters.base import UnsupportedEquationsException
    from brian2.stateupdaters.exact import linear

    if synapses.event_driven is not None:
        try:
            linear(synapses.event_driven, synapses.variables)
        except UnsupportedEquationsException as error:
            what = "only linear equations can be (event-driven), use (clock-driven)"
            fail(f"{where}.equations", f"{what}: {reason(error)}")


def _check_random(table: InputTable | NeuronTable | SynapseTable, where: str) -> None:
    """Random numbers must be of the kinds that an episode can have of its own."""
    for key, code in table:
        for text in code.values() if isinstance(code, dict) else [code]:
            if isinstance(text, str):
                try:
                    per_episode(text, 0, "element", equations=key == "equations")
                except ValueError as error:
                    raise ValueError(f"{where}.{key}: {error}") from None


def _check_weights(model: Model, scopes: Mapping[str, Scope]) -> None:
    searched: dict[str, str] = {}
    for name, table in model.weights.items():
        where = f"weights.{name}"
        if table.group not in scopes or table.group == INPUT:
            there = ", ".join((*model.neurons, *model.synapses))
            fail(f"{where}.group", f"no population or synapses {table.group!r}; there are {there}")
        variable = scopes[table.group].variable(table.variable, f"{where}.variable")
        try:
            given = brian2().get_dimensions(unit(table.unit))
        except ValueError as error:
            raise ValueError(f"{where}.unit: {error}") from None
        if given is not variable.dim:
            what = f"{table.variable!r} is in {variable.unit!r}, got {table.unit}"
            fail(f"{where}.unit", what)
        tables: Mapping[str, NeuronTable | SynapseTable] = {**model.neurons, **model.synapses}
        at_birth = f"{table.group}.{table.variable}"
        if table.variable in tables[table.group].initial:
            fail(where, f"{at_birth} has an initial value too, which the weights would replace")
        if at_birth in searched:
            fail(where, f"{at_birth} has {searched[at_birth]} too; one of them is in vain")
        searched[at_birth] = where


def _check_set(model: Model) -> None:
    """A parameter that nothing sets is 0 for ever, which nobody means."""
    for kind in ("neurons", "synapses"):
        for name, table in getattr(model, kind).items():
            given = {t.variable for t in model.weights.values() if t.group == name}
            given |= set(table.initial) | _set_by(model, name)
            for equation in parsed(table.equations, f"{kind}.{name}.equations").values():
                if equation.type == "parameter" and equation.varname not in given:
                    what = "is 0 for ever: give it an initial value, or set it in statements"
                    fail(f"{kind}.{name}.equations", what, equation.varname)


def _set_by(model: Model, name: str) -> set[str]:
    """Variables of a population or group of synapses that statements set."""
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


@contextmanager
def _located(where: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of names, flags or dependencies; Brian2 has no common class
        fail(where, reason(error))


def _scope(model: Model, group: Any) -> Scope:
    forbidden = {name: "a hyperparameter" for name in model.hyperparameters}
    forbidden |= {name: "a constant" for name in model.constants}
    forbidden |= {name: "provided by the learner" for name in (*SIGNALS, "activity", "window")}
    for name, what in list(forbidden.items()):
        forbidden |= {f"{name}_pre": what, f"{name}_post": what}
    units = {name: table.unit for name, table in model.hyperparameters.items()}
    return Scope(group, forbidden, units)


def _symbols(expansion: Expansion) -> dict[str, Any]:
    return {name: quantity(text) for name, text in expansion.blueprint.constants.items()}
