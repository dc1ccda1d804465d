"""Annealing: exact acceptance, chains by slot, failures, and what is recommended."""

from typing import Any

import numpy as np
import pytest
from support.search_steps import ask_points, begin, tell_fitness
from support.statistical_asserts import assert_mean, assert_rate

from spikeloop.coordinator.strategies.annealing import Annealing

ALPHA = 1e-4
NAN = float("nan")


def moved(before: Any, after: Any) -> list[bool]:
    return [bool(m) for m in (before.points != after.points).any(axis=1)]


def test_candidates_are_the_incumbents_then_a_normal_step_from_each() -> None:
    strategy = Annealing(population_size=8000, step=0.3)
    state = begin(strategy)
    population = strategy.ask(state, np.random.default_rng(1))
    np.testing.assert_array_equal(population.points[:4000], state.points)
    np.testing.assert_array_equal(population.slots, np.arange(8000))
    squares = (population.points[4000:] - state.points) ** 2
    assert_mean(squares, 0.09, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(squares, 0.0961, ALPHA)


def test_the_step_follows_the_temperature_if_wanted() -> None:
    schedule: dict[str, Any] = {
        "schedule": "quadratic_additive",
        "temperature_first": 0.8,
        "temperature_last": 0.2,
        "n_steps": 2,
    }
    following = Annealing(step=0.4, **schedule)
    constant = Annealing(step=0.4, step_follows_temperature=False, **schedule)
    state = begin(following)
    for temperature in (0.8, 0.35, 0.2, 0.2):
        summary = following.summary(state)
        assert summary["temperature"] == pytest.approx(temperature)
        assert summary["sigma"] == pytest.approx(0.4 * temperature / 0.8)
        assert constant.summary(state)["sigma"] == pytest.approx(0.4)
        near, far = (
            ask_points(strategy, state)[24:] - state.points for strategy in (following, constant)
        )
        np.testing.assert_allclose(near * 0.8, far * temperature, atol=1e-12)
        state = tell_fitness(following, state, np.ones(48))


def test_a_better_proposal_is_always_taken_a_worse_one_with_the_probability_of_metropolis() -> None:
    """Two thirds of the chains lose one SD of the generation: exp(−1 / T) of them move."""
    n, temperature = 6000, 0.9
    strategy = Annealing(population_size=2 * n, temperature_first=temperature)
    state = begin(strategy)
    fitness = np.concatenate([np.zeros(n), np.where(np.arange(n) % 3 == 0, 1.0, -1.0)])
    after = tell_fitness(strategy, state, fitness)
    moves = np.array(moved(state, after))
    assert moves[::3].all()
    worse = np.delete(moves, np.s_[::3])
    chance = float(np.exp(-1 / np.std(fitness) / temperature))
    assert_rate(int(worse.sum()), worse.size, chance, ALPHA)
    assert after.accepted == pytest.approx(moves.mean())
    with pytest.raises(AssertionError):  # raw differences
        assert_rate(int(worse.sum()), worse.size, float(np.exp(-1 / temperature)), ALPHA)


def test_where_fitness_is_flat_every_proposal_is_taken() -> None:
    strategy = Annealing()
    state = begin(strategy)
    after = tell_fitness(strategy, state, np.full(48, 0.1))
    assert all(moved(state, after))
    np.testing.assert_array_equal(after.merit, np.zeros(24))
    np.testing.assert_array_equal(after.points[:, 1:], ask_points(strategy, state)[24:, 1:])
    assert ((after.points[:, 0] >= 0) & (after.points[:, 0] <= 1)).all()


COLD: dict[str, Any] = {"temperature_first": 1e-3, "temperature_last": 1e-3}


def test_incumbents_are_judged_on_the_new_tasks_only() -> None:
    strategy = Annealing(population_size=8, **COLD)
    state = tell_fitness(strategy, begin(strategy), [1e9] * 4 + [0.0] * 4)
    after = tell_fitness(strategy, state, [0.0] * 4 + [1.0] * 4)
    assert all(moved(state, after))
    assert np.isnan(after.remembered).all()


def test_without_reevaluation_a_chain_compares_with_what_it_remembers() -> None:
    strategy = Annealing(population_size=4, reevaluate=False, **COLD)
    state = begin(strategy)
    np.testing.assert_array_equal(
        ask_points(strategy, state), state.points
    )  # incumbents come first
    updated = tell_fitness(strategy, state, [1.0, 2.0, 3.0, NAN])
    np.testing.assert_array_equal(updated.remembered, [1.0, 2.0, 3.0, NAN])
    after = tell_fitness(strategy, updated, [1.5, 1.5, NAN, -4.0])
    assert moved(updated, after) == [True, False, False, True]
    np.testing.assert_array_equal(after.remembered, [1.5, 2.0, 3.0, -4.0])
    np.testing.assert_array_equal(after.points[0, 1:], ask_points(strategy, updated)[0, 1:])


def test_the_chain_with_the_largest_fading_mean_of_standardised_fitness_is_recommended() -> None:
    """A single good generation does not outweigh several."""
    strategy = Annealing(population_size=4, memory=0.75, **COLD)
    state, expected = begin(strategy), np.zeros(2)
    for fitness in ([0.0, 2.0, 1.0, -1.0], [20.0, 50.0, 10.0, 40.0], [1.0, 0.0, -1.0, -1.0]):
        held = np.maximum(fitness[:2], fitness[2:])
        expected = 0.75 * expected + 0.25 * (held - np.mean(fitness)) / np.std(fitness)
        state = tell_fitness(strategy, state, fitness)
    np.testing.assert_allclose(state.merit, expected)
    assert expected[1] > expected[0]
    np.testing.assert_array_equal(strategy.recommend(state), state.points[1])
