"""The evolution strategy as it was published, faults included, to show what the faults cost.

The outer loop of Bohnstingl et al. 2019 (Front. Neurosci. 13:483) on the chip: the evolution
strategy of the library Meta-optimization/L2L, with the settings of their repository
Neuromorphic_Hardware_learns_to_learn and its decay of the learning rate. Written from its
behaviour; no code is shared. A generation evaluates x + e_i and x − e_i for n/2 draws
e_i ~ N(0, σ² I), and x itself, all clipped into the box. With the n perturbed candidates ranked by
fitness, k = 1 the best,

    u_k = max(0, ln(n/2 + 1) − ln k) / Σ_j max(0, ln(n/2 + 1) − ln j) − 1/n                (1)
    x ← x + α / (n σ²) Σ_k u_k e_k,        α ← decay · α                                   (2)

(1) is the shaping of Wierstra et al. 2014, "Natural evolution strategies", section 3.1.
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
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import log, power, product
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace


class EvolutionPublished(Settings):
    """For comparison only: reproduces the faults of the published strategy. Use ``evolution``.

    The library's faults stand in ``l2l/optimizers/evolutionstrategies/optimizer.py`` of
    Meta-optimization/L2L, the settings in ``hardware/mdp/ltl-MDP-*.py`` of the repository of
    Bohnstingl et al. 2019:

    1. Candidates are clipped into the box before they are evaluated, yet (2) uses e as drawn. On
       a face, candidates that were the same point count as evidence for opposite steps; and x
       itself is never clipped, so it can drift away from the box with all its candidates on a face.
    2. The fitness of x is looked up after its entry has been cut off the list. What passes for it
       is that of the last mirrored candidate, x − e of the last draw. It was recorded, not used;
       here it is the ``current_place`` of the summary. The evaluation of x itself is lost.
    3. Utilities that sum to one (in their positive part) are divided by n once more in (2), so α
       means 1/n of what it means in Wierstra et al.: with n = 50 the gain α / (n σ) on Σ u ε is
       0.1, and it decays by 0.95 a generation.
    4. The point handed out is the best perturbed candidate of the last generation, the one of 50
       at a distance σ √n_dim from x that noise favoured most, instead of x.

    Whole points travel to the workers, as published, and not the seed of the noise.
    """

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            center: (n_dim,) x, which may leave the box.
            noise: (n_pairs, n_dim) e_i / σ of the next generation, drawn here because a clipped
                candidate no longer tells it.
            bounded: (n_dim,) whether a coordinate is clipped.
            best: (n_dim,) the best perturbed candidate of the last generation, clipped; at first
                the starting point.
            current_place: share of the perturbed candidates that did better than the one whose
                fitness passes for that of x; 0 before the first generation.
        """

        generation: int
        center: FloatArray
        noise: FloatArray
        bounded: NDArray[np.bool_]
        best: FloatArray
        current_place: float

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "n_pairs": Choice(("6", "12", "25", "50"), "25"),
            "sigma": Real(0.02, 0.5, 0.1, scale="log"),
            "learning_rate": Real(0.05, 5.0, 0.5, scale="log"),
        }
    )

    kind: Literal["evolution_published"] = "evolution_published"
    portable: ClassVar[bool] = True  # the same bits on every processor
    n_pairs: int = Field(
        default=25, ge=1, description="mirrored pairs; a generation has one candidate more, x"
    )
    sigma: float = Field(
        default=0.1, gt=0, description="standard deviation of the search, in coordinates"
    )
    learning_rate: float = Field(default=0.5, gt=0, description="α of the first generation")
    learning_rate_decay: float = Field(
        default=0.95, gt=0, le=1, description="factor on α after each generation"
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put the centre at the start and draw the first noise."""
        start = starting_point(space, start)
        bounded = space.bounded()
        return self.State(
            generation=0,
            center=start,
            noise=rng.standard_normal((self.n_pairs, space.n_dim)),
            bounded=bounded,
            best=clip(start, bounded),
            current_place=0.0,
        )

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Propose x + e in slots 0 …, then all x − e, last x, without random numbers."""
        points = np.vstack([state.center + self._perturbations(state), state.center])
        return Explicit(clip(points, state.bounded), slots=np.arange(len(points)))

    def n_candidates(self, state: State) -> int:
        """Number of candidates of the next generation."""
        return 2 * self.n_pairs + 1

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Take one step (2) of the centre, and draw the noise of the next generation."""
        population, slots = own_slots(population, self.kind)
        counts = require_any_fitness(evaluation) & (slots < 2 * self.n_pairs)
        rows = np.flatnonzero(counts)
        rows = rows[np.argsort(slots[rows])]
        fitness = evaluation.fitness[rows]
        n = rows.size
        order = np.argsort(-fitness, kind="stable")
        center, best, place = state.center, state.best, state.current_place
        if n:
            perturbations = self._perturbations(state)[slots[rows]]
            rate = self.learning_rate * power(self.learning_rate_decay, state.generation)
            step = product(utilities(n)[None, :], perturbations[order])[0]
            center = center + rate / (n * self.sigma**2) * step  # (2)
            best = population.points[rows[order[0]]].copy()
            place = float((fitness > fitness[-1]).mean())  # of the last candidate, not of x
        return replace(
            state,
            generation=state.generation + 1,
            center=center,
            noise=rng.standard_normal(state.noise.shape),
            best=best,
            current_place=place,
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the best candidate of the last generation, (n_dim,), as published."""
        return state.best

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of the search, the rate of the next step, and the supposed rank of x."""
        return {
            "sigma": self.sigma,
            "learning_rate": self.learning_rate * power(self.learning_rate_decay, state.generation),
            "current_place": state.current_place,
        }

    def _perturbations(self, state: State) -> FloatArray:
        """Compute e by slot, (2 n_pairs, n_dim)."""
        return self.sigma * np.vstack([state.noise, -state.noise])


def utilities(n: int) -> FloatArray:
    """Compute u_k of (1), (n,), from the best to the worst of n candidates; they sum to 0."""
    weights = np.maximum(0.0, log(n / 2 + 1) - log(np.arange(1, n + 1)))
    return np.asarray(weights / weights.sum() - 1 / n)
