"""Bring your own model: neurons, synapses and learning rule as Brian2 equations with units.

The user writes the network of one life in the configuration (docs/own_model.md). A decision is a
window of simulated time: the observation sets the activity of the population "input", the network
runs, the readout population names the action, then ``on_told`` code learns from what was told.
"""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Lives
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.rollout import Course
from spikeloop.workers.brian.simulator import LOCK
from spikeloop.workers.brian.targets import Target, require
from spikeloop.workers.learners.brian_model.check import check
from spikeloop.workers.learners.brian_model.compile import Expansion, expand
from spikeloop.workers.learners.brian_model.episode import Agents, Moment, Rule
from spikeloop.workers.learners.brian_model.settings import (
    HyperparameterTable,
    InputTable,
    NeuronTable,
    ReadoutTable,
    SynapseTable,
    Text,
    WeightTable,
)
from spikeloop.workers.space import Parameters, ParameterSpace, Real, Weights
from spikeloop.workers.time_steps import whole_steps

__all__ = ["BrianModel", "Moment", "Rule"]


class BrianModel(Settings):
    """A learner made of Brian2 equations with units that the configuration spells out.

    Hyperparameters are symbols of the equations. Everything is checked when the space is asked
    for: symbols, units, syntax, names, integration methods.
    """

    kind: Literal["brian_model"] = "brian_model"
    window_ms: float = Field(default=20.0, ge=0.1, le=10_000, description="time of one decision")
    step_ms: float = Field(default=0.5, ge=0.001, le=10, description="time step of Brian2")
    target: Target = Field(default="numpy", description="what Brian2 generates code for")
    wiring_seed: int = Field(default=1, ge=0, lt=2**32, description="of random connections")
    input: InputTable = InputTable()
    neurons: dict[str, NeuronTable] = Field(default={}, description="populations by name")
    synapses: dict[str, SynapseTable] = Field(default={}, description="synapses by name")
    readout: ReadoutTable = ReadoutTable()
    constants: dict[str, Text] = Field(
        default={}, description='symbols with units, such as v_rest = "-60*mV"'
    )
    hyperparameters: dict[str, HyperparameterTable] = Field(
        default={}, description="symbols that are searched"
    )
    weights: dict[str, WeightTable] = Field(
        default={}, description="variables whose values at birth are searched one by one"
    )

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        whole_steps(self.window_ms, self.step_ms)
        return self

    @property
    def window_steps(self) -> int:
        """Time steps of one decision."""
        return whole_steps(self.window_ms, self.step_ms)

    @property
    def interaction_s(self) -> float:
        """Seconds of biological time that one decision takes."""
        return self.window_ms * 1e-3

    def space(self, interface: Interface) -> ParameterSpace:
        """The hyperparameters and weights of the tables.

        Raises:
            ValueError: one line with the table, the key and the equation that is wrong.
            Unavailable: Brian2 or, for the target "cython", a compiler is not there.
        """
        require(self.target)
        with LOCK:
            expansion = expand(self, interface)
            check(self, expansion, interface)
        try:
            searched = [
                Real(name, table.low, table.high, table.default, table.unit, table.scale)
                for name, table in self.hyperparameters.items()
            ]
            return ParameterSpace((*searched, *self._weights(expansion)))
        except ValueError as error:
            raise ValueError(f"hyperparameters.{error}") from None

    def live(
        self,
        parameters: Parameters,
        tasks: TaskBatch,
        seeds: SeedArray,
        rule: Rule | None = None,
    ) -> Lives:
        """Lets the lives happen side by side in one network.

        Args:
            parameters: of n_candidates candidates; may hold more than ``space`` asks for.
            tasks: n_tasks tasks.
            seeds: (n_candidates, n_tasks) of the lives.
            rule: called after each decision, before ``on_told`` code; for what equations of single
                neurons and synapses cannot say. To stay reproducible it must treat every life by
                itself: no sums over lives, and no matrix products, which round as they like.
        """
        course = Course(self.kind, tasks, seeds)
        with LOCK:
            expansion = expand(self, course.interface, has_rule=rule is not None)
        with (
            network(expansion.blueprint, course.n_lives, self.target) as batch,
            np.errstate(all="ignore"),  # a life whose numbers break is found by them at its end
        ):
            batch.reset(course.seeds)
            agents = Agents(self, expansion, parameters, course, batch, rule)
            batch.run(course.n_steps, self.window_steps, agents.between)
            broken = agents.broken()
        lives = course.lives()
        lives.returns[broken.reshape(seeds.shape)] = np.nan
        return lives

    def _weights(self, expansion: Expansion) -> list[Weights]:
        blueprint = expansion.blueprint
        found = []
        for name, table in self.weights.items():
            neurons = blueprint.neurons.get(table.group)
            n = neurons.n if neurons else blueprint.synapses[table.group].wiring.pre.size
            found.append(Weights(name, (n,), table.scale, table.unit, table.description))
        return found
