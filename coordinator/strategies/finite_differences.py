"""Gradient ascent on finite differences: the gradient that fits Gaussian probes best.

The gradient descent of the library Meta-optimization/L2L, which Bohnstingl et al. 2019 ran beside
their other outer loops: probe around the current point, fit a plane by least squares, follow it.
Here probes come in mirrored pairs x ± σ ε_i, so that each pair gives a central difference, free of
curvature and of the level of fitness. With standardised fitness f, Y_i = (f_i⁺ − f_i⁻) / (2σ) and
the rows ε_i in E (n_pairs × n_dim), the slope is

    g = argmin |E g − Y|² + λ |g|² = Eᵀ (E Eᵀ + λ I)⁻¹ Y                                  (1)
    x ← x + α · optimizer(g)                                                               (2)

(1) in its dual form needs n_pairs × n_pairs numbers, and E in float32, but nothing of size
n_dim × n_dim, so it serves weights as well. With λ = 0 the inverse is a pseudo-inverse: g is the
least-squares slope, and the shortest of all that fit exactly where there are fewer pairs than
dimensions.

Against ``evolution``, which projects fitness on the noise, least squares divides out how the probes
happened to lie: without noise of fitness, n_dim pairs give the slope of a plane exactly. That gain
is large for fewer dimensions than pairs. In many dimensions E Eᵀ is nearly n_dim · I and both
agree. Where n_pairs is close to n_dim, some directions are hardly probed and an exact fit amplifies
noise in them; λ prevents that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation, counted
from spikeloop.coordinator.strategies.optimizers import Adam, Optimizer
from spikeloop.coordinator.strategies.population import BLOCK, MirroredGaussian
from spikeloop.coordinator.strategies.shaping import whole_pairs
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Population
from spikeloop.workers.space import Choice, ParameterSpace, Real


@dataclass(frozen=True)
class FiniteDifferencesState:
    """Where the ascent stands.

    Attributes:
        generation: generations told so far.
        center: (n_dim,) x, around which is probed.
        first: (n_dim,) the optimizer's first moment.
        second: (n_dim,) the optimizer's second moment.
        step_norm: Euclidean length of the last step of the centre.
    """

    generation: int
    center: FloatArray
    first: FloatArray
    second: FloatArray
    step_norm: float


class FiniteDifferences(Settings):
    """Gradient ascent on the least-squares slope through mirrored Gaussian probes.

    Fitness is standardised in each generation, so its unit does not matter. The published runs
    probed at a width of 0.001, where differences are far below the noise of fitness: the noise of
    the slope grows as 1/σ, while a wider σ only smooths the landscape. The default is therefore
    wide. Seeds, not points, travel to the workers.
    """

    State: ClassVar[type] = FiniteDifferencesState
    invariance: ClassVar[Literal["monotone", "affine", "none"]] = "affine"
    tunable: ClassVar[ParameterSpace] = ParameterSpace(
        (
            Choice("population_size", ("12", "24", "48", "96"), "48"),
            Real("sigma", 0.02, 0.5, 0.15, scale="log"),
            Real("learning_rate", 0.005, 0.5, 0.05, scale="log"),
        )
    )

    kind: Literal["finite_differences"] = "finite_differences"
    population_size: int = Field(
        default=48, ge=2, multiple_of=2, description="probes of a generation, in mirrored pairs"
    )
    sigma: float = Field(
        default=0.15, gt=0, description="standard deviation of the probes, in coordinates"
    )
    sigma_decay: float = Field(
        default=0.97, gt=0, le=1, description="factor on sigma after each generation"
    )
    ridge: float = Field(
        default=1.0,
        ge=0,
        description="λ, shrinks the slope in directions that hardly a pair probed; 0 fits exactly",
    )
    optimizer: Optimizer = Field(default=Adam(), description="how a gradient becomes a step")
    learning_rate: float = Field(
        default=0.05, gt=0, description="length of a step per coordinate, for Adam"
    )
    learning_rate_decay: float = Field(
        default=0.97, gt=0, le=1, description="factor on the learning rate after each generation"
    )

    def init(
        self, space: ParameterSpace, start: FloatArray, rng: np.random.Generator
    ) -> FiniteDifferencesState:
        """The centre at its start, no moments yet."""
        del rng
        zeros = np.zeros(space.n_dim)
        return FiniteDifferencesState(0, start, first=zeros, second=zeros, step_norm=0.0)

    def ask(self, state: FiniteDifferencesState, rng: np.random.Generator) -> MirroredGaussian:
        """Mirrored pairs of probes around the centre."""
        return MirroredGaussian(
            center=state.center,
            sigma=self._sigma(state),
            seed=int(rng.integers(2**64, dtype=np.uint64)),
            n_pairs=self.population_size // 2,
        )

    def n_candidates(self, state: FiniteDifferencesState) -> int:
        """Number of candidates of the next generation."""
        del state
        return 2 * (self.population_size // 2)

    def tell(
        self,
        state: FiniteDifferencesState,
        population: Population,
        evaluation: Evaluation,
        rng: np.random.Generator,
    ) -> FiniteDifferencesState:
        """One step uphill, on momentum alone if no pair came through whole."""
        del rng
        if not isinstance(population, MirroredGaussian):
            raise TypeError(
                f"finite_differences needs its own population, got {type(population).__name__}"
            )
        counted(evaluation)

        fitness = standardised(whole_pairs(evaluation.fitness))
        gradient = slope(population, fitness, self.ridge)
        generation = state.generation + 1
        ascent = self.optimizer.ascend(gradient, state.first, state.second, generation)
        rate = self.learning_rate * self.learning_rate_decay**state.generation
        step = rate * ascent.direction
        return FiniteDifferencesState(
            generation=generation,
            center=state.center + step,  # (2)
            first=ascent.first,
            second=ascent.second,
            step_norm=float(np.linalg.norm(step)),
        )

    def recommend(self, state: FiniteDifferencesState) -> FloatArray:
        """(n_dim,) the centre."""
        return state.center

    def summary(self, state: FiniteDifferencesState) -> Mapping[str, float]:
        """Width of the probes, length of the last step and rate of the next."""
        return {
            "sigma": self._sigma(state),
            "step_norm": state.step_norm,
            "learning_rate": self.learning_rate * self.learning_rate_decay**state.generation,
        }

    def _sigma(self, state: FiniteDifferencesState) -> float:
        return self.sigma * self.sigma_decay**state.generation


def slope(population: MirroredGaussian, fitness: FloatArray, ridge: float) -> FloatArray:
    """(n_dim,) the slope (1) of fitness per coordinate.

    Args:
        population: the mirrored pairs.
        fitness: (n_candidates,), nan for both members of a pair that is not to count.
        ridge: λ.
    """
    if np.ndim(population.sigma) != 0:
        raise ValueError("sigma must be one number for all coordinates")
    plus, minus = fitness.reshape(-1, 2).T
    difference = (plus - minus) / (2 * np.asarray(population.sigma))
    whole = np.isfinite(difference)
    noise = np.array([eps.copy() for eps in population.noise()])[whole]  # E, float32
    blocks = [slice(start, start + BLOCK) for start in range(0, noise.shape[1], BLOCK)]
    gram = np.zeros((len(noise), len(noise)))
    for block in blocks:
        gram += noise[:, block].astype(np.float64) @ noise[:, block].T.astype(np.float64)
    if ridge:
        weights = np.linalg.solve(gram + ridge * np.eye(len(noise)), difference[whole])
    else:
        weights = np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ difference[whole]
    return np.concatenate([weights @ noise[:, block].astype(np.float64) for block in blocks])


def standardised(fitness: FloatArray) -> FloatArray:
    """Fitness less its mean over its standard deviation, nan ignored; 0 where all are equal."""
    alive = np.isfinite(fitness)
    if not alive.any():
        return fitness
    offset = fitness - fitness[alive].mean()
    deviation = offset[alive].std()
    if not deviation > 0:
        return np.where(alive, 0.0, np.nan)
    return np.asarray(offset / deviation)
