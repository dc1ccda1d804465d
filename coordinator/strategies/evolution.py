"""OpenAI's evolution strategy: Salimans, Ho, Chen, Sidor, Sutskever 2017, arXiv 1703.03864.

The search distribution is N(x, σ² I). With mirrored candidates x ± σ ε_i and utilities u, centred
ranks of their fitness, a generation of n = 2 n_pairs candidates gives (their Algorithm 1)

    g = 1 / (n σ) Σ_i (u_i⁺ − u_i⁻) ε_i − λ (x − x₀)                                        (1)
    x ← x + α · optimizer(g)                                                               (2)

with weight decay λ towards the default point x₀, which is 0 for weights as in the paper, and
Adam or momentum as optimizer. A pair of which one member failed drops out of n and of the sum.
Differences from the paper: σ and α may decay from generation to generation, and the noise is
regenerated from counters instead of read from a shared table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation, counted
from spikeloop.coordinator.strategies.optimizers import Adam, Optimizer
from spikeloop.coordinator.strategies.population import MirroredGaussian
from spikeloop.coordinator.strategies.shaping import centered_ranks, whole_pairs
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Population
from spikeloop.workers.space import Choice, ParameterSpace, Real


@dataclass(frozen=True)
class EvolutionState:
    """Where the search stands.

    Attributes:
        generation: generations told so far.
        center: (n_dim,) x, the mean of the search distribution.
        origin: (n_dim,) x₀, the default point.
        first: (n_dim,) the optimizer's first moment.
        second: (n_dim,) the optimizer's second moment.
        step_norm: Euclidean length of the last step of the centre.
    """

    generation: int
    center: FloatArray
    origin: FloatArray
    first: FloatArray
    second: FloatArray
    step_norm: float


class Evolution(Settings):
    """Evolution strategy with mirrored sampling, centred ranks and Adam or momentum.

    Bounded parameters have coordinates in [0, 1], weights in units of their scale, so one σ and
    one learning rate serve them all. The defaults suit a handful of bounded parameters, noisy
    fitness and some tens of generations: they were chosen on random smooth bumps in seven
    dimensions with 6 % noise. Runs of many hundred generations need decays nearer to 1, or the
    search freezes.
    """

    State: ClassVar[type] = EvolutionState
    invariance: ClassVar[Literal["monotone", "affine", "none"]] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace(
        (
            Choice("population_size", ("12", "24", "48", "96"), "48"),
            Real("sigma", 0.02, 0.5, 0.15, scale="log"),
            Real("learning_rate", 0.005, 0.5, 0.05, scale="log"),
        )
    )

    kind: Literal["evolution"] = "evolution"
    population_size: int = Field(
        default=48, ge=2, multiple_of=2, description="candidates of a generation, in mirrored pairs"
    )
    sigma: float = Field(
        default=0.15, gt=0, description="standard deviation of the search, in coordinates"
    )
    sigma_decay: float = Field(
        default=0.97,
        gt=0,
        le=1,
        description="factor on sigma after each generation; 1 keeps it, as in the paper",
    )
    optimizer: Optimizer = Field(default=Adam(), description="how a gradient becomes a step")
    learning_rate: float = Field(
        default=0.05, gt=0, description="length of a step per coordinate, for Adam"
    )
    learning_rate_decay: float = Field(
        default=0.97,
        gt=0,
        le=1,
        description="factor on the learning rate after each generation; 1 keeps it",
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="pull of the gradient towards the default point"
    )

    def init(
        self, space: ParameterSpace, start: FloatArray, rng: np.random.Generator
    ) -> EvolutionState:
        """The centre at its start, no moments yet."""
        del rng
        zeros = np.zeros(space.n_dim)
        origin = space.default_point()
        return EvolutionState(0, start, origin, first=zeros, second=zeros, step_norm=0.0)

    def ask(self, state: EvolutionState, rng: np.random.Generator) -> MirroredGaussian:
        """Mirrored pairs around the centre."""
        return MirroredGaussian(
            center=state.center,
            sigma=self._sigma(state),
            seed=int(rng.integers(2**64, dtype=np.uint64)),
            n_pairs=self.population_size // 2,
        )

    def tell(
        self,
        state: EvolutionState,
        population: Population,
        evaluation: Evaluation,
        rng: np.random.Generator,
    ) -> EvolutionState:
        """One step of the centre, on momentum alone if no pair came through whole."""
        del rng
        if not isinstance(population, MirroredGaussian):
            raise TypeError(f"evolution needs its own population, got {type(population).__name__}")
        counted(evaluation)

        fitness = whole_pairs(evaluation.fitness)
        n = int(np.isfinite(fitness).sum())
        gradient = estimate_gradient(population, centered_ranks(fitness), n)
        if self.weight_decay:
            gradient -= self.weight_decay * (state.center - state.origin)  # (1)
        generation = state.generation + 1
        ascent = self.optimizer.ascend(gradient, state.first, state.second, generation)
        step = self._learning_rate(state) * ascent.direction
        return EvolutionState(
            generation=generation,
            center=state.center + step,  # (2)
            origin=state.origin,
            first=ascent.first,
            second=ascent.second,
            step_norm=float(np.linalg.norm(step)),
        )

    def recommend(self, state: EvolutionState) -> FloatArray:
        """(n_dim,) the centre: an average over all candidates so far, so less noisy than any."""
        return state.center

    def summary(self, state: EvolutionState) -> Mapping[str, float]:
        """Width of the search, length of the last step and rate of the next."""
        return {
            "sigma": self._sigma(state),
            "step_norm": state.step_norm,
            "learning_rate": self._learning_rate(state),
        }

    def _sigma(self, state: EvolutionState) -> float:
        return self.sigma * self.sigma_decay**state.generation

    def _learning_rate(self, state: EvolutionState) -> float:
        return self.learning_rate * self.learning_rate_decay**state.generation


def estimate_gradient(population: MirroredGaussian, utility: FloatArray, n: int) -> FloatArray:
    """(n_dim,) first term of (1): gradient of the utility that the distribution expects.

    Args:
        population: the mirrored pairs.
        utility: (n_candidates,), 0 for both members of a pair that is not to count.
        n: candidates that count.
    """
    plus, minus = utility.reshape(-1, 2).T
    return population.weighted_noise((plus - minus) / (max(n, 1) * population.sigma))
