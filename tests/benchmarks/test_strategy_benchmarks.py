"""The benchmarks of strategies: their problems, and what the page on choosing one claims."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from far_and_discrete import TABLES, VARIANTS, Column, search, way
from one_search import search as search_box
from peers import Ours, Task
from problems import instance
from weights_and_choices import Problem, choices, far, mixed, ordered

from spikeloop.coordinator.strategies import STRATEGIES
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.tasks.base import FloatArray

COLUMNS = {column.head: column for columns in TABLES.values() for column in columns}
SEEDS = range(4)


def measured(variant: str, head: str) -> FloatArray:
    """(n_seeds,) what a variant reaches in one column of the tables."""
    kind, settings = VARIANTS[variant]
    strategy = STRATEGIES[kind](**settings)
    return np.array([search(strategy, COLUMNS[head], seed) for seed in SEEDS])


@pytest.mark.parametrize("make", [partial(far, 7), partial(choices, 4), ordered, mixed])
def test_a_problem_begins_at_share_0_and_its_optimum_has_share_1(
    make: Callable[[np.random.Generator], Problem],
) -> None:
    """No coordinate depends on another, so the best value of each is the optimum."""
    problem = make(np.random.default_rng(5))
    point = problem.space.default_point()
    assert problem.share(point) == 0.0
    assert way(problem, point, 0.0) == 0.0
    for i, bounded in enumerate(problem.space.bounded()):
        tried = np.linspace(0, 1, 1001) if bounded else np.linspace(-10, 10, 21)
        points = np.tile(point, (tried.size, 1))
        points[:, i] = tried
        fitness = problem.fitness(problem.space.decode(points).values)
        point[i] = tried[fitness.argmax()]
    assert problem.share(point) == pytest.approx(1.0, abs=1e-4)


def test_log_ranks_and_a_fast_sigma_go_twice_as_far_to_a_far_optimum() -> None:
    head = "7 weights, 20 generations"
    fast, usual = (
        measured("evolution, log ranks, sigma_rate = 3", head),
        measured("evolution", head),
    )
    assert (usual < 0.35).all()
    assert (fast > 2 * usual).all()


def test_cross_entropy_and_genetic_find_choices_without_order_and_evolution_does_not() -> None:
    head = "choices of 4"
    assert (measured("cross_entropy", head) == 1.0).all()
    assert (measured("genetic", head) == 1.0).all()
    assert (measured("evolution", head) < 1.0).all()


def test_evolution_finds_whole_numbers_in_order() -> None:
    assert (measured("evolution", "4 levels in order") == 1.0).all()


def test_a_search_that_stays_has_come_no_way() -> None:
    stays = Evolution(sigma=1e-9, learning_rate=1e-30)
    assert search(stays, Column("far", partial(far, 7), 3, 0.0, way), seed=0) < 1e-6


def test_a_budget_must_be_a_multiple_of_the_population() -> None:
    strategy = Evolution(population_size=12)
    task = Task(n_dim=7, population_size=12, budget=30, noisy=False, seed=0)
    with pytest.raises(ValueError, match="30 evaluations"):
        search_box(lambda task: Ours(strategy, task), task, instance("sphere", 7, 0), noise=0.0)
