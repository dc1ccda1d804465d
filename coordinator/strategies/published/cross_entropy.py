"""The cross-entropy method as it was published, faults included, to show what the faults cost.

The outer loop of Bohnstingl et al. 2019 (Front. Neurosci. 13:483) on the chip: the cross-entropy
method with the distribution ``NoisyGaussian`` of the library Meta-optimization/L2L, with the
settings of their repository Neuromorphic_Hardware_learns_to_learn. Written from its behaviour; no
code is shared. The first generation follows the initial law. Later, with mean m and covariance C
of the best int(ρ n) candidates (C with the divisor number − 1), smoothed with their predecessors,

    m ← s m + (1 − s) mean(elite),    C ← s C + (1 − s) cov(elite)                         (1)
    candidates of generation g = clip(N(m, C + diag(|z|))),   z ~ N(0, (mag · decay^g)² I)   (2)

z is drawn once a generation and does not enter the C that is smoothed.
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
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.strategies.published.clipping import clip
from spikeloop.coordinator.strategies.settings import PopulationSettings
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace

MAX_DIMENSIONS = 2000
"""More would need a covariance of over 32 MB, and its eigenvectors each generation."""


class CrossEntropyPublished(PopulationSettings):
    """For comparison only: reproduces the faults of the published method. Use ``cross_entropy``.

    The library's faults stand in ``l2l/optimizers/crossentropy/`` (``distribution.py`` and
    ``optimizer.py``) of Meta-optimization/L2L, the settings in ``hardware/mdp/ltl-MDP-*.py`` of the
    repository of Bohnstingl et al. 2019:

    1. The noise (2) against premature convergence is added to the diagonal of C as a *variance*,
       though it is scaled like a width. With mag 1 and decay 0.95 it is 0.48 on average in
       generation 10, a standard deviation of about 0.65 in coordinates that span 1, and still
       0.17 in generation 30, one of 0.4: the search never narrows below the box within the
       published run, whatever the elite says.
    2. Points are clipped into the box. With fault 1 about half of all coordinates lie exactly on a
       bound in generation 10, and m and C are fitted to them.
    3. The point handed out is the best candidate of the last generation, the one of 50 draws
       from (2) that noise favoured most, instead of m.

    The optional annealed acceptance of other candidates is left out: the runs had it switched off
    (``temp_decay`` 0). The full covariance of ten points has rank 9 at most, which fault 1 hides.
    """

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            mean: (n_dim,) m.
            covariance: (n_dim, n_dim) C, without the noise; at first that of the initial law.
            bounded: (n_dim,) whether a coordinate is clipped.
            best: (n_dim,) the best candidate of the last generation; at first the starting point.
        """

        generation: int
        mean: FloatArray
        covariance: FloatArray
        bounded: NDArray[np.bool_]
        best: FloatArray

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "25", "50", "100"), "50"),
            "elite_fraction": Real(0.1, 0.5, 0.2),
            "noise_magnitude": Real(0.001, 1.0, 1.0, scale="log"),
            "noise_decay": Real(0.7, 1.0, 0.95),
        }
    )

    kind: Literal["cross_entropy_published"] = "cross_entropy_published"
    population_size: int = Field(default=50, ge=2, description="candidates of a generation")
    elite_fraction: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="ρ, share of candidates to which m and C are fitted",
    )
    smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="s, weight of the previous m and C"
    )
    noise_magnitude: float = Field(
        default=1.0, ge=0, description="mag, scale of the noise that is added to variances"
    )
    noise_decay: float = Field(
        default=0.95, gt=0, le=1, description="factor on the noise after each generation"
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Begin with the initial law; ValueError if the space is too large for C."""
        start = starting_point(space, start)
        if space.n_dim > MAX_DIMENSIONS:
            raise ValueError(
                f"cross_entropy_published keeps a full covariance, so at most {MAX_DIMENSIONS} "
                f"dimensions, got {space.n_dim}; evolution takes more"
            )
        bounded = space.bounded()
        return self.State(
            generation=0,
            mean=start,
            covariance=np.diag(np.where(bounded, 1 / 12, 1.0)),
            bounded=bounded,
            best=clip(start, bounded),
        )

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Draw from (2); at first propose the starting point and draws of the initial law."""
        shape = (self.population_size, state.mean.size)
        if state.generation == 0:
            points = np.where(state.bounded, rng.random(shape), rng.standard_normal(shape))
            points[0] = state.mean
        else:
            noise = np.abs(rng.normal(0.0, self._noise(state), state.mean.size))
            covariance = state.covariance + np.diag(noise)
            variance, axes = np.linalg.eigh(covariance)
            widths = np.sqrt(np.maximum(variance, 0.0))  # rounding makes some of them negative
            points = state.mean + (rng.standard_normal(shape) * widths) @ axes.T
        return Explicit(clip(points, state.bounded))

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Fit m and C to the elite, (1); failed candidates are never in it."""
        alive = require_any_fitness(evaluation)
        points = population.rows()[alive]
        ranked = points[np.argsort(-evaluation.fitness[alive], kind="stable")]
        elite = ranked[: max(1, int(self.elite_fraction * self.population_size))]

        mean, covariance = state.mean, state.covariance
        if state.generation == 0:  # the predecessor of the first fit is that of all candidates
            mean, covariance = ranked.mean(axis=0), covariance_of(ranked, covariance)
        old, new = self.smoothing, 1 - self.smoothing
        return replace(
            state,
            generation=state.generation + 1,
            mean=old * mean + new * elite.mean(axis=0),
            covariance=old * covariance + new * covariance_of(elite, covariance),
            best=ranked[0].copy(),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the best candidate of the last generation, (n_dim,), as published."""
        return state.best

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the typical width of the next candidates before clipping, and that of the elite."""
        elite = float(np.trace(state.covariance)) / state.mean.size
        noise = self._noise(state) * np.sqrt(2 / np.pi)  # mean of |z|
        return {
            "sigma": float(np.sqrt(elite + (noise if state.generation else 0.0))),
            "elite_sigma": float(np.sqrt(elite)),
        }

    def _noise(self, state: State) -> float:
        return self.noise_magnitude * self.noise_decay**state.generation


def covariance_of(points: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Covariance of the points, (n_dim, n_dim), or ``otherwise`` for a single point."""
    if len(points) < 2:
        return otherwise
    offsets = points - points.mean(axis=0)
    return np.asarray(offsets.T @ offsets / (len(points) - 1))
