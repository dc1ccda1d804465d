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

``evolution`` projects fitness on the noise; least squares also corrects for the actual directions
of the probes: without noise of fitness, n_dim pairs give the slope of a plane exactly. The gain is
large for fewer dimensions than pairs. In many dimensions E Eᵀ is nearly n_dim · I and both agree.
Where n_pairs is close to n_dim, some directions are barely probed and an exact fit amplifies noise
in them; λ prevents that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from spikeloop.coordinator.strategies.base import (
    Evaluation,
    Invariance,
    require_any_fitness,
    starting_point,
)
from spikeloop.coordinator.strategies.optimizers import Adam, Optimizer
from spikeloop.coordinator.strategies.population import BLOCK, MirroredGaussian, draw_seed, own
from spikeloop.coordinator.strategies.settings import (
    LearningRateDecay,
    PopulationSettings,
    SigmaDecay,
)
from spikeloop.coordinator.strategies.shaping import standardised, whole_pairs
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace


class FiniteDifferences(PopulationSettings):
    """Gradient ascent on the least-squares slope through mirrored Gaussian probes.

    Fitness is standardised in each generation, so its unit does not matter. The published runs
    probed at a width of 0.001, where differences are far below the noise of fitness: the noise of
    the slope grows as 1/σ, while a wider σ only smooths the landscape. The default is therefore
    wide. Seeds, not points, travel to the workers.
    """

    @dataclass(frozen=True)
    class State:
        """State of the ascent.

        Attributes:
            generation: number of generations evaluated so far.
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

    invariance: ClassVar[Invariance] = "affine"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "sigma": Real(0.02, 0.5, 0.15, scale="log"),
            "learning_rate": Real(0.005, 0.5, 0.05, scale="log"),
        }
    )

    kind: Literal["finite_differences"] = "finite_differences"
    population_size: int = Field(
        default=48, ge=2, multiple_of=2, description="probes of a generation, in mirrored pairs"
    )
    sigma: float = Field(
        default=0.15, gt=0, description="standard deviation of the probes, in coordinates"
    )
    sigma_decay: SigmaDecay = 0.97
    ridge: float = Field(
        default=1.0,
        ge=0,
        description="λ, shrinks the slope in directions that few pairs probed; 0 fits exactly",
    )
    optimizer: Optimizer = Field(default=Adam(), description="how a gradient becomes a step")
    learning_rate: float = Field(
        default=0.05, gt=0, description="length of a step per coordinate, for Adam"
    )
    learning_rate_decay: LearningRateDecay = 0.97

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put the centre at the start, without moments."""
        zeros = np.zeros(space.n_dim)
        return self.State(0, starting_point(space, start), first=zeros, second=zeros, step_norm=0.0)

    def ask(self, state: State, rng: np.random.Generator) -> MirroredGaussian:
        """Propose mirrored pairs of probes around the centre."""
        return MirroredGaussian(
            center=state.center,
            sigma=self._sigma(state),
            seed=draw_seed(rng),
            n_pairs=self.population_size // 2,
        )

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Take one step uphill, by momentum alone if no pair is whole."""
        population = own(population, MirroredGaussian, self.kind)
        require_any_fitness(evaluation)

        pairs = whole_pairs(evaluation.fitness)
        fitness = np.where(np.isfinite(pairs), standardised(pairs), np.nan)
        gradient = slope(population, fitness, self.ridge)
        generation = state.generation + 1
        ascent = self.optimizer.ascend(gradient, state.first, state.second, generation)
        rate = self.learning_rate * self.learning_rate_decay**state.generation
        step = rate * ascent.direction
        return self.State(
            generation=generation,
            center=state.center + step,  # (2)
            first=ascent.first,
            second=ascent.second,
            step_norm=float(np.linalg.norm(step)),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the centre, (n_dim,)."""
        return state.center

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of the probes, length of the last step and rate of the next."""
        return {
            "sigma": self._sigma(state),
            "step_norm": state.step_norm,
            "learning_rate": self.learning_rate * self.learning_rate_decay**state.generation,
        }

    def _sigma(self, state: State) -> float:
        return self.sigma * self.sigma_decay**state.generation


def slope(population: MirroredGaussian, fitness: FloatArray, ridge: float) -> FloatArray:
    """Compute the slope (1) of fitness, (n_dim,).

    Args:
        population: the mirrored pairs, with one sigma for all coordinates.
        fitness: (n_candidates,), nan for both members of a pair that is not to count.
        ridge: λ.
    """
    plus, minus = fitness.reshape(-1, 2).T
    difference = (plus - minus) / (2 * population.sigma)
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
