"""Published annealing: each of its faults, exactly."""

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from support.search_steps import BOX_AND_WEIGHTS, ask_points, begin, tell_fitness
from support.statistical_asserts import assert_mean, assert_rate

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.strategies.published.annealing import (
    AnnealingPublished,
    Cooling,
    Schedule,
    acceptance,
)

ALPHA = 1e-4


def temperatures(schedule: Schedule, cooling: Cooling, n: int) -> list[float]:
    """T_1 to T_n, from the strategy itself."""
    strategy = AnnealingPublished(
        population_size=1, schedule=schedule, cooling=cooling, n_iterations=n
    )
    state, found = begin(strategy), []
    for _ in range(n):
        state = tell_fitness(strategy, state, np.zeros(1))
        found.append(state.temperature)
    return found


@pytest.mark.parametrize(("schedule", "power"), [("linear_additive", 1), ("quadratic_additive", 2)])
def test_additive_cooling_as_coded_and_as_intended(schedule: Schedule, power: int) -> None:
    n, coded, intended = 30, [Fraction(1)], []
    for k in range(1, n + 1):
        remaining = Fraction(n - k, n) ** power
        coded.append((1 - coded[-1]) * remaining)
        intended.append(remaining)
    expected = {"as_coded": coded[1:], "as_intended": intended}
    for cooling in get_args(Cooling):
        exact = [float(t) for t in expected[cooling]]
        np.testing.assert_allclose(temperatures(schedule, cooling, n), exact, rtol=1e-12)


def test_the_coded_temperature_collapses_oscillates_and_settles() -> None:
    """The numbers and the claims of the module's docstring."""
    coded = np.array(temperatures("quadratic_additive", "as_coded", 30))
    intended = np.array(temperatures("quadratic_additive", "as_intended", 30))
    assert coded[0] == 0.0
    np.testing.assert_allclose(coded[:7], [0, 0.87, 0.10, 0.67, 0.23, 0.49, 0.30], atol=0.005)
    np.testing.assert_allclose(intended[:7], [0.93, 0.87, 0.81, 0.75, 0.69, 0.64, 0.59], atol=0.005)
    assert coded.mean() == pytest.approx(0.19, abs=0.005)
    assert intended.mean() == pytest.approx(0.32, abs=0.005)
    turns = np.sign(np.diff(coded))
    assert (turns[:8] == [1, -1, 1, -1, 1, -1, 1, -1]).all()
    assert (turns[10:] == -1).all()
    assert 0.03 * np.sqrt((coded**2).sum()) == pytest.approx(0.046, abs=0.001)
    assert 0.03 * coded.sum() / np.sqrt(2 * np.pi) == pytest.approx(0.070, abs=0.001)


def test_exponential_additive_cooling_has_lost_its_time_course() -> None:
    assert temperatures("exponential_additive", "as_intended", 5) == [0.5] * 5
    assert temperatures("exponential_additive", "as_coded", 5) == [0, 1 / 2, 1 / 4, 3 / 8, 5 / 16]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("multiplicative", [0.99, 0.99**2, 0.99**3]),
        ("logarithmic", [1 / (1 + np.log(2)), 1 / (1 + np.log(3)), 1 / (1 + np.log(4))]),
        ("exponential", [0.85, 0.85**2, 0.85**3]),
        ("linear_multiplicative", [1 / 2, 1 / 3, 1 / 4]),
        ("quadratic_multiplicative", [1 / 2, 1 / 5, 1 / 10]),
    ],
)
def test_the_other_schedules_have_no_fault(schedule: Schedule, expected: list[float]) -> None:
    for cooling in get_args(Cooling):
        np.testing.assert_allclose(temperatures(schedule, cooling, 3), expected, rtol=1e-12)


def test_the_first_generation_evaluates_the_start_and_the_second_the_same_points() -> None:
    for cooling in get_args(Cooling):
        strategy = AnnealingPublished(population_size=6, cooling=cooling)
        state = begin(strategy)
        first = ask_points(strategy, state)
        np.testing.assert_array_equal(first[0], BOX_AND_WEIGHTS.default_point())
        state = tell_fitness(strategy, state, np.full(6, -3.0))
        assert state.accepted == 1.0
        assert np.array_equal(ask_points(strategy, state, 2), first) == (cooling == "as_coded")


