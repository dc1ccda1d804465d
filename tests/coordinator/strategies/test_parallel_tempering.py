"""Parallel tempering: exchange in detailed balance, stationary laws, failures and slots."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.search_steps import BOX_AND_WEIGHTS, ask_points, begin, tell_fitness, tell_repeatedly
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.coordinator.strategies import parallel_tempering
from spikeloop.coordinator.strategies.parallel_tempering import ParallelTempering, exchange_chance
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import fold

ALPHA = 1e-4
NAN = float("nan")


def test_exchange_chance_is_exact() -> None:
    ladder = np.array([0.5, 1.0, 2.0, 4.0])
    fitness = np.array([1.0, 0.0, 3.0, NAN])
    chance = exchange_chance(fitness, ladder, np.array([0, 1, 2]))
    np.testing.assert_allclose(chance, [np.exp(-1.0), 1.0, 0.0], rtol=1e-14)


def test_exchange_holds_detailed_balance() -> None:
    """π_i(x) π_j(y) a(x, y) = π_i(y) π_j(x) a(y, x) with π_r = exp(f / T_r)."""
    ladder = np.array([0.3, 0.8])
    for f, g in np.random.default_rng(0).normal(size=(20, 2)):
        there = np.exp(f / 0.3 + g / 0.8) * exchange_chance(np.array([f, g]), ladder, np.array([0]))
        back = np.exp(g / 0.3 + f / 0.8) * exchange_chance(np.array([g, f]), ladder, np.array([0]))
        np.testing.assert_allclose(there, back, rtol=1e-12)


LADDER: dict[str, Any] = {
    "population_size": 6,
    "step": 0.4,
    "temperature_cold": 0.3,
    "temperature_hot": 1.2,
    "exchange_rounds": 2,
}
TEMPERATURES = (0.3, 0.6, 1.2)
GRID = (np.arange(20_000) + 0.5) / 20_000
BOUNDED = np.array([True])


def two_hills(x: FloatArray) -> FloatArray:
    """A low broad hill and a high narrow one, on [0, 1]."""
    return np.asarray(
        np.exp(-0.5 * ((x - 0.25) / 0.1) ** 2) + 1.5 * np.exp(-0.5 * ((x - 0.8) / 0.05) ** 2)
    )


def law_at(temperature: float) -> Callable[[FloatArray], FloatArray]:
    """The distribution function of exp(f / T) on [0, 1]."""
    mass = np.exp(two_hills(GRID) / temperature)
    levels = np.concatenate([[0.0], np.cumsum(mass) / mass.sum()])
    edges = np.linspace(0.0, 1.0, GRID.size + 1)
    return lambda x: np.interp(x, edges, levels)


def after_two_generations(n: int) -> FloatArray:
    """(n, 3) replicas that were drawn from their exact laws and then run on for a while."""
    strategy, rng = ParallelTempering.model_validate(LADDER), np.random.default_rng(7)
    start = np.stack(
        [np.interp(rng.random(n), law_at(t)(GRID), GRID) for t in TEMPERATURES], axis=1
    )
    rows = []
    for seed, points in enumerate(start):
        state = strategy.State(0, points[:, None], points[:1], BOUNDED, 0.0, 0.0)
        after = tell_repeatedly(
            strategy, state, lambda x: two_hills(fold(x, BOUNDED)[:, 0]), 2, seed
        )
        rows.append(after.points[:, 0])
    return np.array(rows)


def test_moves_and_exchanges_leave_every_replica_its_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """exp(f / T_r) is stationary, with temperatures in the unit of f itself.

    The second control are neighbours that always exchange, which mixes their laws.
    """
    monkeypatch.setattr(parallel_tempering, "spread_of", lambda fitness: 1.0)
    replicas = after_two_generations(2500)
    for r, temperature in enumerate(TEMPERATURES):
        assert_law(replicas[:, r], law_at(temperature), ALPHA / 3)
    with pytest.raises(AssertionError):  # 20 % off in temperature
        assert_law(replicas[:, 0], law_at(0.36), ALPHA / 3)

    def always(fitness: FloatArray, ladder: FloatArray, cold: NDArray[np.intp]) -> FloatArray:
        return np.ones(cold.size)

    monkeypatch.setattr(parallel_tempering, "exchange_chance", always)
    with pytest.raises(AssertionError):
        assert_law(after_two_generations(800)[:, 0], law_at(0.3), ALPHA)


@pytest.mark.parametrize("memory", [0.0, 0.75])
def test_the_fading_mean_of_the_coldest_replica_is_recommended(memory: float) -> None:
    strategy = ParallelTempering(population_size=8, memory=memory)
    state = begin(strategy)
    expected = state.points[0]
    for seed in range(4):
        state = tell_fitness(strategy, state, np.random.default_rng(seed).normal(size=8), seed)
        expected = memory * expected + (1 - memory) * state.points[0]
        np.testing.assert_allclose(strategy.recommend(state), expected, rtol=1e-12)
    assert not np.array_equal(expected, begin(strategy).points[0])


def test_temperatures_are_geometric_and_steps_grow_with_their_root() -> None:
    strategy = ParallelTempering(
        population_size=6000, step=0.8, temperature_cold=0.01, temperature_hot=1.0
    )
    state = begin(strategy)
    points = ask_points(strategy, state)
    np.testing.assert_array_equal(points[:3000], state.points)
    temperatures = 0.01 ** (1 - np.arange(3000) / 2999)
    normal = (points[3000:] - state.points) / (0.8 * np.sqrt(temperatures)[:, None])
    assert_mean(normal[:1000] ** 2, 1.0, ALPHA / 2)
    assert_mean(normal[2000:] ** 2, 1.0, ALPHA / 2)
    assert strategy.summary(state)["sigma"] == pytest.approx(0.08)


def test_pairs_alternate_between_even_and_odd() -> None:
    """Fitness that rises with temperature makes every exchange certain, all proposals failed."""
    strategy = ParallelTempering(population_size=10, exchange_rounds=1)
    fitness = [0.0, 1.0, 2.0, 3.0, 4.0] + [NAN] * 5
    state = begin(strategy)
    even = tell_fitness(strategy, state, fitness)
    np.testing.assert_array_equal(even.points, state.points[[1, 0, 3, 2, 4]])
    odd = tell_fitness(strategy, even, fitness)
    np.testing.assert_array_equal(odd.points, even.points[[0, 2, 1, 4, 3]])
    assert even.exchanged == odd.exchanged == 1.0
    assert even.accepted == 0.0
    both = tell_fitness(ParallelTempering(population_size=10, exchange_rounds=2), state, fitness)
    np.testing.assert_array_equal(both.points, state.points[[1, 3, 0, 4, 2]])


def test_failures_leave_the_replica_or_free_it_and_take_no_part_in_exchanges() -> None:
    strategy = ParallelTempering(
        population_size=8, temperature_cold=1e-6, temperature_hot=1e-4, exchange_rounds=1
    )
    state = begin(strategy, BOX_AND_WEIGHTS)
    after = tell_fitness(strategy, state, [0.0, NAN, NAN, 1.0, NAN, -5.0, NAN, 0.0])
    np.testing.assert_array_equal(after.points[[0, 2, 3]], state.points[[0, 2, 3]])
    np.testing.assert_array_equal(after.points[1, 1:], ask_points(strategy, state)[5, 1:])
    after = tell_fitness(strategy, state, [NAN, 1.0, 2.0, NAN] + [NAN] * 4)
    np.testing.assert_array_equal(after.points, state.points)
