"""Random search: fresh draws of the initial law, the baseline that a strategy has to beat.

Each generation has its own tasks, so fitness cannot be compared across generations: the best one
ever seen is mostly that of easy tasks. The incumbent is therefore evaluated again, as candidate 0
of each generation, and is replaced by a challenger that beats it on the same tasks.

An incumbent keeps its place by a single comparison with the best of n − 1 challengers, whose noise
is largely, but not wholly, shared. The better the incumbent, the more rarely a better challenger is
drawn, but a slightly worse one with favourable noise still wins at times. So the quality of the
incumbent rises quickly, then fluctuates about a level set by the noise. It does not converge, and
its fitness in the generation that it won is biased upwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation, Invariance, starting_point
from spikeloop.coordinator.strategies.population import InitialLaw, draw_seed
from spikeloop.coordinator.strategies.ranking import next_incumbent
from spikeloop.coordinator.strategies.settings import PopulationSettings
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice
from spikeloop.workers.space import ParameterSpace


class RandomSearch(PopulationSettings):
    """Random search with re-evaluation of the incumbent."""

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            incumbent: (n_dim,) the point that won the last generation; at first the starting point.
            bounded: (n_dim,) whether a coordinate is drawn from U[0, 1]; otherwise from N(0, 1).
            incumbent_age: generations that the incumbent has held its place.
        """

        generation: int
        incumbent: FloatArray
        bounded: NDArray[np.bool_]
        incumbent_age: int

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
        }
    )

    kind: Literal["random_search"] = "random_search"
    portable: ClassVar[bool] = True  # the same bits on every processor
    population_size: int = Field(
        default=48, ge=2, description="candidates of a generation, the incumbent included"
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Take the starting point as the first incumbent."""
        return self.State(0, starting_point(space, start), space.bounded(), incumbent_age=0)

    def ask(self, state: State, rng: np.random.Generator) -> InitialLaw:
        """Propose the incumbent, then fresh draws of the initial law."""
        return InitialLaw(
            first=state.incumbent,
            bounded=state.bounded,
            seed=draw_seed(rng),
            n_candidates=self.population_size,
        )

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Make the best candidate the incumbent."""
        incumbent, age = next_incumbent(
            state.incumbent, state.incumbent_age, population, evaluation
        )
        generation = state.generation + 1
        return replace(state, generation=generation, incumbent=incumbent, incumbent_age=age)

    def recommend(self, state: State) -> FloatArray:
        """Give the incumbent, (n_dim,)."""
        return state.incumbent

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the age of the incumbent."""
        return {"incumbent_age": float(state.incumbent_age)}