def test_a_proposal_has_the_width_step_times_temperature_and_is_clipped() -> None:
    n = 4000
    strategy = AnnealingPublished(population_size=n)
    start = [0.001, 3.0, 0.0, 0.0]
    state = AnnealingPublished.State(
        generation=5,
        points=np.tile(start, (n, 1)),
        fitness=np.zeros(n),
        temperature=0.5,
        bounded=BOX_AND_WEIGHTS.bounded(),
        accepted=0.0,
    )
    points = ask_points(strategy, state)
    squares = (points[:, 1:] - start[1:]) ** 2
    assert_mean(squares / (0.03 * 0.5) ** 2, 1.0, ALPHA / 2)
    with pytest.raises(AssertionError):
        assert_mean(squares / 0.03**2, 1.0, ALPHA / 2)
    at_bound = int((points[:, 0] == 0).sum())  # reflection leaves nothing at the bound
    assert_rate(at_bound, n, 0.4734, ALPHA / 2)  # Φ(−0.001 / 0.015)
    assert (points[:, 0] >= 0).all()


def test_acceptance_is_that_of_metropolis() -> None:
    gain = np.array([np.inf, 2.0, 0.0, -0.5, -1.0])
    np.testing.assert_allclose(
        acceptance(gain, 0.5), [1.0, 1.0, 1.0, np.exp(-1.0), np.exp(-2.0)], rtol=1e-15
    )
    np.testing.assert_array_equal(acceptance(gain, 0.0), [1.0, 1.0, 1.0, 0.0, 0.0])


@pytest.mark.parametrize(("reward_scale", "rate"), [(1000.0, 0.0), (1 / 0.06, np.exp(-1.0))])
def test_raw_returns_make_it_a_climber(reward_scale: float, rate: float) -> None:
    """With returns of order 1000 no score worse by 0.06, the noise of 20 tasks, is accepted.

    On the scale of that noise exp(−1) of them are, at T = 1.
    """
    n = 4000
    strategy = AnnealingPublished(
        population_size=n,
        reward_scale=reward_scale,
        schedule="multiplicative",
        temperature_decay=1.0,
    )
    state = tell_fitness(strategy, begin(strategy), np.full(n, 0.5))
    accepted = round(n * tell_fitness(strategy, state, np.full(n, 0.44)).accepted)
    assert_rate(accepted, n, rate, ALPHA)
    with pytest.raises(AssertionError):
        assert_rate(accepted, n, np.exp(-1.0) - rate, ALPHA)


def test_an_accepted_point_is_never_measured_again() -> None:
    """Luck of one generation, 0.9, keeps out what is better from then on, and is handed out."""
    strategy = AnnealingPublished(population_size=2)
    state = tell_fitness(strategy, begin(strategy), [0.9, 0.1])
    kept = state.points[0].copy()
    for seed in range(10):
        state = tell_fitness(strategy, state, [0.8, 0.7], seed)
    np.testing.assert_array_equal(state.points[0], kept)
    assert state.fitness.tolist() == [0.9, 0.7]
    np.testing.assert_array_equal(strategy.recommend(state), kept)


def test_chains_accept_by_their_slot_and_a_failure_changes_nothing() -> None:
    strategy = AnnealingPublished(population_size=3)
    state, rng = begin(strategy), np.random.default_rng(0)
    moved = Explicit(np.array([[0.1, 1, 1, 1], [0.2, 2, 2, 2]]), slots=np.array([2, 0]))
    after = strategy.tell(state, moved, Evaluation(np.array([1.0, np.nan])), rng)
    np.testing.assert_array_equal(after.points[:2], state.points[:2])
    np.testing.assert_array_equal(after.points[2], moved.points[0])
    assert after.fitness.tolist() == [-np.inf, -np.inf, 1.0]
