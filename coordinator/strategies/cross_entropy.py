"""The cross-entropy method with a Gaussian law: de Boer, Kroese, Mannor, Rubinstein 2005.

"A tutorial on the cross-entropy method", Annals of Operations Research 134; Rubinstein and Kroese
2004, "The Cross-Entropy Method".

Of a generation drawn from N(m, C) the elites are the share ρ with the highest fitness. The law
is refitted to them by maximum likelihood, and the old one fades,

    m ← s_m m + (1 − s_m) m̂,     m̂ = Σ w_i x_i / Σ w_i                                     (1)
    C ← s_C C + (1 − s_C) Ĉ,     Ĉ = Σ w_i (x_i − m̂)(x_i − m̂)ᵀ / Σ w_i                    (2)

with w_i = 1 for elites; candidates that tie for the last places share these, so that nothing
depends on their order. The first generation follows the space's initial law. Later draws have the
covariance

    C + (η δ^g)² I, with a variance of at least σ_min² in each coordinate                    (3)

so the law neither shrinks too early nor collapses: a refit to few elites loses a share 1 / n_elites
of the variance in each generation, even where fitness is flat.

A full Ĉ of n elites in d dimensions is shrunk towards its diagonal, Ĉ ← (n Ĉ + d diag Ĉ) / (n + d),
as if d more elites had shown the same variances and no correlation (the mean under an inverse
Wishart prior); without it n ≤ d elites would leave directions unsearched. The diagonal law makes
no array of n_dim × n_dim and suits any number of weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.coordinator.strategies.base import (
    Evaluation,
    Invariance,
    require_any_fitness,
    starting_point,
)
from spikeloop.coordinator.strategies.population import Explicit, InitialLaw, draw_seed
from spikeloop.coordinator.strategies.settings import PopulationSettings
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace, fold


class CrossEntropy(PopulationSettings):
    """Cross-entropy method: refit a Gaussian to the best share of each generation.

    Coordinates of bounded parameters have the unit interval as their range, those of weights are in
    units of their scale, so one noise and one floor serve them all. The defaults suit a handful or
    two of bounded parameters, noisy fitness and some tens of generations: they were chosen on
    random smooth bumps, some with rotated axes, in 7 to 22 dimensions with 6 % noise. Half or twice
    the elites, the noise or its decay make little difference there, as does a full covariance;
    smoothing the mean only slows the search down.
    """

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            fitted: whether the law was ever fitted; until then candidates follow the initial law.
            mean: (n_dim,) m; at first the starting point.
            covariance: C, (n_dim, n_dim) or, if diagonal, (n_dim,) variances; at first those of the
                initial law.
            bounded: (n_dim,) whether a coordinate is folded into [0, 1].
        """

        generation: int
        fitted: bool
        mean: FloatArray
        covariance: FloatArray
        bounded: NDArray[np.bool_]

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "elite_share": Real(0.05, 0.5, 0.2),
            "covariance": Choice(("full", "diagonal"), "diagonal"),
            "covariance_smoothing": Real(0.0, 0.9, 0.5),
            "noise": Real(0.001, 0.5, 0.1, scale="log"),
        }
    )

    kind: Literal["cross_entropy"] = "cross_entropy"
    elite_share: float = Field(
        default=0.2, gt=0, le=1, description="ρ, the share of candidates that is fitted, at least 2"
    )
    covariance: Literal["full", "diagonal"] = Field(
        default="diagonal",
        description="whether the law has correlations; full takes n_dim² numbers",
    )
    mean_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="s_m, the weight of the old mean in the new one"
    )
    covariance_smoothing: float = Field(
        default=0.5, ge=0, lt=1, description="s_C, the weight of the old covariance in the new one"
    )
    noise: float = Field(
        default=0.1,
        ge=0,
        description="η, standard deviation added to the draws, in coordinates, fading",
    )
    noise_decay: float = Field(
        default=0.9, gt=0, le=1, description="δ, factor on the noise after each generation"
    )
    sigma_floor: float = Field(
        default=0.01,
        ge=0,
        description="σ_min, smallest standard deviation of a draw, in coordinates",
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Begin with the initial law and the starting point as its mean."""
        bounded = space.bounded()
        variance = np.where(bounded, 1 / 12, 1.0)  # of U[0, 1] and of N(0, 1)
        covariance = np.diag(variance) if self.covariance == "full" else variance
        return self.State(0, False, starting_point(space, start), covariance, bounded)

    def ask(self, state: State, rng: np.random.Generator) -> Population:
        """Draw from the law; before the first fit propose the mean and draws of the initial law."""
        if not state.fitted:
            seed = draw_seed(rng)
            return InitialLaw(state.mean, state.bounded, seed, self.population_size)
        draws = rng.standard_normal((self.population_size, state.mean.size))
        covariance = self._drawn_covariance(state)
        if covariance.ndim == 1:
            draws *= np.sqrt(covariance)
        else:
            variance, axes = np.linalg.eigh(covariance)
            draws = (draws * np.sqrt(np.maximum(variance, 0.0))) @ axes.T
        draws += state.mean
        return Explicit(draws)

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Refit the law to the elites; it stays if only one candidate has a fitness."""
        n_alive = int(np.count_nonzero(require_any_fitness(evaluation)))
        if n_alive < 2:
            return replace(state, generation=state.generation + 1)
        weights = elite_weights(evaluation.fitness, max(2, round(self.elite_share * n_alive)))
        elites = np.flatnonzero(weights)
        points = fold(population.rows()[elites], state.bounded)
        fit = fit_gaussian(points, weights[elites], full=self.covariance == "full")
        keep_m, keep_c = self.mean_smoothing, self.covariance_smoothing
        return replace(
            state,
            generation=state.generation + 1,
            fitted=True,
            mean=keep_m * state.mean + (1 - keep_m) * fit.mean,  # (1)
            covariance=keep_c * state.covariance + (1 - keep_c) * fit.covariance,  # (2)
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the mean, (n_dim,): an average over elites is less noisy than the best of them."""
        return state.mean

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of the next draws: root mean square over coordinates, and the widest."""
        variance = _diagonal(self._drawn_covariance(state))
        return {
            "sigma": float(np.sqrt(variance.mean())),
            "sigma_largest": float(np.sqrt(variance.max())),
        }

    def _drawn_covariance(self, state: State) -> FloatArray:
        """Compute the covariance of the next draws, in the shape of the state's."""
        noise = self.noise * self.noise_decay**state.generation if state.fitted else 0.0
        variance = _diagonal(state.covariance)
        wide = np.maximum(variance + noise**2, self.sigma_floor**2)  # (3)
        if state.covariance.ndim == 1:
            return wide
        return np.asarray(state.covariance + np.diag(wide - variance))


class Fit(NamedTuple):
    """A Gaussian law.

    Attributes:
        mean: (n_dim,).
        covariance: (n_dim, n_dim), or (n_dim,) variances.
    """

    mean: FloatArray
    covariance: FloatArray


def elite_weights(fitness: FloatArray, n_elites: int) -> FloatArray:
    """Weights that sum to ``n_elites``, (n,): 1 for the best, 0 for the others and for failures.

    Candidates that tie for the last places share them evenly.

    Args:
        fitness: (n,); not finite for a failure.
        n_elites: at most the number of finite ones.
    """
    alive = np.isfinite(fitness)
    edge = np.sort(fitness[alive])[-n_elites]
    above, tied = alive & (fitness > edge), alive & (fitness == edge)
    share = (n_elites - np.count_nonzero(above)) / np.count_nonzero(tied)
    return np.where(above, 1.0, np.where(tied, share, 0.0))


def fit_gaussian(points: FloatArray, weights: FloatArray, *, full: bool) -> Fit:
    """Fit a Gaussian by maximum likelihood; a full covariance is shrunk towards its diagonal.

    Args:
        points: (n, n_dim).
        weights: (n,) positive.
        full: whether to fit correlations.
    """
    total = weights.sum()
    mean = weights @ points / total
    deviation = points - mean
    variance = weights @ deviation**2 / total
    if not full:
        return Fit(mean, variance)
    covariance = (deviation.T * weights) @ deviation / total
    n_dim = mean.size
    shrunk = (total * covariance + n_dim * np.diag(variance)) / (total + n_dim)
    return Fit(mean, shrunk)


def _diagonal(covariance: FloatArray) -> FloatArray:
    return covariance if covariance.ndim == 1 else np.diagonal(covariance)
