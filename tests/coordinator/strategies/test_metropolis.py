"""Metropolis' rule: exact probabilities, detailed balance, and rows in their slots."""

import numpy as np
import pytest

from spikeloop.coordinator.strategies.metropolis import (
    acceptance,
    accepted_moves,
    by_slot,
    normalised,
    spread_of,
)
from spikeloop.coordinator.strategies.population import Explicit


def test_acceptance_is_exact() -> None:
    difference = np.array([3.0, 0.0, -0.5, -2.0, 1e9, -1e9, np.nan])
    expected = [1.0, 1.0, np.exp(-1.0), np.exp(-4.0), 1.0, 0.0, np.nan]
    np.testing.assert_allclose(acceptance(difference, 0.5), expected, rtol=1e-14)
    hot = acceptance(np.array([-1.0, -1.0]), np.array([1.0, 2.0]))
    np.testing.assert_allclose(hot, [np.exp(-1.0), np.exp(-0.5)], rtol=1e-14)


def test_acceptance_holds_detailed_balance() -> None:
    """π(x) a(x → y) = π(y) a(y → x) with π = exp(f / T)."""
    f, temperature = np.random.default_rng(0).normal(size=20), 0.7
    there = np.exp(f / temperature) * acceptance(np.roll(f, 1) - f, temperature)
    back = np.exp(np.roll(f, 1) / temperature) * acceptance(f - np.roll(f, 1), temperature)
    np.testing.assert_allclose(there, back, rtol=1e-12)


def test_rows_find_their_slots_in_any_order_and_without_some() -> None:
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])
    fitness = np.array([1.0, 2.0, np.inf, 4.0])
    for some in (np.arange(4), np.array([3, 0, 1])):
        slots = None if len(some) == 4 else some
        placed, values = by_slot(Explicit(points[some], slots), fitness[some], 4)
        np.testing.assert_array_equal(placed[some], points[some])
        np.testing.assert_array_equal(values, [1.0, 2.0, np.nan, 4.0])


def test_the_spread_is_the_standard_deviation_of_what_is_there() -> None:
    assert spread_of(np.array([1.0, np.nan, 3.0])) == pytest.approx(1.0)
    assert spread_of(np.array([np.nan, 7.0])) == 0.0
    assert spread_of(np.full(7, 0.1)) == 0.0  # without the rounding of the mean
    np.testing.assert_array_equal(normalised(np.array([2.0, np.nan]), 0.5), [4.0, np.nan])
    np.testing.assert_array_equal(normalised(np.array([0.0, np.nan]), 0.0), [0.0, np.nan])


def test_a_failed_proposal_stays_and_a_failed_incumbent_moves() -> None:
    nan = float("nan")
    old, new = np.array([0.0, nan, nan, 0.0]), np.array([nan, -5.0, nan, 0.0])
    moves = accepted_moves(old, new, np.array([nan, nan, nan, 1.0]), np.random.default_rng(0))
    np.testing.assert_array_equal(moves, [False, True, False, True])
