"""Random search: fresh draws of the initial law, the baseline that a strategy has to beat.

Every generation meets its own tasks, so the best fitness ever seen mostly belongs to the luckiest
tasks and cannot be compared across generations. The incumbent is therefore evaluated again, as
candidate 0 of each generation, and gives way to a challenger that beats it on the very same tasks.

Statistical character: an incumbent holds its place by a single comparison with the best of
n − 1 challengers, whose noise is largely, not wholly, shared. The better the incumbent, the rarer
it is truly beaten, yet a slightly worse challenger with luck still takes over now and then. So
the quality of the incumbent rises quickly, then fluctuates about a level set by the noise;
it does not converge, and its fitness in the generation that it won is biased upwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.population import InitialLaw
from spikeloop.coordinator.strategies.ranking import winner
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Population
from spikeloop.workers.space import Choice, ParameterSpace


@dataclass(frozen=True)
class RandomSearchState:
    """Where the search stands.

    Attributes:
        generation: generations told so far.
        incumbent: (n_dim,) the point that won the last generation; at first the starting point.
        bounded: (n_dim,) whether a coordinate is drawn from U[0, 1]; otherwise from N(0, 1).
        incumbent_age: generations that the incumbent has held its place.
    """

    generation: int
    incumbent: FloatArray
    bounded: NDArray[np.bool_]
    incumbent_age: int


class RandomSearch(Settings):
    """Random search with re-evaluation of the incumbent."""

    State: ClassVar[type] = RandomSearchState
    invariance: ClassVar[Literal["monotone", "affine", "none"]] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace(
        (Choice("population_size", ("12", "24", "48", "96"), "48"),)
    )

    kind: Literal["random_search"] = "random_search"
    portable: ClassVar[bool] = True  # the same bits on every processor
    population_size: int = Field(
        default=48, ge=2, description="candidates of a generation, the incumbent included"
    )

    def init(
        self, space: ParameterSpace, start: FloatArray, rng: np.random.Generator
    ) -> RandomSearchState:
        """The starting point is the first incumbent."""
        del rng
        return RandomSearchState(0, start, space.bounded(), incumbent_age=0)

    def ask(self, state: RandomSearchState, rng: np.random.Generator) -> InitialLaw:
        """The incumbent, then fresh draws of the initial law."""
        return InitialLaw(
            first=state.incumbent,
            bounded=state.bounded,
            seed=int(rng.integers(2**64, dtype=np.uint64)),
            n_candidates=self.population_size,
        )

    def n_candidates(self, state: RandomSearchState) -> int:
        """Number of candidates of the next generation."""
        del state
        return self.population_size

    def tell(
        self,
        state: RandomSearchState,
        population: Population,
        evaluation: Evaluation,
        rng: np.random.Generator,
    ) -> RandomSearchState:
        """The best candidate becomes the incumbent; of equals the first, so the incumbent stays."""
        del rng
        incumbent = winner(population, evaluation)
        held = np.array_equal(incumbent, state.incumbent)
        return RandomSearchState(
            generation=state.generation + 1,
            incumbent=incumbent,
            bounded=state.bounded,
            incumbent_age=state.incumbent_age + 1 if held else 0,
        )

    def recommend(self, state: RandomSearchState) -> FloatArray:
        """(n_dim,) the incumbent."""
        return state.incumbent

    def summary(self, state: RandomSearchState) -> Mapping[str, float]:
        """How long the incumbent has held its place."""
        return {"incumbent_age": float(state.incumbent_age)}
