"""Mirrored populations: the law of the noise; rows are the same wherever they are built."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.coordinator.strategies.population import (
    BLOCK,
    Bounds,
    InitialLaw,
    MirroredGaussian,
)

ALPHA = 1e-4


def mirrored(n_dim: int, n_pairs: int = 3, sigma: float = 0.5, seed: int = 7) -> MirroredGaussian:
    center = np.linspace(-1.0, 1.0, n_dim, dtype=np.float64)
    return MirroredGaussian(center, sigma=sigma, seed=seed, n_pairs=n_pairs)


def bounded_pairs(bounds: Bounds, n_dim: int = 5, n_pairs: int = 3) -> MirroredGaussian:
    """Centres from one bound to the other; the last coordinate is a weight's, far outside."""
    center = np.append(np.linspace(0.0, 1.0, n_dim - 1, dtype=np.float64), 3.0)
    bounded = np.arange(n_dim) < n_dim - 1
    return MirroredGaussian(center, 0.5, 7, n_pairs, bounds=bounds, bounded=bounded)


def noise_matrix(pop: MirroredGaussian) -> NDArray[np.float32]:
    return np.array([eps.copy() for eps in pop.noise()])


def test_the_initial_law_is_cut_anywhere_and_starts_with_its_first_point() -> None:
    bounded = np.array([True, False, True])
    pop = InitialLaw(np.array([7.0, 8.0, 9.0]), bounded, seed=2**64 - 1, n_candidates=9)
    together = pop.rows(0, 9)
    np.testing.assert_array_equal(together[0], pop.first)
    assert np.unique(together).size == together.size
    for start in range(9):
        np.testing.assert_array_equal(pop.rows(start, 99), together[start:])
    other = InitialLaw(pop.first, bounded, seed=3, n_candidates=9).rows(1, 9)
    assert not np.isin(other, together).any()


def test_rows_are_centre_plus_and_minus_sigma_times_noise() -> None:
    pop = mirrored(5)
    noise = noise_matrix(pop).astype(np.float64)
    rows = pop.rows(0, 6)
    np.testing.assert_array_equal(rows[0::2], pop.center + 0.5 * noise)
    np.testing.assert_array_equal(rows[1::2], pop.center - 0.5 * noise)


@given(
    n_dim=st.sampled_from([1, 7, BLOCK - 1, BLOCK, BLOCK + 1]),
    start=st.integers(0, 6),
    length=st.integers(0, 6),
    seed=st.integers(0, 2**64 - 1),
)
def test_rows_built_singly_equal_rows_built_together(
    n_dim: int, start: int, length: int, seed: int
) -> None:
    pop = mirrored(n_dim, seed=seed)
    stop = min(start + length, pop.n_candidates)
    together = pop.rows(start, stop)
    assert together.shape == (max(stop - start, 0), n_dim)
    for row in range(start, stop):
        np.testing.assert_array_equal(pop.rows(row, row + 1)[0], together[row - start])


def test_weighted_noise_does_not_depend_on_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pop = mirrored(3 * BLOCK + 5, n_pairs=4)
    weights = np.array([0.3, -0.7, 0.1, 0.9])
    sums = []
    for n_threads in (1, 2, 4):
        monkeypatch.setattr(os, "cpu_count", lambda n=n_threads: n)
        sums.append(pop.weighted_noise(weights).tobytes())
    assert sums[0] == sums[1] == sums[2]


