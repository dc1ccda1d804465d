"""CMA-ES: covariance matrix adaptation, by the library ``cmaes``.

Hansen 2016, "The CMA evolution strategy: a tutorial", arXiv 1604.00772; the diagonal variant is
sep-CMA-ES of Ros and Hansen 2008. The search distribution is N(m, σ² C). A generation moves m to
the weighted mean of its better half, C towards the spread of that half (the full variant also away
from the worse half), and widens or narrows σ according to how straight the path of m has been.
Sampling, constants and update are the library's. This file adds what it leaves to its caller:

- Its state is copied into flat arrays and back, since it offers pickling only.
- A failed candidate is left out: the update is the one for a population of that many fewer.
- Points are unbounded and the space folds them. When m leaves the unit interval in a bounded
  coordinate it is folded back, and C and the paths are mirrored with it. The folded points then
  follow the same law as before.
- The library ranks ties in their order of arrival; ``best_first`` does not depend on that order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.coordinator.strategies.base import (
    Evaluation,
    Invariance,
    require_any_fitness,
    starting_point,
)
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.strategies.ranking import best_first
from spikeloop.coordinator.strategies.settings import FirstSigma, PopulationSettings
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace, fold

if TYPE_CHECKING:
    from cmaes import CMA, SepCMA

MIN_RANKED = 4
"""Fewest candidates for an update: with a single parent there is no spread to learn C from."""

MAX_FULL = 1000
"""Most dimensions of a full covariance: an update holds one n × n array for each candidate."""


MIN_SPREAD = 1e-12
"""Width, in coordinates, at which the search has converged and is not updated any more.

Below it points differ by little more than rounding errors, and C would decay to 0.
"""


class CmaEs(PopulationSettings):
    """CMA-ES with full or diagonal covariance, as the library ``cmaes`` computes it.

    It learns which parameters matter, and with a full covariance which belong together. The full
    one has n_dim (n_dim + 1) / 2 numbers to learn, which takes longer than a few tens of
    generations: on noisy bumps in 7 and 15 dimensions the diagonal was ahead for 40 generations,
    even where the axes of the bump were rotated. It also costs O(n_dim³) a generation and is
    refused above 1000 dimensions; the diagonal costs no more than the points do. The library's
    adaptation of the learning rate is not used, since it needs many hundred generations to gain
    anything.
    """

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            mean: (n_dim,) m, in [0, 1] wherever the space is bounded.
            sigma: σ, the step size, in coordinates.
            covariance: C, (n_dim, n_dim), or (n_dim,) its diagonal.
            path_sigma: (n_dim,) evolution path of the step size.
            path_covariance: (n_dim,) evolution path of the covariance.
            bounded: (n_dim,) whether a coordinate is folded.
        """

        generation: int
        mean: FloatArray
        sigma: float
        covariance: FloatArray
        path_sigma: FloatArray
        path_covariance: FloatArray
        bounded: NDArray[np.bool_]

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "sigma": Real(0.05, 0.5, 0.15, scale="log"),
            "covariance": Choice(("full", "diagonal"), "diagonal"),
        }
    )

    kind: Literal["cma_es"] = "cma_es"
    population_size: int = Field(
        default=48, ge=MIN_RANKED, description="candidates of a generation"
    )
    sigma: FirstSigma = 0.15
    covariance: Literal["full", "diagonal"] = Field(
        default="diagonal", description="whether correlations are learnt or only widths"
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put the mean at the start, with C = I and paths of 0."""
        n = space.n_dim
        if self.covariance == "full" and n > MAX_FULL:
            raise ValueError(
                f"covariance must be 'diagonal' above {MAX_FULL} dimensions, got 'full' for {n}"
            )
        bounded = space.bounded()
        return self.State(
            generation=0,
            mean=fold(starting_point(space, start), bounded),
            sigma=self.sigma,
            # The library has no diagonal variant for one dimension, where the two are one.
            covariance=np.eye(n) if self.covariance == "full" or n == 1 else np.ones(n),
            path_sigma=np.zeros(n),
            path_covariance=np.zeros(n),
            bounded=bounded,
        )

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Draw independently from N(m, σ² C)."""
        optimizer = restore(state, self.population_size, seed=int(rng.integers(2**32)))
        return Explicit(np.array([optimizer.ask() for _ in range(self.population_size)]))

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Apply the library's update for the candidates that have a fitness.

        If they are too few, or the search has converged, only the generation counts.
        """
        alive = require_any_fitness(evaluation)
        points = population.rows()[alive]
        ranked = points[best_first(points, evaluation.fitness[alive])]
        optimizer = restore(state, max(len(ranked), MIN_RANKED))
        if len(ranked) >= MIN_RANKED and mean_width(state) >= MIN_SPREAD:
            optimizer.tell([(point, float(place)) for place, point in enumerate(ranked)])
        updated = self.State(
            generation=state.generation + 1,
            mean=optimizer._mean,
            sigma=float(optimizer._sigma),
            covariance=optimizer._C,
            path_sigma=optimizer._p_sigma,
            path_covariance=optimizer._pc,
            bounded=state.bounded,
        )
        return reflect(updated)

    def recommend(self, state: State) -> FloatArray:
        """Give the mean, (n_dim,): an average over parents of many generations has little noise."""
        return state.mean

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of the search and the ratio of its longest to its shortest axis."""
        c = state.covariance
        axes = np.maximum(c if c.ndim == 1 else np.linalg.eigvalsh(c), np.finfo(np.float64).tiny)
        return {"sigma": mean_width(state), "axis_ratio": float(np.sqrt(axes.max() / axes.min()))}


def mean_width(state: CmaEs.State) -> float:
    """Root of the variance of the search, averaged over coordinates."""
    c = state.covariance
    return state.sigma * float(np.sqrt((c if c.ndim == 1 else np.diag(c)).mean()))


def restore(state: CmaEs.State, population_size: int, seed: int = 0) -> "CMA | SepCMA":
    """Make the library's optimiser in this state, for a population of that size.

    Its constants are functions of dimension and population size, which the constructor is given.
    The library's only public way to restore the rest is pickling, which would tie files to its
    version and run code when they are read. So these private attributes are set, in this function
    only; they have these names in versions 0.12 and 0.13. The object's other attributes serve its
    stopping criteria, which are not used.

    Args:
        state: of the search.
        population_size: of the generation to ask for or to tell.
        seed: of the points to ask for.
    """
    from cmaes import CMA, SepCMA  # loads scipy, which reading a configuration need not

    library = CMA if state.covariance.ndim == 2 else SepCMA
    optimizer: CMA | SepCMA = library(
        mean=state.mean.copy(), sigma=state.sigma, population_size=population_size, seed=seed
    )  # the update adds to the mean in place
    optimizer._g = state.generation
    optimizer._C = state.covariance
    optimizer._p_sigma = state.path_sigma
    optimizer._pc = state.path_covariance
    return optimizer


def reflect(state: CmaEs.State) -> CmaEs.State:
    """Fold the mean of a search without changing the law of folded points.

    Folding maps a coordinate by ±x + const around the mean. Where the sign is −, the distribution
    is mirrored: m → fold(m), C → S C S, p → S p with S the diagonal matrix of signs.
    """
    mean = fold(state.mean, state.bounded)
    mirrored = state.bounded & (np.mod(state.mean, 2.0) > 1.0)
    sign = np.where(mirrored, -1.0, 1.0)
    c = state.covariance
    return replace(
        state,
        mean=mean,
        covariance=c if c.ndim == 1 else c * np.outer(sign, sign),
        path_sigma=state.path_sigma * sign,
        path_covariance=state.path_covariance * sign,
    )
