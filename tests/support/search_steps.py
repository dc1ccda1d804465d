"""Takes strategies through generations by hand, one ask and one tell at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Real, Weights
from spikeloop.workers.space import ParameterSpace

BOX_AND_WEIGHTS = ParameterSpace.of({"a": Real(0.0, 1.0, 0.25), "w": Weights((3,), 1.0)})
"""A bounded coordinate and three that are not."""

TOP = np.array([1.0, 1.0, 0.0, -1.0])
CURVATURE = np.array([1.0, 0.5, 2.0, 0.1])
Seed = int | np.random.Generator


def begin(
    strategy: Any, space: ParameterSpace = BOX_AND_WEIGHTS, start: ArrayLike | None = None
) -> Any:
    """The state before the first generation of a search from the default point or another one."""
    point = space.default_point() if start is None else np.asarray(start, dtype=np.float64)
    return strategy.init(space, np.random.default_rng(0), point)


def quadratic(points: FloatArray) -> FloatArray:
    """A hill with its top at ``TOP``, of other curvature in each coordinate."""
    return np.asarray(-0.5 * ((points - TOP) ** 2 * CURVATURE).sum(axis=-1))


def points_of(population: Population) -> FloatArray:
    return population.rows()


def ask_points(strategy: Any, state: Any, seed: Seed = 1) -> FloatArray:
    """(n_candidates, n_dim) what is proposed in this state."""
    return points_of(strategy.ask(state, np.random.default_rng(seed)))


def tell_fitness(
    strategy: Any,
    state: Any,
    fitness: ArrayLike | Callable[[FloatArray], FloatArray],
    seed: Seed = 1,
) -> Any:
    """The state after a generation with these values of fitness, or this fitness of points.

    With a seed the candidates are those of ``ask_points`` with the same seed.
    """
    population = strategy.ask(state, np.random.default_rng(seed))
    values = fitness(points_of(population)) if callable(fitness) else fitness
    evaluation = Evaluation(np.asarray(values, dtype=np.float64))
    return strategy.tell(state, population, evaluation, np.random.default_rng(seed))


def tell_repeatedly(
    strategy: Any, state: Any, fitness: Callable[[FloatArray], FloatArray], n: int, seed: int = 1
) -> Any:
    """The state after ``n`` generations."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        state = tell_fitness(strategy, state, fitness, rng)
    return state
