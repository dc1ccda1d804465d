"""Synapses: exact sums in any order, grids, signs and masks."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.statistical_asserts import assert_rate

from spikeloop.tasks.base import FloatArray
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn.wiring import (
    LARGEST_WEIGHT,
    Wiring,
    exact_product,
    round_to_spacing,
    weight_spacing,
)

N = 40
Array = NDArray[Any]
"""Of single or double precision."""


def draw(connectivity: float = 0.5, excitatory: float = 0.0, n: int = N) -> Wiring:
    return Wiring.draw(n, connectivity, excitatory, np.random.default_rng(5))


def acting(wiring: Wiring, weights: FloatArray, scale: float = 0.5) -> FloatArray:
    with xla.precision("float32"):
        return np.asarray(wiring.acting(weights.astype(np.float32), scale, xla.jax().numpy))


def normal(*shape: int, scale: float = 0.5, seed: int = 0) -> FloatArray:
    return scale * np.random.default_rng(seed).standard_normal(shape)


def test_synapses_that_do_not_exist_have_weight_0() -> None:
    wiring, weights = draw(), normal(N, N)
    acts = acting(wiring, weights)
    np.testing.assert_array_equal(acts != 0, wiring.exists)
    assert not np.diagonal(acts).any()
    assert np.abs(acts - weights)[wiring.exists].max() <= weight_spacing(0.5, N) / 2


def test_connectivity_is_the_chance_of_a_synapse() -> None:
    """False alarms 1e-4; the control is off by a tenth."""
    n_synapses, n_pairs = int(draw(connectivity=0.3, n=200).exists.sum()), 200 * 199
    assert_rate(n_synapses, n_pairs, 0.3, alpha=1e-4, control=0.33)
    assert draw(connectivity=1.0).exists.sum() == N * (N - 1)


@pytest.mark.parametrize("share", [0.25, 0.8, 1.0])
def test_neurons_excite_or_inhibit(share: float) -> None:
    wiring, weights = draw(connectivity=1.0, excitatory=share), normal(N, N)
    acts = acting(wiring, weights)
    assert (wiring.sign > 0).sum() == round(share * N)
    assert (acts[wiring.sign > 0] >= 0).all()
    assert (acts[wiring.sign < 0] <= 0).all()
    sizes = np.abs(acts)[wiring.exists]
    np.testing.assert_allclose(sizes, np.abs(weights)[wiring.exists], atol=weight_spacing(0.5, N))
    free = acting(draw(connectivity=1.0), weights)
    assert (free > 0).any()
    assert (free < 0).any()


def test_weights_lie_on_a_grid_with_bounds() -> None:
    """LARGEST × 0.3 is 4.8, so weights end at 8; 2**6 of 8 in 24 bits are 2**(3 + 6 - 24)."""
    spacing = weight_spacing(0.3, N)
    assert spacing == 2.0 ** (3 + 6 - 24)
    assert weight_spacing(0.3, 1) == weight_spacing(0.3, 2) == 2.0 ** (3 + 1 - 24)
    weights = np.array([0.0, 1e-9, 0.1, -7.9, 8.1, -1e6, 0.3 * LARGEST_WEIGHT], np.float32)
    with xla.precision("float32"):
        rounded = np.asarray(round_to_spacing(weights, 0.3, N, xla.jax().numpy))
    assert (rounded / spacing == np.round(rounded / spacing)).all()
    assert (np.abs(rounded - np.clip(weights, -8, 8)) <= spacing / 2).all()
    assert (rounded[4], rounded[5]) == (8.0, -8.0)


def test_rounding_is_differentiated_as_if_it_were_not() -> None:
    """The identity, also through signs, masks and where weights are cut off."""
    weights = normal(N, N, seed=1)
    weights[0, 1], weights[1, 0] = 1e6, -1e6
    toll = normal(N, N, seed=2)
    for wiring in (draw(), draw(excitatory=0.6)):

        def paid(w: Any, wiring: Wiring = wiring) -> Any:
            return (wiring.acting(w, 0.5, xla.jax().numpy) * toll).sum()

        with xla.precision("float64"):
            slope = np.asarray(xla.jax().grad(paid)(weights))
        expected = toll * wiring.exists
        if wiring.sign.any():
            expected *= np.sign(weights) * wiring.sign[:, None]
        np.testing.assert_allclose(slope, expected, rtol=1e-12)


def exactly(values: Array, weights: Array, scale: float) -> Array:
    """What ``exact_product`` promises, in rational numbers: an exact sum, rounded once."""
    n = len(weights)
    coarse_step = weight_spacing(scale, n, 16)
    fine_step = weight_spacing(coarse_step / LARGEST_WEIGHT, n, 16)
    values = np.round(values * 256) / 256
    coarse = np.round(weights.astype(np.float64) / coarse_step) * coarse_step
    fine = np.round((weights - coarse) / fine_step) * fine_step
    product = np.empty((len(values), weights.shape[1]), np.float32)
    for row, column in np.ndindex(*product.shape):
        parts = [
            sum(
                Fraction(a) * Fraction(b) for a, b in zip(values[row], part[:, column], strict=True)
            )
            for part in (coarse, fine)
        ]
        product[row, column] = np.float32(float(sum(parts)))
    return product


def product(values: Array, weights: Array, scale: float) -> Array:
    with xla.precision("float32"):
        numpy = xla.jax().numpy
        one, other = (numpy.asarray(a.astype(np.float32)) for a in (values, weights))
        return np.asarray(exact_product(one, other, scale, numpy))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.001, 0.02, 0.4, 3.0]))
def test_sums_of_inputs_are_exact(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.random((3, N)), (scale * rng.standard_normal((N, 5))).astype(np.float32)
    np.testing.assert_array_equal(product(values, weights, scale), exactly(values, weights, scale))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_sums_do_not_depend_on_their_order(seed: int) -> None:
    """Nor on their neighbours; the control is the next test."""
    rng = np.random.default_rng(seed)
    values, weights = rng.random((4, N)), 0.3 * rng.standard_normal((N, 5))
    order = rng.permutation(N)
    sums = product(values, weights, 0.3)
    np.testing.assert_array_equal(product(values[:, order], weights[order], 0.3), sums)
    np.testing.assert_array_equal(product(values[1:2], weights, 0.3), sums[1:2])
    np.testing.assert_array_equal(product(values, weights[:, 3:], 0.3), sums[:, 3:])
    assert np.abs(sums - values @ weights).max() < 0.05  # inputs have 8 bits


def test_plain_sums_depend_on_their_order() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.random((50, N)).astype(np.float32), normal(N, 5).astype(np.float32)
    order = rng.permutation(N)
    assert (values @ weights != values[:, order] @ weights[order]).any()


def test_the_largest_sums_are_exact() -> None:
    """All inputs at their height, all weights at their bound but for one of the smallest."""
    weights = np.full((N, 1), 8.0)
    weights[7] = -8.0 + 2.0**-10
    sums = product(np.ones((1, N)), weights, 0.3)
    np.testing.assert_array_equal(sums, [[8.0 * (N - 2) + 2.0**-10]])


def test_recurrent_sums_are_exact_for_any_spikes() -> None:
    """Equal in single and in double precision, in any order."""
    rng = np.random.default_rng(3)
    matrix = acting(draw(connectivity=1.0), normal(N, N))
    spikes = (rng.random((200, N)) < 0.5).astype(np.float32)
    order = rng.permutation(N)
    double = spikes.astype(np.float64) @ matrix.astype(np.float64)
    np.testing.assert_array_equal(spikes @ matrix, double)
    np.testing.assert_array_equal(spikes[:, order] @ matrix[order], double)


def test_the_gradient_of_inputs_weights_is_that_of_a_plain_product() -> None:
    rng = np.random.default_rng(4)
    values, weights = np.round(rng.random((3, N)) * 256) / 256, normal(N, 5)
    toll = rng.standard_normal((3, 5))
    with xla.precision("float64"):
        numpy = xla.jax().numpy
        slope = xla.jax().grad(lambda w: (exact_product(values, w, 0.5, numpy) * toll).sum())(
            weights
        )
    np.testing.assert_allclose(slope, values.T @ toll, rtol=1e-12)
