"""OpenAI's evolution strategy: Salimans, Ho, Chen, Sidor, Sutskever 2017, arXiv 1703.03864.

The search distribution is N(x, σ² I). With mirrored candidates x ± σ ε_i and utilities u of their
fitness, in the paper centred ranks, a generation of n = 2 n_pairs candidates gives (Algorithm 1)

    g = 1 / (n σ) Σ_i (u_i⁺ − u_i⁻) ε_i − λ (x − x₀)                                        (1)
    x ← x + α · optimizer(g)                                                               (2)

with weight decay λ towards the default point x₀, which is 0 for weights as in the paper, and
Adam or momentum as optimizer. A pair of which one member failed drops out of n and of the sum.

In the paper σ is fixed. Here it follows the gradient of the same expectation along log σ, as in
Wierstra et al. 2014, "Natural evolution strategies", measured in standard deviations of |ε|²,

    σ ← δ σ exp(η / (n √(2 d)) Σ_i (u_i⁺ + u_i⁻) (|ε_i|² − d))                              (3)

with d dimensions, rate η and a decay δ: σ shrinks where distant candidates have less fitness, as
around an optimum, grows where they have more, and keeps its value on average where fitness is flat.
The step is proportional to σ: with r = σ / 0.15, 0.15 being the default σ, (2) becomes

    x ← x + α r · optimizer(r g)                                                           (2')

so plain gradient ascent moves along the natural gradient σ² g, a step is the same part of σ
whatever σ is, and at σ = 0.15 α is the paper's.
The noise is regenerated from counters instead of read from a shared table. With a ``rank`` that of
weight matrices has this rank, and in (3) the standard deviation of |ε|² that goes with it replaces
√(2 d); ``low_rank.py`` has the equations. At the bounds candidates and centre are clipped by
default; docs/decisions/0008-bounds-by-reflection.md has the measurements.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spikeloop.coordinator.strategies.base import (
    Evaluation,
    Invariance,
    require_any_fitness,
    starting_point,
)
from spikeloop.coordinator.strategies.low_rank import MirroredLowRank, matrices_of
from spikeloop.coordinator.strategies.optimizers import Optimizer, Sgd
from spikeloop.coordinator.strategies.population import Bounds, MirroredGaussian, draw_seed, own
from spikeloop.coordinator.strategies.settings import (
    FirstSigma,
    LearningRateDecay,
    PopulationSettings,
)
from spikeloop.coordinator.strategies.shaping import (
    centered_ranks,
    log_rank_utilities,
    standardised,
    whole_pairs,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import exp, norm, power
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace

USUAL_SIGMA = 0.15
"""σ at which a learning rate is the paper's; it suits the unit interval."""
RANK_DEVIATION = 1 / np.sqrt(12)
"""Standard deviation of many centred ranks; other shapings are brought to it."""

SHAPINGS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "centered_ranks": centered_ranks,
    "log_ranks": lambda fitness: RANK_DEVIATION * standardised(_log_ranks(fitness)),
    "standardised": lambda fitness: RANK_DEVIATION * standardised(fitness),
    "raw": lambda fitness: np.where(np.isfinite(fitness), fitness, 0.0),
}


