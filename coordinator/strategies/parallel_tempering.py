"""Parallel tempering: replicas at a ladder of temperatures that exchange their points.

Swendsen and Wang 1986; Geyer 1991; Earl and Deem 2005, "Parallel tempering: theory, applications,
and new perspectives". Replica r holds a point and moves as in annealing, by the rule of Metropolis
at its own temperature T_r, which does not fall. Its stationary law is exp(f / T_r); the hot ones
wander over the whole range, the cold ones search around the best that was found. After the moves,
neighbours i (colder) and j = i + 1 exchange their points with probability

    min(1, exp((1 / T_i − 1 / T_j) (f_j − f_i)))                                             (1)

which leaves the joint law unchanged: pairs (0, 1), (2, 3), … in one round and (1, 2), (3, 4), … in
the next. f is fitness divided by its standard deviation over the generation. Incumbents are
evaluated again beside the proposals, so that all comparisons are on the same tasks.

Temperatures form a geometric ladder, at which exchanges between neighbours are about equally
frequent where the law is Gaussian. There its width grows with √T, and so do the steps:
σ_r = σ_hot √(T_r / T_hot).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from spikeloop.coordinator.strategies.metropolis import (
    acceptance,
    accepted_moves,
    by_slot,
    normalised,
    spread_of,
)
from spikeloop.coordinator.strategies.population import Explicit, own
from spikeloop.coordinator.strategies.settings import PopulationSettings
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace, fold


class ParallelTempering(PopulationSettings):
    """Replica exchange between Metropolis chains at a ladder of temperatures.

    Bounded parameters have coordinates in [0, 1], weights in units of their scale, so one step
    serves them all. The defaults suit some tens of generations on a handful of bounded parameters
    and were chosen on random smooth bumps in seven dimensions with 6 % noise: low temperatures,
    because the search is short, and several rounds of exchanges, which cost no episodes and carry a
    good point down the ladder sooner. For sampling exp(f / T), or for hundreds of generations on
    many separate maxima, a hottest temperature of 1 or more lets replicas cross the valleys.
    """

    @dataclass(frozen=True)
    class State:
        """State of the replicas.

        Attributes:
            generation: number of generations evaluated so far.
            points: (n_replicas, n_dim) the incumbents, folded, from the coldest to the hottest.
            average: (n_dim,) mean of the coldest replica's points, fading into the past.
            bounded: (n_dim,) whether a coordinate is folded into [0, 1].
            accepted: share of the proposals that were accepted in the last generation.
            exchanged: share of the exchanges that took place among those tried in it.
        """

        generation: int
        points: FloatArray
        average: FloatArray
        bounded: NDArray[np.bool_]
        accepted: float
        exchanged: float

    invariance: ClassVar[Invariance] = "affine"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "step": Real(0.05, 1.0, 0.5, scale="log"),
            "temperature_cold": Real(0.001, 0.1, 0.01, scale="log"),
            "temperature_hot": Real(0.1, 3.0, 0.3, scale="log"),
            "exchange_rounds": Choice(("1", "2", "4", "8"), "4"),
        }
    )

    kind: Literal["parallel_tempering"] = "parallel_tempering"
    population_size: int = Field(
        default=48,
        ge=4,
        multiple_of=2,
        description="candidates of a generation: an incumbent and a proposal per replica",
    )
    step: float = Field(
        default=0.5,
        gt=0,
        description="σ_hot, standard deviation of the hottest replica's proposals, in coordinates",
    )
    temperature_cold: float = Field(
        default=0.01, gt=0, description="temperature of the coldest replica, in SD of fitness"
    )
    temperature_hot: float = Field(
        default=0.3, gt=0, description="temperature of the hottest replica, in SD of fitness"
    )
    exchange_rounds: int = Field(
        default=4, ge=1, description="rounds of exchanges after each generation's moves"
    )
    memory: float = Field(
        default=0.8,
        ge=0,
        lt=1,
        description="weight of the past in the coldest replica's average point; 0 takes the last",
    )

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        if self.temperature_hot < self.temperature_cold:
            raise ValueError(
                f"temperature_hot must be >= temperature_cold, {self.temperature_cold}, "
                f"got {self.temperature_hot}"
            )
        return self

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put the coldest replica at the starting point, the others at draws of the initial law."""
        bounded = space.bounded()
        points = space.sample(self.population_size // 2, rng)
        points[0] = fold(starting_point(space, start), bounded)
        return self.State(0, points, points[0], bounded, accepted=0.0, exchanged=0.0)

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Propose incumbents, then proposals: slots r and n_replicas + r belong to replica r."""
        noise = rng.standard_normal(state.points.shape)
        proposals = state.points + self._steps()[:, None] * noise
        return Explicit(np.vstack([state.points, proposals]), np.arange(2 * len(noise)))

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Move each replica or not, then exchange points between neighbours.

        A replica without fitness takes no part in exchanges.
        """
        population = own(population, Explicit, self.kind)
        require_any_fitness(evaluation)
        ladder = self._ladder()
        n = ladder.size
        proposed, fitness = by_slot(population, evaluation.fitness, 2 * n)
        fitness = normalised(fitness, spread_of(fitness))
        old, new = fitness[:n], fitness[n:]
        moves = accepted_moves(old, new, acceptance(new - old, ladder), rng)
        points = np.where(moves[:, None], fold(proposed[n:], state.bounded), state.points)

        held = np.where(moves, new, old)
        order, n_tried, n_done = np.arange(n), 0, 0
        for i in range(self.exchange_rounds):
            first = (state.generation * self.exchange_rounds + i) % 2
            cold = np.arange(first, n - 1, 2)
            chance = exchange_chance(held[order], ladder, cold)
            swapped = cold[rng.random(cold.size) < chance]
            order[swapped], order[swapped + 1] = order[swapped + 1], order[swapped]
            n_tried, n_done = n_tried + cold.size, n_done + swapped.size
        points = points[order]
        return replace(
            state,
            generation=state.generation + 1,
            points=points,
            average=self.memory * state.average + (1 - self.memory) * points[0],
            accepted=float(moves.mean()),
            exchanged=n_done / max(n_tried, 1),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the fading mean of the coldest replica's points, (n_dim,).

        A single point was selected partly by noise. The mean over generations estimates the mean of
        the cold law exp(f / T), which lies at the maximum that holds most of its mass, unless the
        replica still jumps between maxima; then set ``memory`` to 0.
        """
        return state.average

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the step of the coldest replica, and the shares of accepted moves and exchanges."""
        return {
            "sigma": float(self._steps()[0]),
            "accepted": state.accepted,
            "exchanged": state.exchanged,
        }

    def _ladder(self) -> FloatArray:
        """Give the temperatures, (n_replicas,), from the coldest to the hottest."""
        n_replicas = self.population_size // 2
        return np.geomspace(self.temperature_cold, self.temperature_hot, n_replicas)

    def _steps(self) -> FloatArray:
        """Give the standard deviations of the proposals, (n_replicas,)."""
        return np.asarray(self.step * np.sqrt(self._ladder() / self.temperature_hot))


def exchange_chance(fitness: FloatArray, ladder: FloatArray, cold: NDArray[np.intp]) -> FloatArray:
    """Compute (1), the probability that replicas i and i + 1 exchange; 0 if one has no fitness.

    Args:
        fitness: (n_replicas,) of the points they hold, nan where there is none.
        ladder: (n_replicas,) temperatures, rising.
        cold: (n_pairs,) indices i.
    """
    gain = (1 / ladder[cold] - 1 / ladder[cold + 1]) * (fitness[cold + 1] - fitness[cold])
    return np.where(np.isnan(gain), 0.0, acceptance(gain, 1.0))
