"""What happens between two windows of simulated time in the episodes of a user's own model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.brian.batch import Batch
from spikeloop.workers.brian.equations import parsed
from spikeloop.workers.brian.rollout import Course
from spikeloop.workers.brian.units import in_unit
from spikeloop.workers.encoding import PopulationCode, one_hot
from spikeloop.workers.learners.brian_model.compile import (
    FIRST,
    READ,
    START,
    UPDATE,
    VALUE,
    Expansion,
)
from spikeloop.workers.learners.brian_model.model import Model
from spikeloop.workers.learners.brian_model.names import ACTIVITY, INPUT
from spikeloop.workers.space import Parameters

NEVER = 2**31 - 1


@dataclass(frozen=True)
class Moment:
    """What a rule written in Python sees after a decision; first axes are episodes.

    Attributes:
        decision: its number, from 0.
        observation: what the decision was made upon: (n_episodes,) indices, or vectors.
        action: (n_episodes,) indices, or (n_episodes, n_actions) vectors.
        feedback: (n_episodes,) reward or target.
        next_observation: what is seen now.
        theta: hyperparameter or weights -> (n_episodes, ...) values in their own units.
        array: values of a variable of a population or of synapses, (n_episodes, n) in SI units, to
            be read and to be written in place: ``moment.array("plastic", "w")``. They are those of
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


Rule = Callable[[Moment], None]


class Agents:
    """What the agents of a tile do between two windows of simulated time."""

    def __init__(
        self,
        model: Model,
        expansion: Expansion,
        parameters: Parameters,
        course: Course,
        batch: Batch,
        rule: Rule | None,
    ) -> None:
        self._model, self._expansion, self._course, self._batch = model, expansion, course, batch
        self._theta = {
            p.name: course.of_episodes(parameters[p.name]) for p in parameters.space.parameters
        }
        self._rule, self._memory = rule, dict[str, NDArray[Any]]()
        self._activity = batch.array(INPUT, ACTIVITY)
        self._observation = course.observe()
        self._broken = np.zeros(course.n_episodes, dtype=np.bool_)

    def between(self, decision: int) -> None:
        """Ends the window before, begins the next one."""
        if decision == 0:
            self._be_born()
        else:
            self._act(decision - 1)
        if decision < self._course.n_steps:
            self._activity[:] = self._rates()
            self._set("count", 0)
            self._set("decision", decision)
            if self._model.readout.by == "first":
                self._batch.array(self._model.readout.group, FIRST)[:] = NEVER

    def broken(self) -> NDArray[np.bool_]:
        """(n_episodes,) whether an episode's numbers are nan, or its actions were none."""
        broken = self._broken
        blueprint = self._expansion.blueprint
        equations = {name: part.equations for name, part in blueprint.neurons.items()}
        equations |= {name: part.equations for name, part in blueprint.synapses.items()}
        for group, text in equations.items():
            for name in _variables(text):
                values = self._batch.array(group, name)
                if values.dtype.kind == "f":
                    broken = broken | ~np.isfinite(values).all(axis=1)
        return broken

    def _be_born(self) -> None:
        model, batch = self._model, self._batch
        for name, table in model.hyperparameters.items():
            values = in_unit(self._theta[name], table.unit)
            for group in self._expansion.holders[name]:
                batch.array(group, name)[:] = values[:, None]
        for group in self._expansion.holders["index"]:
            batch.array(group, "index")[:] = np.arange(batch.blueprint.neurons[group].n)
        batch.call(START)
        for name, weights in model.weights.items():
            values = in_unit(self._theta[name], weights.unit)
            batch.array(weights.group, weights.variable)[:] = values

    def _act(self, decision: int) -> None:
        model, course, batch = self._model, self._course, self._batch
        values = self._values()
        action: IntArray | FloatArray
        if course.interface.actions == "discrete":
            action = course.pick(values)
            n = self._expansion.n_per_action
            neuron = np.arange(batch.blueprint.neurons[model.readout.group].n)
            self._set("chosen", neuron // n == action[:, None])
        else:
            action = values / self._expansion.n_per_action
        feedback = course.step(action)
        seen, self._observation = self._observation, course.observe()
        self._set("feedback", feedback[:, None])
        if self._rule is not None:
            batch.call(UPDATE)
            moment = partial(Moment, decision, seen, action, feedback, self._observation)
            self._rule(moment(self._theta, batch.array, self._memory))
        batch.tell()

    def _values(self) -> FloatArray:
        """(n_episodes, n_actions) each action's neurons: the sum; for "first" the earliest."""
        readout, course = self._model.readout, self._course
        if readout.by in ("count", "first"):
            name = "count" if readout.by == "count" else FIRST
            each = self._batch.array(readout.group, name).astype(np.float64)
        else:
            self._batch.call(READ)
            each = self._batch.array(readout.group, VALUE)
        each = each.reshape(course.n_episodes, course.interface.n_actions, -1)
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
        interface, table = self._course.interface, self._model.input
        if interface.observations == "discrete":
            rates = one_hot(np.asarray(self._observation, dtype=np.int64), interface.n_observations)
        else:
            low, high = interface.observation_range
            code = PopulationCode(low, high, table.per_dimension, table.width)
            rates = code.encode(np.asarray(self._observation, dtype=np.float64))
        return rates

    def _set(self, signal: str, values: Any) -> None:
        for group in self._expansion.holders[signal]:
            self._batch.array(group, signal)[:] = values


def _variables(equations: str) -> list[str]:
    """Names of differential equations and parameters, which have values of their own."""
    found = parsed(equations, "equations")
    return [name for name, equation in found.items() if equation.type != "subexpression"]
