"""Simulated annealing by parallel independent chains: Kirkpatrick, Gelatt, Vecchi 1983.

Each chain holds a point x, its incumbent, and proposes y = x + σ ε with ε ~ N(0, I), folded at the
bounds, which keeps the proposal symmetric. It moves by the rule of Metropolis et al. 1953, with
probability

    min(1, exp(Δ / T)),     Δ = (f(y) − f(x)) / SD                                           (1)

where SD is the standard deviation of fitness over the generation, so that a temperature means the
same whatever the scale of fitness; T falls from generation to generation
(``annealing_schedule.py``).

Each generation has its own tasks, so the fitness with which an incumbent won says little about its
fitness on the present ones. By default it is evaluated again beside the proposal, and (1) compares
the two on the same tasks. The plain algorithm compares with the remembered fitness and needs half
the episodes, but an incumbent that won by noise holds its place until a proposal has more of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spikeloop.coordinator.strategies.annealing_schedule import Schedule, temperature
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


class Annealing(PopulationSettings):
    """Simulated annealing: independent chains whose temperature falls.

    Bounded parameters have coordinates in [0, 1], weights in units of their scale, so one step
    serves them all. The defaults suit some tens of generations on a handful of bounded parameters:
    a third of the range as first step, and temperatures so low that chains rarely go downhill by
    more than noise. They were chosen on random smooth bumps in seven dimensions with 6 % noise,
    where chains of only some tens of steps gain nothing from higher temperatures. For a fitness
    with many separate maxima and hundreds of generations, use a first temperature of about 1.
    """

    @dataclass(frozen=True)
    class State:
        """State of the chains.

        Attributes:
            generation: number of generations evaluated so far.
            points: (n_chains, n_dim) the incumbents, folded.
            remembered: (n_chains,) fitness by which each incumbent won its place; nan if it has
                none, and always where incumbents are evaluated again.
            merit: (n_chains,) average of the chain's standardised fitness, fading into the past.
            bounded: (n_dim,) whether a coordinate is folded into [0, 1].
            accepted: share of the proposals that were accepted in the last generation.
        """

        generation: int
        points: FloatArray
        remembered: FloatArray
        merit: FloatArray
        bounded: NDArray[np.bool_]
        accepted: float

    invariance: ClassVar[Invariance] = "affine"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "step": Real(0.02, 1.0, 0.3, scale="log"),
            "step_follows_temperature": Choice(("true", "false"), "true"),
            "schedule": Choice(get_args(Schedule), "linear_additive"),
            "temperature_first": Real(0.1, 3.0, 0.1, scale="log"),
            "temperature_last": Real(0.003, 0.1, 0.03, scale="log"),
            "n_steps": Choice(("15", "30", "60"), "30"),
        }
    )

    kind: Literal["annealing"] = "annealing"
    population_size: int = Field(
        default=48,
        ge=2,
        multiple_of=2,
        description="candidates of a generation: one per chain, two if incumbents are reevaluated",
    )
    reevaluate: bool = Field(
        default=True, description="whether incumbents are evaluated again beside their proposals"
    )
    step: float = Field(
        default=0.3, gt=0, description="σ, standard deviation of a proposal, in coordinates"
    )
    step_follows_temperature: bool = Field(
        default=True, description="whether the step shrinks in proportion to the temperature"
    )
    schedule: Schedule = Field(default="linear_additive", description="how the temperature falls")
    temperature_first: float = Field(
        default=0.1, gt=0, description="temperature of the first generation, in SD of fitness"
    )
    temperature_last: float = Field(
        default=0.03, gt=0, description="temperature after n_steps generations, in SD of fitness"
    )
    n_steps: int = Field(
        default=30, ge=1, description="generations until the last temperature is reached"
    )
    memory: float = Field(
        default=0.8, ge=0, lt=1, description="weight of the past in a chain's average fitness"
    )

    @model_validator(mode="after")
    def _cools(self) -> Self:
        if self.temperature_last > self.temperature_first:
            raise ValueError(
                f"temperature_last must be <= temperature_first, {self.temperature_first}, "
                f"got {self.temperature_last}"
            )
        return self

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put chain 0 at the starting point, the others at draws of the initial law."""
        n_chains = self._n_chains()
        bounded = space.bounded()
        points = space.sample(n_chains, rng)
        points[0] = fold(starting_point(space, start), bounded)
        return self.State(
            generation=0,
            points=points,
            remembered=np.full(n_chains, np.nan),
            merit=np.zeros(n_chains),
            bounded=bounded,
            accepted=0.0,
        )

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Give incumbents, then proposals; proposals only if incumbents are not reevaluated.

        Slot c is the incumbent of chain c, slot n_chains + c its proposal.
        """
        n_chains = self._n_chains()
        proposals = state.points + self._step(state) * rng.standard_normal(state.points.shape)
        slots = np.arange(2 * n_chains)
        if self.reevaluate:
            return Explicit(np.vstack([state.points, proposals]), slots)
        if state.generation == 0:  # nothing to compare with yet
            proposals = state.points.copy()
        return Explicit(proposals, slots[n_chains:])

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Move each chain, or not."""
        population = own(population, Explicit, self.kind)
        require_any_fitness(evaluation)
        n_chains = self._n_chains()
        points, fitness = by_slot(population, evaluation.fitness, 2 * n_chains)
        spread = spread_of(fitness)
        old = fitness[:n_chains] if self.reevaluate else state.remembered
        new = fitness[n_chains:]
        chance = acceptance(normalised(new - old, spread), self._temperature(state))
        moves = accepted_moves(old, new, chance, rng)

        held = np.where(moves, new, old)
        standard = normalised(held - np.nanmean(fitness), spread)
        merit = np.where(
            np.isfinite(held), self.memory * state.merit + (1 - self.memory) * standard, state.merit
        )
        proposals = fold(points[n_chains:], state.bounded)
        return replace(
            state,
            generation=state.generation + 1,
            points=np.where(moves[:, None], proposals, state.points),
            remembered=state.remembered if self.reevaluate else held,
            merit=merit,
            accepted=float(moves.mean()),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the incumbent of the chain with the highest average fitness, (n_dim,).

        Fitness is standardised within each generation, whose tasks all chains share, and averaged
        over generations, because the best fitness of a single one is mostly due to noise. A chain
        moves little when it is cold, so its past fitness is informative about its present point.
        """
        return np.asarray(state.points[np.argmax(state.merit)])

    def summary(self, state: State) -> Mapping[str, float]:
        """Give temperature and step of the next generation, and the share of accepted proposals."""
        return {
            "sigma": self._step(state),
            "temperature": self._temperature(state),
            "accepted": state.accepted,
        }

    def _n_chains(self) -> int:
        return self.population_size // 2 if self.reevaluate else self.population_size

    def _temperature(self, state: State) -> float:
        return temperature(
            self.schedule,
            state.generation,
            self.temperature_first,
            self.temperature_last,
            self.n_steps,
        )

    def _step(self, state: State) -> float:
        if not self.step_follows_temperature:
            return self.step
        return self.step * self._temperature(state) / self.temperature_first
