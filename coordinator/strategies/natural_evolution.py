"""Separable natural evolution strategy: each coordinate has its own width.

SNES of Schaul, Glasmachers and Schmidhuber 2011, "High dimensions and heavy tails for natural
evolution strategies"; Wierstra et al. 2014, "Natural evolution strategies", Algorithm 6. The
search distribution is N(x, diag(σ²)). With noise s_k ~ N(0, I), points x + σ s_k and utilities u_k
of their ranks, a generation follows the natural gradient,

    x ← x + η_x σ Σ_k u_k s_k                                                               (1)
    σ ← σ exp(η_σ / 2 Σ_k u_k (s_k² − 1))                                                   (2)

elementwise, with η_σ = (3 + ln d) / (5 √d) in d dimensions. The −1 drops out, since utilities sum
to 0. Differences from the paper: the points come in mirrored pairs, s and −s, whose noise is
regenerated from a seed, so that neither points nor noise of a whole generation are held in memory;
σ is at most 1 in bounded coordinates, where the folded law is then uniform within 2 %. A wider law
could not become narrow again, since utilities would no longer depend on σ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.coordinator.strategies.base import (
    Evaluation,
    Invariance,
    require_any_fitness,
    starting_point,
)
from spikeloop.coordinator.strategies.population import MirroredGaussian, draw_seed, own
from spikeloop.coordinator.strategies.settings import FirstSigma, PopulationSettings
from spikeloop.coordinator.strategies.shaping import log_rank_utilities, whole_pairs
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import exp, log
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace, fold

MAX_SIGMA = 1.0
"""Widest search of a bounded coordinate, whose range has length 1."""


class NaturalEvolution(PopulationSettings):
    """Separable natural evolution strategy with mirrored sampling.

    It learns which parameters matter at the cost of a few vectors, so it also serves networks of
    millions of weights.
    """

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            center: (n_dim,) x, in [0, 1] wherever the space is bounded.
            sigma: (n_dim,) σ, in coordinates.
            bounded: (n_dim,) whether a coordinate is folded.
        """

        generation: int
        center: FloatArray
        sigma: FloatArray
        bounded: NDArray[np.bool_]

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "sigma": Real(0.05, 0.5, 0.15, scale="log"),
            "learning_rate": Real(0.1, 2.0, 1.0, scale="log"),
            "sigma_rate": Real(0.1, 2.0, 1.0, scale="log"),
        }
    )

    kind: Literal["natural_evolution"] = "natural_evolution"
    portable: ClassVar[bool] = True  # the same bits on every processor
    population_size: int = Field(
        default=48, ge=2, multiple_of=2, description="candidates of a generation, in mirrored pairs"
    )
    sigma: FirstSigma = 0.15
    learning_rate: float = Field(
        default=1.0, gt=0, description="η_x of the centre, in units of the search's width"
    )
    sigma_rate: float = Field(
        default=1.0, ge=0, description="η_σ in units of the published one, (3 + ln d) / (5 √d)"
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put the centre at the start, with equal widths in all coordinates."""
        bounded = space.bounded()
        sigma = np.where(bounded, min(self.sigma, MAX_SIGMA), self.sigma)
        return self.State(0, fold(starting_point(space, start), bounded), sigma, bounded)

    def ask(self, state: State, rng: np.random.Generator) -> MirroredGaussian:
        """Propose mirrored pairs around the centre."""
        return MirroredGaussian(
            center=state.center,
            sigma=state.sigma,
            seed=draw_seed(rng),
            n_pairs=self.population_size // 2,
        )

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Take one step along the natural gradient; none if no pair is whole."""
        population = own(population, MirroredGaussian, self.kind)
        require_any_fitness(evaluation)

        utility = log_rank_utilities(whole_pairs(evaluation.fitness))
        plus, minus = utility.reshape(-1, 2).T
        along = population.weighted_noise(plus - minus)
        spread = population.weighted_noise(plus + minus, power=2)
        n_dim = state.center.size
        sigma_rate = self.sigma_rate * (3 + log(n_dim)) / (5 * np.sqrt(n_dim))
        center = state.center + self.learning_rate * state.sigma * along  # (1)
        sigma = state.sigma * exp(sigma_rate / 2 * spread)  # (2)
        return replace(
            state,
            generation=state.generation + 1,
            center=fold(center, state.bounded),  # reflection does not change σ, so the law stays
            sigma=np.where(state.bounded, np.minimum(sigma, MAX_SIGMA), sigma),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the centre, (n_dim,): an average over all candidates is less noisy than any."""
        return state.center

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of the search: the mean, the least and the greatest over coordinates."""
        return {
            "sigma": float(state.sigma.mean()),
            "sigma_min": float(state.sigma.min()),
            "sigma_max": float(state.sigma.max()),
        }
