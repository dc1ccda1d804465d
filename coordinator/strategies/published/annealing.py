"""Simulated annealing as it was published, faults included, to show what the faults cost.

The outer loop of Bohnstingl et al. 2019 (Front. Neurosci. 13:483) on the chip: independent chains
of the annealing in the library Meta-optimization/L2L, with the settings of their repository
Neuromorphic_Hardware_learns_to_learn. Written from its behaviour; no code is shared. In generation
k = 1, 2, … with temperature T_k,

    proposal    y = clip(x + step · T_{k−1} · N(0, I))                                     (1)
    cooling     T_k from T_{k−1}, T_0 = 1                                                  (2)
    acceptance  x ← y  if f(y) ≥ F or with probability exp((f(y) − F) / T_k)               (3)

where F is the fitness that x had when it was accepted. The first generation proposes the chains'
own starting points, which F = −∞ makes accepted.

Cooling. The additive schedules of Luke are, for n iterations and with r = (n − k) / n,

    intended    T_k = T_end + (T_0 − T_end)     · r²       (quadratic; r for linear)       (4)
    as coded    T_k = T_end + (T_0 − T_{k−1})   · r²       with T_end = 0                  (5)

As T_0 − T_0 = 0, (5) gives T_1 = 0 exactly: the second generation proposes every point again where
it is. Then T_2 = r² is nearly T_0 and T_3 nearly 0 again. A deviation from the fixed point
r² / (1 + r²) changes sign and shrinks by r² with each generation, so the oscillation dies away
within about a third of the run and T ends at 0, close to (4). For n = 30 (5) is 0, 0.87, 0.10,
0.67, 0.23, 0.49, 0.30, … against 0.93, 0.87, 0.81, 0.75, 0.69, 0.64, 0.59, … from (4); its mean is
0.19 against 0.32. Exponential additive cooling, intended as
T_k = T_end + (T_0 − T_end) / (1 + exp(2 ln(T_0 − T_end) (k − n/2) / n)), loses its time course
because T_0 − T_end = 1 has the logarithm 0: it is the constant 1/2 where intended, and 0, 1/2,
1/4, 3/8, … towards 1/3 as coded.
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
from spikeloop.coordinator.strategies.population import Explicit, own_slots
from spikeloop.coordinator.strategies.published.clipping import clip
from spikeloop.coordinator.strategies.settings import PopulationSettings
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace

Schedule = Literal[
    "multiplicative",
    "logarithmic",
    "exponential",
    "linear_multiplicative",
    "quadratic_multiplicative",
    "linear_additive",
    "quadratic_additive",
    "exponential_additive",
]
Cooling = Literal["as_coded", "as_intended"]

START = 1.0
"""T_0; the final temperature T_end is 0."""


class AnnealingPublished(PopulationSettings):
    """For comparison only: reproduces the faults of published annealing. Use ``annealing``.

    The library's faults stand in ``l2l/optimizers/simulatedannealing/optimizer.py`` of
    Meta-optimization/L2L, the settings in ``hardware/mdp/ltl-MDP-*.py`` of the repository of
    Bohnstingl et al. 2019:

    1. Additive cooling takes T_{k−1} for T_end in a difference, see (5) in the module; the runs on
       the chip used the quadratic one. ``cooling = "as_intended"`` switches off this fault alone.
    2. Acceptance divides raw differences of fitness by T ≤ 1. The published fitness was a return
       of order 1000, so that a proposal worse by 1 % is accepted with a probability of e^−10 at
       most: no annealing, but pure climbing at every temperature. ``reward_scale`` is the number of
       their units in one of ours; some 1 / (standard deviation of fitness) switches it off.
    3. F is never measured again, though every generation has its own tasks: a chain keeps the
       point that noise favoured most, and climbs by noise once gains are smaller than it.
    4. The step shrinks with T, from 0.03 downwards. With (5), the steps of 30 generations add up to
       0.03 √(Σ T²) ≈ 0.05 in a coordinate if all are accepted, and to 0.03 Σ T / √(2π) ≈ 0.07 if
       just the uphill half is and this coordinate alone decides: a chain stays where it started.
    5. Points are clipped into the box, so that chains stick to its faces.
    6. The point handed out is that of the chain with the highest F, again a choice by noise.

    The library's first proposal lies at a step of step², 0.0009, from the starting point; here it
    is the starting point.
    """

    @dataclass(frozen=True)
    class State:
        """State of the chains.

        Attributes:
            generation: number of generations evaluated so far.
            points: (n_chains, n_dim) what each chain accepted last.
            fitness: (n_chains,) F, what that point was worth on the tasks of its own generation;
                -inf before a chain's first success.
            temperature: T, of the last acceptance and of the next proposal.
            bounded: (n_dim,) whether a coordinate is clipped.
            accepted: share of the proposals with a fitness that the last generation accepted.
        """

        generation: int
        points: FloatArray
        fitness: FloatArray
        temperature: float
        bounded: NDArray[np.bool_]
        accepted: float

    invariance: ClassVar[Invariance] = "none"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "25", "50", "100"), "50"),
            "step": Real(0.003, 0.3, 0.03, scale="log"),
        }
    )

    kind: Literal["annealing_published"] = "annealing_published"
    population_size: int = Field(default=50, ge=1, description="independent chains")
    step: float = Field(
        default=0.03, gt=0, description="standard deviation of a proposal at T = 1, in coordinates"
    )
    schedule: Schedule = Field(default="quadratic_additive", description="law of cooling")
    cooling: Cooling = Field(
        default="as_coded", description="additive schedules with their fault, or as intended"
    )
    n_iterations: int = Field(
        default=30, ge=1, description="n, at which linear and quadratic additive cooling reaches 0"
    )
    temperature_decay: float = Field(
        default=0.99, gt=0, le=1, description="factor on T, of the multiplicative schedule alone"
    )
    reward_scale: float = Field(
        default=1000.0,
        gt=0,
        description="factor on fitness before it is compared: from scores, 0 random to 1 optimal, "
        "to returns as published (about 690 for MDPs of 6 states and 8 actions, 2000 steps)",
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put chain 0 at the starting point and draw the others from the initial law."""
        points = space.sample(self.population_size, rng)
        points[0] = starting_point(space, start)
        bounded = space.bounded()
        return self.State(
            generation=0,
            points=clip(points, bounded),
            fitness=np.full(self.population_size, -np.inf),
            temperature=START,
            bounded=bounded,
            accepted=0.0,
        )

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Make one proposal for each chain, (1); at first the chains themselves."""
        step = self.step * state.temperature if state.generation else 0.0
        points = state.points + step * rng.standard_normal(state.points.shape)
        return Explicit(clip(points, state.bounded), slots=np.arange(self.population_size))

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Cool, then accept or reject each chain's proposal; a failed one is rejected."""
        population, slots = own_slots(population, self.kind)
        alive = require_any_fitness(evaluation)
        chains, proposed = slots[alive], population.points[alive]
        fitness = evaluation.fitness[alive]
        generation = state.generation + 1
        temperature = self._cool(state.temperature, generation)

        gain = self.reward_scale * (fitness - state.fitness[chains])
        uniforms = rng.random(self.population_size)[chains]
        accepted = uniforms < acceptance(gain, temperature)
        points, stored = state.points.copy(), state.fitness.copy()
        points[chains[accepted]] = proposed[accepted]
        stored[chains[accepted]] = fitness[accepted]
        return replace(
            state,
            generation=generation,
            points=points,
            fitness=stored,
            temperature=temperature,
            accepted=float(accepted.mean()),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the point of the chain with the highest stored fitness, (n_dim,), as published."""
        best: FloatArray = state.points[int(np.argmax(state.fitness))]
        return best

    def summary(self, state: State) -> Mapping[str, float]:
        """Give temperature, width of the next proposals and share of the last that was accepted."""
        return {
            "sigma": self.step * state.temperature,
            "temperature": state.temperature,
            "accepted": state.accepted,
        }

    def _cool(self, temperature: float, k: int) -> float:
        """Compute T_k from T_{k−1}, (2); linear and quadratic additive cooling ends at k = n."""
        if self.schedule == "multiplicative":
            return temperature * self.temperature_decay
        if self.schedule == "logarithmic":
            return START / (1 + float(np.log1p(k)))
        if self.schedule == "exponential":
            return START * 0.85**k
        if self.schedule == "linear_multiplicative":
            return START / (1 + k)
        if self.schedule == "quadratic_multiplicative":
            return START / (1 + k**2)
        height = START - temperature if self.cooling == "as_coded" else START  # (5) or (4)
        remaining = max(self.n_iterations - k, 0) / self.n_iterations
        if self.schedule == "linear_additive":
            return height * remaining
        if self.schedule == "quadratic_additive":
            return height * remaining**2
        return height / 2  # exponential additive: ln(T_0 − T_end) = 0


def acceptance(gain: FloatArray, temperature: float) -> FloatArray:
    """Probability of accepting, (3): 1 for a gain, else exp(gain / T), which is 0 at T = 0."""
    loss = np.minimum(gain, 0.0)
    if temperature == 0:
        return np.asarray(loss >= 0, dtype=np.float64)
    return np.asarray(np.exp(loss / temperature))
