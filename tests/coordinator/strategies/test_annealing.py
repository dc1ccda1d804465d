"""Annealing: exact acceptance, chains by slot, failures, and what is recommended."""

from typing import Any

import numpy as np
import pytest
from support.statistical_asserts import assert_mean, assert_rate

from spikeloop.coordinator.strategies.annealing import Annealing, AnnealingState
from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights

ALPHA = 1e-4
SPACE = ParameterSpace((Real("a", 1.0, 5.0, 2.0), Weights("w", (2,), 3.0)))
NAN = float("nan")


def begin(strategy: Annealing) -> AnnealingState:
    return strategy.init(SPACE, SPACE.default_point(), np.random.default_rng(0))


def tell(
    strategy: Annealing, state: AnnealingState, fitness: list[float] | FloatArray, seed: int = 1
) -> tuple[FloatArray, AnnealingState]:
    """The proposals of a generation, and the state after these fitness values."""
    pop = strategy.ask(state, np.random.default_rng(seed))
    n = len(state.points)
    evaluation = Evaluation(np.asarray(fitness, dtype=np.float64))
    return pop.points[-n:], strategy.tell(state, pop, evaluation, np.random.default_rng(seed))


def moved(before: AnnealingState, after: AnnealingState) -> list[bool]:
    return [bool(m) for m in (before.points != after.points).any(axis=1)]


def test_candidates_are_the_incumbents_then_a_normal_step_from_each() -> None:
    strategy = Annealing(population_size=8000, step=0.3)
    state = begin(strategy)
    pop = strategy.ask(state, np.random.default_rng(1))
    np.testing.assert_array_equal(pop.points[:4000], state.points)
    np.testing.assert_array_equal(pop.slots, np.arange(8000))
    squares = (pop.points[4000:] - state.points) ** 2
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
        noise = [s.ask(state, np.random.default_rng(2)).points[24:] for s in (following, constant)]
        np.testing.assert_allclose(
            (noise[0] - state.points) * 0.8, (noise[1] - state.points) * temperature, atol=1e-12
        )
        _, state = tell(following, state, np.ones(48))


def test_a_better_proposal_is_always_taken_a_worse_one_with_the_probability_of_metropolis() -> None:
    """Two thirds of the chains lose one SD of the generation: exp(−1 / T) of them move."""
    n, temperature = 6000, 0.9
    strategy = Annealing(population_size=2 * n, temperature_first=temperature)
    state = begin(strategy)
    old, new = np.zeros(n), np.where(np.arange(n) % 3 == 0, 1.0, -1.0)
    loss = 1 / np.std(np.concatenate([old, new]))
    _, after = tell(strategy, state, np.concatenate([old, new]))
    moves = np.array(moved(state, after))
    assert moves[::3].all()
    worse = np.delete(moves, np.s_[::3])
    assert_rate(int(worse.sum()), worse.size, float(np.exp(-loss / temperature)), ALPHA)
    assert after.accepted == pytest.approx(moves.mean())
    with pytest.raises(AssertionError):  # raw differences
        assert_rate(int(worse.sum()), worse.size, float(np.exp(-1 / temperature)), ALPHA)


def test_where_fitness_is_flat_every_proposal_is_taken() -> None:
    strategy = Annealing()
    state = begin(strategy)
    proposals, after = tell(strategy, state, np.full(48, 0.1))
    assert all(moved(state, after))
    np.testing.assert_array_equal(after.merit, np.zeros(24))
    np.testing.assert_array_equal(after.points[:, 1:], proposals[:, 1:])
    assert ((after.points[:, 0] >= 0) & (after.points[:, 0] <= 1)).all()


COLD = {"temperature_first": 1e-3, "temperature_last": 1e-3, "population_size": 8}


def test_incumbents_are_judged_on_the_new_tasks_only() -> None:
    strategy = Annealing.model_validate(COLD)
    _, state = tell(strategy, begin(strategy), [1e9] * 4 + [0.0] * 4)
    _, after = tell(strategy, state, [0.0] * 4 + [1.0] * 4)
    assert all(moved(state, after))
    assert np.isnan(after.remembered).all()


def test_without_reevaluation_a_chain_compares_with_what_it_remembers() -> None:
    strategy = Annealing.model_validate({**COLD, "population_size": 4, "reevaluate": False})
    state = begin(strategy)
    first, updated = tell(strategy, state, [1.0, 2.0, 3.0, NAN])
    np.testing.assert_array_equal(first, state.points)  # the incumbents themselves come first
    np.testing.assert_array_equal(updated.remembered, [1.0, 2.0, 3.0, NAN])
    proposals, after = tell(strategy, updated, [1.5, 1.5, NAN, -4.0])
    assert moved(updated, after) == [True, False, False, True]
    np.testing.assert_array_equal(after.remembered, [1.5, 2.0, 3.0, -4.0])
    np.testing.assert_array_equal(after.points[0, 1:], proposals[0, 1:])


def test_merit_is_the_fading_mean_of_standardised_fitness() -> None:
    strategy = Annealing.model_validate({**COLD, "population_size": 4, "memory": 0.75})
    state = begin(strategy)
    expected = np.zeros(2)
    for fitness in ([0.0, 2.0, 1.0, -1.0], [50.0, 20.0, 40.0, 10.0]):
        f = np.array(fitness)
        held = np.maximum(f[:2], f[2:])
        expected = 0.75 * expected + 0.25 * (held - f.mean()) / f.std()
        _, state = tell(strategy, state, fitness)
    np.testing.assert_allclose(state.merit, expected)


def test_the_chain_that_was_best_on_average_is_recommended() -> None:
    """A single good generation does not outweigh several."""
    strategy = Annealing.model_validate({**COLD, "population_size": 4})
    state = begin(strategy)
    for _ in range(5):
        _, state = tell(strategy, state, [0.0, 1.0, -1.0, -1.0])
    _, state = tell(strategy, state, [1.0, 0.0, -1.0, -1.0])
    np.testing.assert_array_equal(strategy.recommend(state), state.points[1])


def test_a_last_temperature_above_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature_last"):
        Annealing(temperature_first=0.1, temperature_last=0.2)
