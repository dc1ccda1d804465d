"""Separable natural evolution strategy: a width of its own for every coordinate.

SNES of Schaul, Glasmachers and Schmidhuber 2011, "High dimensions and heavy tails for natural
evolution strategies"; Wierstra et al. 2014, "Natural evolution strategies", Algorithm 6. The
search distribution is N(x, diag(σ²)). With noise s_k ~ N(0, I), points x + σ s_k and utilities u_k
of their ranks, a generation follows the natural gradient,

    x ← x + η_x σ Σ_k u_k s_k                                                               (1)
    σ ← σ exp(η_σ / 2 Σ_k u_k (s_k² − 1))                                                   (2)

elementwise, with η_σ = (3 + ln d) / (5 √d) in d dimensions. The −1 drops out, since utilities sum
to 0. Differences from the paper: the points come in mirrored pairs, s and −s, whose noise is
regenerated from a seed, so that neither points nor noise of a whole generation are ever held; σ is
at most 1 in bounded coordinates, where the folded law then is uniform within 2 % and a wider one
could not find back, since nothing depends on σ any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation, counted
from spikeloop.coordinator.strategies.population import MirroredGaussian
from spikeloop.coordinator.strategies.shaping import log_rank_utilities, whole_pairs
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import exp, log
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Population
from spikeloop.workers.space import Choice, ParameterSpace, Real, fold

MAX_SIGMA = 1.0
"""Widest search of a bounded coordinate, whose range has length 1."""


@dataclass(frozen=True)
class NaturalEvolutionState:
    """Where the search stands.

    Attributes:
        generation: generations told so far.
        center: (n_dim,) x, in [0, 1] wherever the space is bounded.
        sigma: (n_dim,) σ, in coordinates.
        bounded: (n_dim,) whether a coordinate is folded.
    """

    generation: int
    center: FloatArray
    sigma: FloatArray
    bounded: NDArray[np.bool_]


class NaturalEvolution(Settings):
    """Separable natural evolution strategy with mirrored sampling.

    Learns which parameters matter at the cost of a few vectors, so it also serves networks of
    millions of weights.
    """

    State: ClassVar[type] = NaturalEvolutionState
    invariance: ClassVar[Literal["monotone", "affine", "none"]] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace(
        (
            Choice("population_size", ("12", "24", "48", "96"), "48"),
            Real("sigma", 0.05, 0.5, 0.15, scale="log"),
            Real("learning_rate", 0.1, 2.0, 1.0, scale="log"),
            Real("sigma_rate", 0.1, 2.0, 1.0, scale="log"),
        )
    )

    kind: Literal["natural_evolution"] = "natural_evolution"
    portable: ClassVar[bool] = True  # the same bits on every processor
    population_size: int = Field(
        default=48, ge=2, multiple_of=2, description="candidates of a generation, in mirrored pairs"
    )
    sigma: float = Field(
        default=0.15, gt=0, description="first standard deviation of the search, in coordinates"
    )
    learning_rate: float = Field(
        default=1.0, gt=0, description="η_x of the centre, in units of the search's width"
    )
    sigma_rate: float = Field(
        default=1.0, ge=0, description="η_σ in units of the published one, (3 + ln d) / (5 √d)"
    )

    def init(
        self, space: ParameterSpace, start: FloatArray, rng: np.random.Generator
    ) -> NaturalEvolutionState:
        """The centre at its start, equally wide in all coordinates."""
        del rng
        bounded = space.bounded()
        sigma = np.where(bounded, min(self.sigma, MAX_SIGMA), self.sigma)
        return NaturalEvolutionState(0, fold(start, bounded), sigma, bounded)

    def ask(self, state: NaturalEvolutionState, rng: np.random.Generator) -> MirroredGaussian:
        """Mirrored pairs around the centre."""
        return MirroredGaussian(
            center=state.center,
            sigma=state.sigma,
            seed=int(rng.integers(2**64, dtype=np.uint64)),
            n_pairs=self.population_size // 2,
        )

    def n_candidates(self, state: NaturalEvolutionState) -> int:
        """Number of candidates of the next generation."""
        del state
        return 2 * (self.population_size // 2)

    def tell(
        self,
        state: NaturalEvolutionState,
        population: Population,
        evaluation: Evaluation,
        rng: np.random.Generator,
    ) -> NaturalEvolutionState:
        """One step along the natural gradient; none if no pair came through whole."""
        del rng
        if not isinstance(population, MirroredGaussian):
            raise TypeError(
                f"natural_evolution needs its own population, got {type(population).__name__}"
            )
        counted(evaluation)

        utility = log_rank_utilities(whole_pairs(evaluation.fitness))
        plus, minus = utility.reshape(-1, 2).T
        along = population.weighted_noise(plus - minus)
        spread = population.weighted_noise(plus + minus, power=2)
        n_dim = state.center.size
        sigma_rate = self.sigma_rate * (3 + log(n_dim)) / (5 * np.sqrt(n_dim))
        center = state.center + self.learning_rate * state.sigma * along  # (1)
        sigma = state.sigma * exp(sigma_rate / 2 * spread)  # (2)
        return NaturalEvolutionState(
            generation=state.generation + 1,
            center=fold(center, state.bounded),  # σ is blind to reflection, so the law stays
            sigma=np.where(state.bounded, np.minimum(sigma, MAX_SIGMA), sigma),
            bounded=state.bounded,
        )

    def recommend(self, state: NaturalEvolutionState) -> FloatArray:
        """(n_dim,) the centre: an average over all candidates so far, so less noisy than any."""
        return state.center

    def summary(self, state: NaturalEvolutionState) -> Mapping[str, float]:
        """Width of the search: on average, and in the narrowest and the widest coordinate."""
        return {
            "sigma": float(state.sigma.mean()),
            "sigma_min": float(state.sigma.min()),
            "sigma_max": float(state.sigma.max()),
        }
