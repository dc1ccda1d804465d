"""Vectors in kernels compute what NumPy computes, element by element, to the last bit."""

from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError
from numpy.typing import NDArray

from spikeloop.workers.kernels import routine
from spikeloop.workers.simd import Width, load, lowest, mask, select, store, to_float

FOUR, ALL = Width(4), Width(32)
TWO, THREE = np.float32(2), np.float32(3)
L13, R17 = np.uint32(13), np.uint32(17)
FIFTY = np.uint8(50)


@routine
def floats(x: NDArray[np.float32], out: NDArray[np.float32], width: Width) -> None:
    """Writes one result a row of 32 of ``out``, from two rows of ``x``."""
    a, b = load(x, 0, width), load(x, 32, width)
    store(out, 0, a + b)
    store(out, 32, a - b * THREE)
    store(out, 64, TWO * a)
    store(out, 96, select(a < b, a, b))
    store(out, 128, select(~(a <= b) | ((a > TWO) & (b >= THREE)), TWO, b))
    store(out, 160, a * b + a)  # not contracted, which would round once


@routine
def integers(x: NDArray[np.uint32], small: NDArray[np.uint8], out: NDArray[np.float32]) -> Any:
    """Writes conversions, and returns masks of 4 and of 32 elements."""
    words, whole, few = load(x, 0, ALL), load(small, 0, ALL), load(small, 2, FOUR)
    store(out, 0, to_float(words ^ (words << L13) ^ (words >> R17)))
    store(out, 32, to_float(select(whole == FIFTY, whole, np.uint8(1))))
    return mask(few == FIFTY), mask(whole == FIFTY)


@pytest.mark.parametrize("width", [FOUR, ALL])
def test_operations_on_floats_are_those_of_numpy(width: Width) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(2, 1, 64).astype(np.float32)
    x[3] = x[35]  # a tie
    out = np.full(192, np.nan, dtype=np.float32)
    floats(x, out, width)
    n = width.count
    a, b = x[:n], x[32 : 32 + n]
    third = ~(a <= b) | ((a > 2) & (b >= 3))
    expected = [a + b, a - b * THREE, TWO * a, np.where(a < b, a, b), np.where(third, TWO, b)]
    for row, wanted in enumerate([*expected, a * b + a]):
        np.testing.assert_array_equal(out[32 * row : 32 * row + n], wanted)
        assert np.isnan(out[32 * row + n : 32 * (row + 1)]).all()  # nothing beyond the vector
    in_one = (a.astype(np.float64) * b + a).astype(np.float32)
    assert n < 32 or (in_one != out[160:192]).any()  # a contracted product would have been seen


def test_operations_on_integers_are_those_of_numpy() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(0, 2**32, 32, dtype=np.uint32)
    small = rng.choice(np.array([49, 50, 200], dtype=np.uint8), 32)
    out = np.empty(64, dtype=np.float32)
    four, whole = integers(x, small, out)
    mixed = x ^ (x << L13) ^ (x >> R17)
    np.testing.assert_array_equal(out[:32], mixed.astype(np.int32).astype(np.float32))
    assert (out[:32] < 0).any()  # the top bit is a sign
    np.testing.assert_array_equal(out[32:], np.where(small == 50, 50, 1))
    bits = np.flatnonzero(small == 50)
    assert whole == sum(1 << int(bit) for bit in bits)
    assert four == (whole >> 2) & 0xF


@routine
def first_bit(bits: np.uint32) -> int:
    return int(lowest(bits))


def test_the_lowest_bit_is_found_wherever_it_is() -> None:
    for bit in range(32):
        assert first_bit(np.uint32(0xFFFFFFFF << bit & 0xFFFFFFFF)) == bit


@routine
def unlike(x: NDArray[np.float32], words: NDArray[np.uint32]) -> None:
    store(x, 0, load(x, 0, FOUR) + load(words, 0, FOUR))


@routine
def undefined(x: NDArray[np.float32]) -> None:
    store(x, 0, load(x, 0, FOUR) / THREE)


def test_operations_on_unlike_vectors_and_undefined_ones_do_not_compile() -> None:
    x, words = np.zeros(4, dtype=np.float32), np.zeros(4, dtype=np.uint32)
    with pytest.raises(TypingError, match="add"):
        unlike(x, words)
    with pytest.raises(TypingError, match="truediv"):
        undefined(x)
