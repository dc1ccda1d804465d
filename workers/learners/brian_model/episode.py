"""Between two windows of simulated time, in the episodes of a user's own model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import NEVER_FIRED, Population, SynapseGroup
from spikeloop.workers.brian.equations import parsed
from spikeloop.workers.brian.units import in_unit
from spikeloop.workers.encoding import PopulationCode, one_hot
from spikeloop.workers.learners.brian_model.compile import (
    FIRST,
    READ,
    START,
    UPDATE,
    VALUE,
    CompiledModel,
)
from spikeloop.workers.learners.brian_model.names import ACTIVITY, INPUT
from spikeloop.workers.learners.brian_model.settings import Model
from spikeloop.workers.rollout import Rollout
from spikeloop.workers.space import Parameters


@dataclass(frozen=True)
class DecisionView:
    """A decision as a rule written in Python sees it afterwards; first axes are episodes.

    Attributes:
        decision: its number, from 0.
        observation: before the decision: (n_episodes,) indices, or vectors.
        action: (n_episodes,) indices, or (n_episodes, n_actions) vectors.
        feedback: (n_episodes,) feedback: reward or target.
        next_observation: after the decision.
        theta: hyperparameter or weights -> (n_episodes, ...) values in their own units.
        array: values of a variable of a population or of synapses, (n_episodes, n) in SI units, to
            be read and to be written in place: ``view.array("plastic", "w")``. They are those of
            the end of the window, of event-driven variables too.
        memory: arrays of the rule's own; empty at the first decision.
    """

    decision: int
    observation: IntArray | FloatArray
    action: IntArray | FloatArray
    feedback: FloatArray
    next_observation: IntArray | FloatArray
    theta: Mapping[str, FloatArray]
    array: Callable[[str, str], NDArray[Any]]
    memory: dict[str, NDArray[Any]]


PythonRule = Callable[[DecisionView], None]


class ModelAgents:
    """The agents of a tile, which act and learn between two windows of simulated time."""

    def __init__(
        self,
        model: Model,
        compiled: CompiledModel,
        parameters: Parameters,
        rollout: Rollout,
        batch: BatchedNetwork,
        rule: PythonRule | None,
    ) -> None:
        self._model, self._compiled, self._rollout, self._batch = model, compiled, rollout, batch
        self._theta = rollout.theta(parameters)
        self._rule, self._memory = rule, dict[str, NDArray[Any]]()
        self._activity = batch.array(INPUT, ACTIVITY)
        self._observation = rollout.observe()
        self._broken = np.zeros(rollout.n_episodes, dtype=np.bool_)

    def between_windows(self, decision: int) -> None:
        """Act by the results of the window before, and set the inputs of the next one."""
        if decision == 0:
            self._initialise()
        else:
            self._act(decision - 1)
        if decision < self._rollout.n_steps:
            self._activity[:] = self._rates()
            self._set("count", 0)
            self._set("decision", decision)
            if self._model.readout.by == "first":
                self._batch.array(self._model.readout.group, FIRST)[:] = NEVER_FIRED

    def broken(self) -> NDArray[np.bool_]:
        """Return whether an episode's variables or actions are no longer numbers, (n_episodes,)."""
        broken = self._broken
        blueprint = self._compiled.blueprint
        parts: dict[str, Population | SynapseGroup] = {**blueprint.neurons, **blueprint.synapses}
        for group, part in parts.items():
            for name in _variables(part.equations):
                values = self._batch.array(group, name)
                if values.dtype.kind == "f":
                    broken = broken | ~np.isfinite(values).all(axis=1)
        return broken

    def _initialise(self) -> None:
        model, batch = self._model, self._batch
        for name, table in model.hyperparameters.items():
            values = in_unit(self._theta[name], table.unit)
            for group in self._compiled.holders[name]:
                batch.array(group, name)[:] = values[:, None]
        for group in self._compiled.holders["index"]:
            batch.array(group, "index")[:] = np.arange(batch.blueprint.neurons[group].n)
        batch.call(START)
        for name, weights in model.weights.items():
            values = in_unit(self._theta[name], weights.unit)
            batch.array(weights.group, weights.variable)[:] = values

    def _act(self, decision: int) -> None:
        model, rollout, batch = self._model, self._rollout, self._batch
        values = self._values()
        action: IntArray | FloatArray
        if rollout.interface.actions == "discrete":
            action = rollout.pick(values)
            n = self._compiled.n_per_action
            neuron = np.arange(batch.blueprint.neurons[model.readout.group].n)
            self._set("chosen", neuron // n == action[:, None])
        else:
            action = values / self._compiled.n_per_action
        feedback = rollout.step(action)
        seen, self._observation = self._observation, rollout.observe()
        self._set("feedback", feedback[:, None])
        if self._rule is not None:
            batch.call(UPDATE)
            moment = partial(DecisionView, decision, seen, action, feedback, self._observation)
            self._rule(moment(self._theta, batch.array, self._memory))
        batch.run_feedback()

    def _values(self) -> FloatArray:
        """Return each action's readout (n_episodes, n_actions), summed over its neurons."""
        readout, rollout = self._model.readout, self._rollout
        if readout.by in ("count", "first"):
            name = "count" if readout.by == "count" else FIRST
            each = self._batch.array(readout.group, name).astype(np.float64)
        else:
            self._batch.call(READ)
            each = self._batch.array(readout.group, VALUE)
        each = each.reshape(rollout.n_episodes, rollout.interface.n_actions, -1)
        self._broken |= ~np.isfinite(each).all(axis=(1, 2))
        if readout.by == "first":
            earliest: FloatArray = -each.min(axis=2)
            return earliest
        # One after the other, since numpy's own order of sums depends on the number of episodes.
        total = np.zeros(each.shape[:2])
        for neuron in range(each.shape[2]):
            total += each[:, :, neuron]
        return total

    def _rates(self) -> FloatArray:
        rates: FloatArray
        interface, table = self._rollout.interface, self._model.input
        if interface.observations == "discrete":
            rates = one_hot(np.asarray(self._observation, dtype=np.int64), interface.n_observations)
        else:
            low, high = interface.observation_range
            code = PopulationCode(low, high, table.per_dimension, table.width)
            rates = code.encode(np.asarray(self._observation, dtype=np.float64))
        return rates

    def _set(self, signal: str, values: Any) -> None:
        for group in self._compiled.holders[signal]:
            self._batch.array(group, signal)[:] = values


def _variables(equations: str) -> list[str]:
    """Return names of differential equations and parameters, which have values of their own."""
    found = parsed(equations, "equations")
    return [name for name, equation in found.items() if equation.type != "subexpression"]