class Evolution(PopulationSettings):
    """Evolution strategy with mirrored sampling and an adapted σ.

    Bounded parameters have coordinates in [0, 1], weights in units of their scale, so one σ and
    one learning rate serve them all. The defaults suit 7 to 22 bounded parameters, noisy fitness
    and 10 to 60 generations of some 40 candidates; they were chosen on random bumps with and
    without cliffs and irrelevant parameters, with 2 to 30 % noise. Momentum is the default where
    the paper has Adam, as Adam turns the pure noise of an irrelevant parameter into full steps.
    The paper's own algorithm has ``sigma_rate = 0`` and the Adam optimizer.

    On a slope the two members of a pair have opposite centred ranks, so σ keeps its value and each
    step the same length: weights whose optimum is many scales away are reached late. Log ranks with
    ``sigma_rate = 3`` let σ grow there; docs/how-to/choose_strategy.md has the measurement.

    Like every strategy it can be used alone, without runs and workers:

    >>> space = ParameterSpace.of({"tau": Real(1, 100, unit="ms", scale="log")})
    >>> evolution, rng = Evolution(population_size=20), np.random.default_rng(1)
    >>> state = evolution.init(space, rng)
    >>> for _ in range(30):
    ...     population = evolution.ask(state, rng)
    ...     tau_ms = space.decode(population.rows())["tau"]
    ...     fitness = -((tau_ms - 30) ** 2)
    ...     state = evolution.tell(state, population, Evaluation(fitness), rng)
    >>> best = space.decode(evolution.recommend(state)[None])
    >>> round(float(best["tau"][0]))
    30
    """

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            center: (n_dim,) x, the mean of the search distribution.
            sigma: σ, in coordinates.
            origin: (n_dim,) x₀, the default point.
            bounded: (n_dim,) which coordinates have bounds.
            first: (n_dim,) the optimizer's first moment.
            second: (n_dim,) the optimizer's second moment.
            step_norm: Euclidean length of the last step of the centre.
            matrices: (n_matrices, 3) int64, which are perturbed with low rank, as of
                ``MirroredLowRank``.
        """

        generation: int
        center: FloatArray
        sigma: float
        origin: FloatArray
        bounded: NDArray[np.bool_]
        first: FloatArray
        second: FloatArray
        step_norm: float
        matrices: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 3), np.int64))

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "sigma": Real(0.05, 0.4, 0.15, scale="log"),
            "learning_rate": Real(0.03, 0.6, 0.2, scale="log"),
            "sigma_rate": Real(0.1, 3.0, 1.0, scale="log"),
        }
    )

    kind: Literal["evolution"] = "evolution"
    population_size: int = Field(
        default=48, ge=2, multiple_of=2, description="candidates of a generation, in mirrored pairs"
    )
    shaping: Literal["centered_ranks", "log_ranks", "standardised", "raw"] = Field(
        default="centered_ranks",
        description="from fitness to utilities; all but raw have the spread of centred ranks; with "
        "log_ranks sigma grows on a slope",
    )
    sigma: FirstSigma = USUAL_SIGMA
    sigma_rate: float = Field(
        default=1.0,
        ge=0,
        description="η, rate at which sigma adapts; 0 as in the paper; 3 with log_ranks where the "
        "optimum may be far away",
    )
    sigma_decay: float = Field(
        default=1.0, gt=0, le=1, description="δ, factor on sigma after each generation"
    )
    rank: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="r of the perturbations of weight matrices, which then are products of two "
        "thin ones; 0: of full rank",
    )
    bounds: Bounds = Field(
        default="clip",
        description="what happens to candidates beyond the bounds; clip and resample keep the "
        "centre inside, too",
    )
    optimizer: Optimizer = Field(
        default=Sgd(momentum=0.3), description="how a gradient becomes a step"
    )
    learning_rate: float = Field(
        default=0.2,
        gt=0,
        description="α, factor on the optimizer's step at a sigma of 0.15; the step keeps its "
        "length in units of sigma; 0.05 to 0.1 suit Adam",
    )
    learning_rate_decay: LearningRateDecay = 1.0
    weight_decay: float = Field(
        default=0.0, ge=0, description="λ, pull of the gradient towards the default point"
    )

    @model_validator(mode="after")
    def _low_rank_is_not_truncated(self) -> Self:
        if self.rank and self.bounds == "resample":
            raise ValueError('bounds must be "clip" or "reflect" where rank is not 0')
        return self

    @property
    def portable(self) -> bool:
        """Whether steps are the same bits on every processor; truncated noise is not."""
        return self.bounds != "resample"

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put the centre at the start, without moments."""
        zeros = np.zeros(space.n_dim)
        origin, bounded = space.default_point(), space.bounded()
        center, matrices = starting_point(space, start), matrices_of(space, self.rank)
        return self.State(
            *(0, center, self.sigma, origin, bounded, zeros, zeros),
            step_norm=0.0,
            matrices=matrices,
        )

    def ask(self, state: State, rng: np.random.Generator) -> MirroredGaussian | MirroredLowRank:
        """Propose mirrored pairs around the centre."""
        where = state.center, state.sigma, draw_seed(rng), self.population_size // 2
        bounded = state.bounded if self._keeps_inside(state) else None
        if state.matrices.size:
            return MirroredLowRank(*where, self.rank, state.matrices, clipped=bounded)
        return MirroredGaussian(*where, bounds=self.bounds, bounded=bounded)

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Take one step of the centre, by momentum alone if no pair is whole."""
        pairs: MirroredGaussian | MirroredLowRank = (
            own(population, MirroredLowRank, self.kind)
            if state.matrices.size
            else own(population, MirroredGaussian, self.kind)
        )
        require_any_fitness(evaluation)

        fitness = whole_pairs(evaluation.fitness)
        n = int(np.isfinite(fitness).sum())
        gradient, widening = estimate_gradients(pairs, SHAPINGS[self.shaping](fitness), n)
        if self.weight_decay:
            gradient -= self.weight_decay * (state.center - state.origin)  # (1)

        ratio = state.sigma / USUAL_SIGMA
        generation = state.generation + 1
        ascent = self.optimizer.ascend(ratio * gradient, state.first, state.second, generation)
        center = state.center + self._learning_rate(state) * ascent.direction  # (2')
        if self._keeps_inside(state):
            np.clip(center, 0.0, 1.0, out=center, where=state.bounded)
        # Raw fitness can have any scale, so the change of sigma in one generation is limited.
        log_change = float(np.clip(self.sigma_rate * widening, -1.0, 1.0))
        return replace(
            state,
            generation=generation,
            center=center,
            sigma=state.sigma * self.sigma_decay * float(exp(log_change)),  # (3)
            first=ascent.first,
            second=ascent.second,
            step_norm=norm(center - state.center),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the centre, (n_dim,): an average over all candidates is less noisy than any."""
        return state.center

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of the search, length of the last step and rate of the next."""
        return {
            "sigma": state.sigma,
            "step_norm": state.step_norm,
            "learning_rate": self._learning_rate(state),
        }

    def _keeps_inside(self, state: State) -> bool:
        """Tell whether there are bounds to keep; reflected points need no clipping."""
        return self.bounds != "reflect" and bool(state.bounded.any())

    def _learning_rate(self, state: State) -> float:
        decayed = self.learning_rate * power(self.learning_rate_decay, state.generation)
        return decayed * state.sigma / USUAL_SIGMA


def _log_ranks(fitness: FloatArray) -> FloatArray:
    """Log-rank utilities, with nan for candidates that do not count."""
    return np.where(np.isfinite(fitness), log_rank_utilities(fitness), np.nan)


def estimate_gradients(
    population: MirroredGaussian | MirroredLowRank, utility: FloatArray, n: int
) -> tuple[FloatArray, float]:
    """Estimate the gradients of expected utility along x and along log σ.

    The first, (n_dim,), is the first term of (1); the second, the sum of (3) over n √(2 d), is in
    standard deviations of |ε|².

    Args:
        population: the mirrored pairs.
        utility: (n_candidates,), 0 for both members of a pair that is not to count.
        n: candidates that count.
    """
    plus, minus = utility.reshape(-1, 2).T
    n, n_dim = max(n, 1), population.center.size
    slope, norms = population.noise_sums(
        (plus - minus) / (n * population.sigma), (plus + minus) / n
    )
    return slope, (norms - n_dim * float(utility.sum()) / n) / population.norm_deviation
