"""Grid search: the full factorial grid, walked in an order that spreads over it early.

Each coordinate takes the middles of m equally likely parts of the initial law: (i + 1/2) / m within
bounds, the quantiles of the normal law at those levels for weights; integers and choices have no
more points than values. A point of the grid is a number in mixed radix, its digits by ``divmod``,
so the grid is never in memory.

The walk visits point (t · stride) mod N at step t, with a stride coprime to N, so it meets every
point once in N steps. A generation covers only a part of the walk, and each part should cover
every axis and every pair of axes. The digit of an axis with place value P is a function of
t · stride / P mod 1, a rotation of the circle by stride / P. By Weyl's criterion it spreads the
faster the farther stride / P is from whole numbers, and two axes move independently if the sum and
the difference of their rotations are. Of some strides near N / φ, φ the golden ratio, the one that
keeps all of these farthest from whole numbers is taken.

As in random search the incumbent is candidate 0 of each generation and is replaced by a candidate
that beats it on the same tasks. After N steps the walk starts again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import gcd, prod
from statistics import NormalDist
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation, Invariance, starting_point
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.strategies.ranking import next_incumbent
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Integer
from spikeloop.workers.space import ParameterSpace

MAX_POINTS = 10_000_000
"""Largest grid: at 47 points a generation it takes 200 000 generations."""

N_STRIDES = 500
"""Number of strides that are compared."""


class GridSearch(Settings):
    """Full factorial grid search with re-evaluation of the incumbent.

    For few dimensions, to map a landscape: 3 points in each of 7 coordinates are 2187 points, 47
    generations. A grid is poor at optimising, because each axis shows only its few values.
    """

    @dataclass(frozen=True)
    class State:
        """State of the walk.

        Attributes:
            generation: number of generations evaluated so far.
            incumbent: (n_dim,) the point that won the last generation; at first the starting point.
            incumbent_age: generations that the incumbent has held its place.
            position: t, steps of the walk so far.
            stride: of the walk.
            levels: (n_dim,) int64 points of each axis; their product is N.
            bounded: (n_dim,) whether a coordinate's points lie evenly in [0, 1].
        """

        generation: int
        incumbent: FloatArray
        incumbent_age: int
        position: int
        stride: int
        levels: NDArray[np.int64]
        bounded: NDArray[np.bool_]

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("12", "24", "48", "96"), "48"),
            "points_per_axis": Choice(("2", "3"), "3"),
        }
    )

    kind: Literal["grid"] = "grid"
    portable: ClassVar[bool] = True  # the same bits on every processor
    population_size: int = Field(
        default=48, ge=2, description="candidates of a generation, the incumbent included"
    )
    points_per_axis: int = Field(
        default=3, ge=2, description="m, values of each coordinate, as far as it has so many"
    )

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Take the starting point as the first incumbent; ValueError if the grid is too large."""
        levels = np.full(space.n_dim, self.points_per_axis, dtype=np.int64)
        for parameter, columns in space.slices():
            if isinstance(parameter, Integer):
                levels[columns] = min(self.points_per_axis, parameter.high - parameter.low + 1)
            elif isinstance(parameter, Choice):
                levels[columns] = min(self.points_per_axis, len(parameter.options))
        n_points = prod(levels.tolist())
        if n_points > MAX_POINTS:
            size = str(n_points) if n_points < 10**15 else "over 10^15"
            raise ValueError(
                f"a grid must have at most {MAX_POINTS} points, got {size} "
                f"({self.points_per_axis} points in {space.n_dim} dimensions): lower "
                "points_per_axis, search fewer parameters, or use random_search"
            )
        return self.State(
            generation=0,
            incumbent=starting_point(space, start),
            incumbent_age=0,
            position=0,
            stride=well_spread_stride(levels),
            levels=levels,
            bounded=space.bounded(),
        )

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Propose the incumbent, then the next points of the walk, without random numbers."""
        n_points = int(np.prod(state.levels))
        steps = state.position + np.arange(self._n_new(state), dtype=np.int64)
        numbers = (steps % n_points) * state.stride % n_points
        points = grid_points(numbers, state.levels, state.bounded)
        return Explicit(np.vstack([state.incumbent, points]))

    def n_candidates(self, state: State) -> int:
        """Number of candidates of the next generation."""
        return 1 + self._n_new(state)

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Make the best candidate the incumbent and go on along the walk."""
        incumbent, age = next_incumbent(
            state.incumbent, state.incumbent_age, population, evaluation
        )
        return replace(
            state,
            generation=state.generation + 1,
            incumbent=incumbent,
            incumbent_age=age,
            position=state.position + self._n_new(state),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the incumbent, (n_dim,)."""
        return state.incumbent

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the number of walks through the grid, and the age of the incumbent."""
        return {
            "walked": state.position / int(np.prod(state.levels)),
            "incumbent_age": float(state.incumbent_age),
        }

    def _n_new(self, state: State) -> int:
        return min(self.population_size - 1, int(np.prod(state.levels)))


def grid_points(
    numbers: NDArray[np.int64], levels: NDArray[np.int64], bounded: NDArray[np.bool_]
) -> FloatArray:
    """Compute points of the grid from their numbers, (n, n_dim); axis 0 is the lowest digit."""
    points = np.empty((numbers.size, levels.size))
    for axis, m in enumerate(levels.tolist()):
        numbers, digit = np.divmod(numbers, m)
        values = (np.arange(m) + 0.5) / m
        if not bounded[axis]:
            values = np.array([NormalDist().inv_cdf(level) for level in values])
        points[:, axis] = values[digit]
    return points


def well_spread_stride(levels: NDArray[np.int64]) -> int:
    """Choose the stride, coprime to the number of points, by the criterion of the module."""
    n_points = prod(levels.tolist())
    first = int(n_points / ((1 + 5**0.5) / 2))
    near = range(max(first, 1), min(first + 4 * N_STRIDES, n_points + 1))
    strides = np.array([s for s in near if gcd(s, n_points) == 1][:N_STRIDES] or [1])
    places = np.cumprod(levels[levels > 1])
    turns = strides[:, None] / places
    one, other = np.triu_indices(places.size, k=1)
    pairs = turns[:, one], turns[:, other]
    combined = np.hstack([turns, pairs[0] + pairs[1], pairs[0] - pairs[1]])
    if not combined.size:
        return 1
    clearance = np.abs(combined - np.round(combined)).min(axis=1)
    return int(strides[np.argmax(clearance)])
