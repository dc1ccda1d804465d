"""The genetic algorithm: elites, tournaments, crossover and mutation, each by itself."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.search_steps import ask_points, begin, tell_fitness
from support.statistical_asserts import assert_frequencies, assert_law, assert_rate

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.genetic import Genetic, vote
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice, Real, Weights
from spikeloop.workers.space import ParameterSpace

ALPHA = 1e-4
SPACE = ParameterSpace.of(
    {"a": Real(0, 1, 0.25), "rule": Choice(("x", "y", "z"), "z"), "w": Weights((2,), 1.0)}
)
N = 4000
TWO_PARENTS = np.array([[0.375, 0.25, 0.0, 3.0], [0.625, 0.75, 1.0, 3.0]])


def second_generation(parents: FloatArray) -> Genetic.State:
    first = begin(Genetic(), SPACE)
    return Genetic.State(1, parents, first.bounded, first.n_options)


def bred_from(parents: FloatArray, **settings: Any) -> FloatArray:
    """(N, n_dim) children of given ranked parents in the second generation."""
    strategy = Genetic.model_validate({"population_size": N + 1, "n_elites": 1, **settings})
    return ask_points(strategy, second_generation(parents))[1:]


def test_the_best_stay_unchanged_and_are_evaluated_again() -> None:
    strategy, fitness = Genetic(population_size=10, n_elites=3), np.roll(np.arange(10.0), 4)
    first = begin(strategy, SPACE)
    state = tell_fitness(strategy, first, fitness)
    best = ask_points(strategy, first)[np.argsort(-fitness)]
    np.testing.assert_array_equal(state.parents, best)
    np.testing.assert_array_equal(ask_points(strategy, state)[:3], best[:3])


@pytest.mark.parametrize("size", [1, 3])
def test_tournaments_prefer_the_better_parent(size: int) -> None:
    """Of n ranked parents the k-th best wins with ((n − k + 1)^s − (n − k)^s) / n^s."""
    parents = np.zeros((5, 4))
    parents[:, 3] = np.arange(5)
    children = bred_from(parents, tournament_size=size, crossover="uniform", mutation_rate=0.0)
    left = np.arange(5, -1, -1) / 5
    law = left[:-1] ** size - left[1:] ** size
    counts = np.bincount(children[:, 3].astype(int), minlength=5)
    assert_frequencies(counts, law, ALPHA)
    with pytest.raises(AssertionError):
        assert_frequencies(counts, law[::-1] if size > 1 else [0.3, 0.2, 0.2, 0.2, 0.1], ALPHA)


def test_uniform_crossover_takes_each_coordinate_from_either_parent() -> None:
    children = bred_from(TWO_PARENTS, crossover="uniform", mutation_rate=0.0, tournament_size=1)
    for column in range(3):
        assert set(np.unique(children[:, column])) == set(TWO_PARENTS[:, column])
    same = children[:, 0] == 0.375
    agree = same == (children[:, 2] == 0.0)  # always when both parents are one, else half the time
    assert_rate(int(agree.sum()), N, 0.75, ALPHA)
    with pytest.raises(AssertionError):
        assert_rate(int(agree.sum()), N, 1.0 - 1e-9, ALPHA)


def test_blends_are_uniform_between_the_parents_and_beyond() -> None:
    children = bred_from(
        TWO_PARENTS, crossover="blend", alpha=0.5, mutation_rate=0.0, tournament_size=1
    )
    np.testing.assert_array_equal(children[:, 3], 3.0)  # where parents agree, so does the child
    mixed = children[~np.isin(children[:, 2], [0.0, 1.0])]  # of two different parents
    assert_rate(len(mixed), N, 0.5, ALPHA / 3)
    law = stats.uniform(-0.5, 2.0).cdf
    assert_law(mixed[:, 2], law, ALPHA / 3)
    assert_law((mixed[:, 0] - 0.375) / 0.25, law, ALPHA / 3)
    with pytest.raises(AssertionError):
        assert_law(mixed[:, 2], stats.uniform(0.0, 1.0).cdf, ALPHA / 3)


def test_mutations_are_normal_and_as_frequent_as_set() -> None:
    parents = np.tile([0.5, 0.5, 1.0, 1.0], (3, 1))
    children = bred_from(parents, mutation_rate=0.3, sigma=0.1, sigma_decay=0.5)
    changed = children[:, 2:] != 1.0
    assert_rate(int(changed.sum()), 2 * N, 0.3, ALPHA / 3)
    steps = children[:, 2:][changed] - 1.0
    assert_law(steps, stats.norm(0, 0.05).cdf, ALPHA / 3)  # decayed once
    with pytest.raises(AssertionError):
        assert_law(steps, stats.norm(0, 0.1).cdf, ALPHA / 3)
    both = int(changed.all(axis=1).sum())  # coordinates mutate independently
    assert_rate(both, N, 0.09, ALPHA / 3)


def test_a_choice_is_inherited_whole_and_mutates_into_any_option() -> None:
    """A blend of the first and the last of three options would be the middle one."""
    inherited = bred_from(TWO_PARENTS, crossover="blend", mutation_rate=0.0)
    assert set(SPACE.decode(inherited)["rule"]) == {0.0, 2.0}
    mutated = bred_from(TWO_PARENTS[:1], mutation_rate=1.0)
    counts = np.bincount(SPACE.decode(mutated)["rule"].astype(int), minlength=3)
    assert_frequencies(counts, [1 / 3] * 3, ALPHA)
    with pytest.raises(AssertionError):
        assert_frequencies(counts, [0.4, 0.3, 0.3], ALPHA)


def test_children_stay_in_the_box() -> None:
    parents = np.array([[0.01, 0.5, 0.0, 0.0], [0.99, 0.5, 0.0, 0.0]])
    children = bred_from(parents, sigma=0.5, mutation_rate=1.0)
    assert ((children[:, :2] >= 0) & (children[:, :2] <= 1)).all()
    assert children[:, 2].min() < -0.5


def test_parents_are_folded_before_they_are_mixed() -> None:
    """0.9 and 1.1 are the same value, and so is everything between its two parents."""
    strategy = Genetic(population_size=4, n_elites=2, mutation_rate=0.0)
    rng = np.random.default_rng(0)
    points = np.array([[0.9, 0.5, 0, 0], [1.1, 0.5, 0, 0], [-0.9, 0.5, 0, 0], [2.9, 0.5, 0, 0]])
    evaluation = Evaluation(np.array([0.0, 1.0, 2.0, 3.0]))
    state = strategy.tell(begin(strategy, SPACE), Explicit(points), evaluation, rng)
    np.testing.assert_allclose(ask_points(strategy, state)[:, 0], 0.9)
    assert strategy.recommend(state)[0] == pytest.approx(0.9)


def test_the_mean_of_the_elites_is_deployed_and_choices_are_put_to_the_vote() -> None:
    strategy = Genetic(population_size=6, n_elites=5)
    rules = np.array([0.1, 0.9, 0.2, 0.7, 0.95, 0.5])
    parents = np.column_stack([np.arange(6) / 10, rules, np.arange(6), np.zeros(6)])
    state = second_generation(parents)
    np.testing.assert_allclose(strategy.recommend(state), [0.2, 5 / 6, 2.0, 0.0])
    assert strategy.summary(state)["spread"] == pytest.approx(parents.std(axis=0).mean())
    assert strategy.summary(state)["sigma"] == pytest.approx(0.1 * 0.97)


@pytest.mark.parametrize(
    ("coordinates", "option"),
    [([0.1], 0), ([0.1, 0.9, 0.3], 0), ([0.5, 0.9, 0.9], 2), ([0.9, 0.1, 0.1, 1.0], 2)],
)
def test_votes(coordinates: list[float], option: int) -> None:
    assert vote(np.array(coordinates), 3) == pytest.approx((option + 0.5) / 3)