def test_noise_sums_are_the_weighted_sum_and_the_weighted_squared_norms() -> None:
    pop = mirrored(BLOCK + 5, n_pairs=4)
    weights, norm_weights = np.array([0.5, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, -2.0, 1.0])
    slope, norms = pop.noise_sums(weights, norm_weights)
    noise = noise_matrix(pop).astype(np.float64)
    np.testing.assert_allclose(slope, weights @ noise, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(slope, pop.weighted_noise(weights))
    squared = (noise**2).sum(axis=1)
    assert norms == pytest.approx(norm_weights @ squared, rel=1e-6)
    squares = pop.weighted_noise(norm_weights, power=2)
    np.testing.assert_allclose(squares.sum(), norms, rtol=1e-6)


@pytest.mark.parametrize("bounds", ["clip", "resample"])
def test_bounded_rows_stay_inside_and_weights_do_not_care(bounds: Bounds) -> None:
    pop, free = bounded_pairs(bounds, n_pairs=50), bounded_pairs("reflect", n_pairs=50)
    rows, unbounded = pop.rows(0, 100), free.rows(0, 100)
    assert ((rows[:, :4] >= 0) & (rows[:, :4] <= 1)).all()
    assert (unbounded[:, :4] < 0).any()
    np.testing.assert_array_equal(rows[:, 4], unbounded[:, 4])
    for row in range(100):
        np.testing.assert_array_equal(pop.rows(row, row + 1)[0], rows[row])
    if bounds == "clip":  # rows move, the noise stays
        np.testing.assert_array_equal(noise_matrix(pop), noise_matrix(free))
        np.testing.assert_array_equal(rows[:, :4], unbounded[:, :4].clip(0, 1))
    else:  # both members of a pair stay inside; at the bounds themselves there is no room
        noise = noise_matrix(pop).astype(np.float64)
        np.testing.assert_allclose(rows[0::2], pop.center + 0.5 * noise, atol=1e-7)
        np.testing.assert_allclose(rows[1::2], pop.center - 0.5 * noise, atol=1e-7)
        np.testing.assert_array_equal(noise[:, [0, 3]], 0.0)
        outside = replace(pop, center=pop.center + np.array([-0.2, 0.0, 0.0, 0.3, 0.0]))
        np.testing.assert_array_equal(noise_matrix(outside)[:, [0, 3]], 0.0)


def test_redrawn_noise_is_the_truncated_normal() -> None:
    """At half a σ, two σ and very far from the bound; across the border of blocks."""
    n_dim = BLOCK + 3
    for limit in (0.5, 2.0):
        center = np.full(n_dim, limit * 0.1)
        pop = MirroredGaussian(
            center, 0.1, 7, 1, bounds="resample", bounded=np.ones(n_dim, dtype=np.bool_)
        )
        noise = noise_matrix(pop)[0].astype(np.float64)
        law = stats.truncnorm(-limit, limit)
        assert_law(noise, law.cdf, ALPHA / 4)
        assert_mean(noise**2, law.var(), ALPHA / 4)
        with pytest.raises(AssertionError):
            assert_mean((1.03 * noise) ** 2, law.var(), ALPHA / 4)
        with pytest.raises(AssertionError):  # pulled in instead of redrawn
            clipped = noise_matrix(mirrored(n_dim, n_pairs=1))[0].clip(-limit, limit)
            assert_law(clipped, law.cdf, ALPHA / 4)
    inside = MirroredGaussian(
        np.array([0.5]), 0.01, 7, 100, bounds="resample", bounded=np.array([True])
    )
    free = noise_matrix(MirroredGaussian(np.array([0.5]), 0.01, 7, 100))
    np.testing.assert_allclose(noise_matrix(inside), free, rtol=1e-6)


def test_noise_is_standard_normal() -> None:
    noise = noise_matrix(mirrored(BLOCK + 1000, n_pairs=8)).astype(np.float64)
    assert_law(noise, stats.norm.cdf, ALPHA / 4)
    assert_mean(noise, 0.0, ALPHA / 4)
    assert_mean(noise**2, 1.0, ALPHA / 4)
    assert_mean(noise**4, 3.0, ALPHA / 4)
    with pytest.raises(AssertionError):
        assert_mean((1.01 * noise) ** 2, 1.0, ALPHA / 4)


def test_noise_of_pairs_blocks_and_seeds_is_independent() -> None:
    first, second = noise_matrix(mirrored(2 * BLOCK, n_pairs=2)).astype(np.float64)
    other = noise_matrix(mirrored(2 * BLOCK, n_pairs=1, seed=8))[0].astype(np.float64)
    products = {
        "pairs": first * second,
        "blocks": first[:BLOCK] * first[BLOCK:],
        "neighbours": first[:-1] * first[1:],
        "seeds": first * other,
    }
    for product in products.values():
        assert_mean(product, 0.0, ALPHA / len(products))
    with pytest.raises(AssertionError):
        assert_mean(first * (second + 0.03 * first), 0.0, ALPHA / len(products))


def test_blocks_share_no_stretch_of_numbers() -> None:
    """Overlapping counters would repeat one block in the next, shifted by a few places.

    By chance 0.1 % of so many float32 values are found in another block; the negative control is a
    shifted copy.
    """
    noise = noise_matrix(mirrored(2 * BLOCK, n_pairs=1))[0]
    one, next_one, shifted = noise[:BLOCK], noise[BLOCK:], noise[8 : BLOCK + 8]
    assert np.isin(next_one, one).mean() < 0.01
    assert np.isin(shifted, one).mean() > 0.9


def test_the_wire_carries_the_centre_only() -> None:
    assert mirrored(1000, n_pairs=500).nbytes < 1000 * 8 + 100
