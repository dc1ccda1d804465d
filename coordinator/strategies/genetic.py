"""A genetic algorithm on real coordinates, for noisy fitness.

Each generation is bred from the one before: tournaments choose two parents for every child
(Goldberg and Deb 1991), crossover mixes them coordinate by coordinate, and each coordinate mutates
with a small probability. Crossover is BLX-α (Eshelman and Schaffer 1993), uniform between the two
parents and by a fraction α beyond them, or uniform (Syswerda 1989), from either parent. Coordinates
are folded before they are mixed. Options of a choice have no order, so a choice is always inherited
whole and mutates into any option.

Because fitness is noisy:

- The elites enter the next generation unchanged, but without their fitness: they are evaluated
  again, on the tasks of that generation, and must win their places again. So no candidate stays
  because of noise alone.
- Tournaments compare candidates of one generation only.
- The point to deploy is the mean of the elites, not the best of them. The best of a noisy
  generation is selected by noise among nearly equal ones, while a mean of several elites averages
  out what is accidental in each, as recombination does in evolution strategies (Arnold 2006). On
  noisy bumps in 7 and 15 dimensions its distance to the optimum was about half that of the best
  elite. It is a poor choice while elites lie on several separate peaks. Of a choice, the most
  frequent option is taken instead.
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
from spikeloop.coordinator.strategies.population import Explicit, InitialLaw, draw_seed
from spikeloop.coordinator.strategies.ranking import best_first
from spikeloop.coordinator.strategies.settings import PopulationSettings, SigmaDecay
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import power
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Integer, Real
from spikeloop.workers.space import ParameterSpace, fold


class Genetic(PopulationSettings):
    """Genetic algorithm with tournaments, crossover, mutation and re-evaluated elites."""

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            parents: (n_parents, n_dim) the last generation, folded, from best to worst, without its
                failures; at first the starting point alone.
            bounded: (n_dim,) whether a coordinate is folded.
            n_options: (n_dim,) number of options of a choice, 0 for other coordinates.
        """

        generation: int
        parents: FloatArray
        bounded: NDArray[np.bool_]
        n_options: NDArray[np.int64]

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "tournament_size": Integer(2, 8, 5),
            "crossover": Choice(("blend", "uniform"), "blend"),
            "mutation_rate": Real(0.05, 1.0, 0.3, scale="log"),
            "sigma": Real(0.02, 0.5, 0.1, scale="log"),
        }
    )

    kind: Literal["genetic"] = "genetic"
    portable: ClassVar[bool] = True  # the same bits on every processor
    population_size: int = Field(
        default=48, ge=2, description="candidates of a generation, the elites included"
    )
    n_elites: int = Field(
        default=8, ge=1, description="best candidates that stay, and whose mean is deployed"
    )
    tournament_size: int = Field(
        default=5,
        ge=1,
        description="candidates drawn for each parent, of which the best is taken",
    )
    crossover: Literal["blend", "uniform"] = Field(
        default="blend", description="between the parents (BLX-α) or from either of them"
    )
    alpha: float = Field(
        default=0.5,
        ge=0,
        description="how far blends reach beyond both parents, in units of their distance; below "
        "(√3 - 1) / 2 = 0.37 children lie closer together than their parents",
    )
    mutation_rate: float = Field(
        default=0.3, ge=0, le=1, description="probability of a coordinate to mutate"
    )
    sigma: float = Field(
        default=0.1, gt=0, description="standard deviation of a mutation, in coordinates"
    )
    sigma_decay: SigmaDecay = 0.97

    @model_validator(mode="after")
    def _elites_leave_room(self) -> Self:
        if self.n_elites >= self.population_size:
            raise ValueError(
                f"n_elites must be below population_size ({self.population_size}), "
                f"got {self.n_elites}"
            )
        return self

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Begin with the starting point, not yet evaluated."""
        n_options = np.zeros(space.n_dim, dtype=np.int64)
        for parameter, columns in space.slices():
            if isinstance(parameter, Choice):
                n_options[columns] = len(parameter.options)
        bounded = space.bounded()
        return self.State(0, fold(starting_point(space, start), bounded)[None], bounded, n_options)

    def ask(self, state: State, rng: np.random.Generator) -> Population:
        """Propose elites and children; at first the starting point and draws of the initial law."""
        if state.generation == 0:
            return InitialLaw(
                first=state.parents[0],
                bounded=state.bounded,
                seed=draw_seed(rng),
                n_candidates=self.population_size,
            )
        elites = state.parents[: self.n_elites]
        return Explicit(
            np.vstack([elites, self._breed(state, self.population_size - len(elites), rng)])
        )

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Make the ranked generation the parents of the next one."""
        alive = require_any_fitness(evaluation)
        points = fold(population.rows()[alive], state.bounded)
        parents = points[best_first(points, evaluation.fitness[alive])]
        return replace(state, generation=state.generation + 1, parents=parents)

    def recommend(self, state: State) -> FloatArray:
        """Give the mean of the elites, (n_dim,); of choices the option that most of them have."""
        elites = state.parents[: self.n_elites]
        point: FloatArray = elites.mean(axis=0)
        for column in np.flatnonzero(state.n_options):
            point[column] = vote(elites[:, column], int(state.n_options[column]))
        return point

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of mutations, and the parents' mean standard deviation in a coordinate."""
        return {
            "sigma": self._sigma(state),
            "spread": float(state.parents.std(axis=0).mean()),
        }

    def _breed(self, state: State, n: int, rng: np.random.Generator) -> FloatArray:
        """Breed children, (n, n_dim), folded."""
        n_parents, n_dim = state.parents.shape
        drawn = rng.integers(n_parents, size=(2, n, self.tournament_size))
        mother, father = state.parents[drawn.min(axis=2)]  # parents are ranked: the first wins

        either = np.where(rng.random((n, n_dim)) < 0.5, mother, father)
        if self.crossover == "blend":
            share = rng.uniform(-self.alpha, 1 + self.alpha, (n, n_dim))
            mixed = mother + share * (father - mother)
        else:
            mixed = either
        whole = state.n_options > 0
        children = np.where(whole, either, mixed)

        changed = children + self._sigma(state) * rng.standard_normal((n, n_dim))
        changed = np.where(whole, rng.random((n, n_dim)), changed)
        mutates = rng.random((n, n_dim)) < self.mutation_rate
        return fold(np.where(mutates, changed, children), state.bounded)

    def _sigma(self, state: State) -> float:
        return self.sigma * power(self.sigma_decay, state.generation)


def vote(coordinates: FloatArray, n_options: int) -> float:
    """Give the middle of the most frequent option; of equals the first.

    Args:
        coordinates: (n,) in [0, 1], from the best candidate to the worst.
        n_options: of the choice, equally wide.
    """
    options = np.minimum(np.floor(coordinates * n_options), n_options - 1)
    votes = (options[:, None] == options).sum(axis=1)
    return float((options[np.argmax(votes)] + 0.5) / n_options)
