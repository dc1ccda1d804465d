"""A learner that gives gradients and a strategy that follows them, as small as can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation, require_any_fitness, starting_point
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import Parameters, ParameterSpace

N_BINS = 2


class Slope(Settings):
    """Score 1 - |w - aim|² / n + noise, with its gradient times 1 + progress, which shows it."""

    kind: Literal["slope"] = "slope"
    n: int = Field(default=3, ge=1, description="weights")
    fault: Literal["none", "raise", "nan", "shape", "missing"] = "none"
    broken_from: float = Field(default=0.0, description="first weight above which it breaks")

    def space(self, interface: Interface) -> ParameterSpace:
        del interface
        return ParameterSpace.of(
            {
                "w": Weights((self.n,), 2.0, seed=3),
            }
        )

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        references = tasks.references()
        noise = (seeds % np.uint64(1000)).astype(float) / 1000
        scores = 1 - (self._off(parameters) ** 2).mean(axis=1)[:, None] + noise
        returns = references.random + scores * (references.optimal - references.random)
        return Episodes(returns, np.zeros((*returns.shape, N_BINS)), seeds.size)

    def differentiate(
        self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray, progress: float
    ) -> Episodes:
        episodes = self.run_episodes(parameters, tasks, seeds)
        # The gradient with respect to the point, of which a weight is the double; it differs from
        # tile to tile by the noise of the episodes.
        noise = (seeds % np.uint64(7)).astype(float).mean(axis=1, keepdims=True)
        gradient = -2 * 2.0 * self._off(parameters) / self.n * (1 + progress) + noise
        broken = parameters["w"][:, 0] > self.broken_from
        if broken.any() and self.fault == "raise":
            raise ArithmeticError("too steep")
        if self.fault == "nan":
            gradient[broken, -1] = np.nan
        if self.fault == "shape":
            gradient = gradient[:, 1:]
        given = None if self.fault == "missing" else gradient
        return Episodes(episodes.returns, episodes.curve, episodes.n_simulated_steps, given)

    def _off(self, parameters: Parameters) -> FloatArray:
        return parameters["w"] - np.linspace(-1.0, 1.0, self.n)


class Sized(Slope):
    """The same with as many weights as an episode has steps."""

    def space(self, interface: Interface) -> ParameterSpace:
        return ParameterSpace.of(
            {
                "w": Weights((interface.n_steps,), 2.0),
            }
        )


class Ascent(Settings):
    """One candidate that goes a step along its gradient."""

    @dataclass(frozen=True)
    class State:
        """Where it stands."""

        point: FloatArray

    tunable: ClassVar[ParameterSpace] = ParameterSpace(())
    invariance: ClassVar[Literal["none"]] = "none"
    wants_gradient: ClassVar[bool] = True

    kind: Literal["ascent"] = "ascent"
    step: float = Field(default=0.1, gt=0, description="times the gradient")

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        del rng
        return self.State(starting_point(space, start))

    def ask(self, state: State, rng: np.random.Generator) -> Population:
        del rng
        return Explicit(state.point[None])

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        del population, rng
        require_any_fitness(evaluation)
        assert evaluation.gradient is not None
        return self.State(state.point + self.step * evaluation.gradient[0])

    def recommend(self, state: State) -> FloatArray:
        return state.point

    def summary(self, state: State) -> Mapping[str, float]:
        return {"first": float(state.point[0])}
