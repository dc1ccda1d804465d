"""The plasticity processor's arithmetic against unbounded integers."""

from fractions import Fraction
from itertools import product
from math import floor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spikeloop.workers.chip.ppu.scalar_unit import (
    add_i8,
    add_i16,
    draw_by_byte,
    draw_by_word,
    lcg,
    mul_q7_i8,
    mul_q7_i16,
    sub_i16,
    xorshift,
)

BYTES = range(-128, 128)
halfwords = st.integers(-32768, 32767)


def clip(x: int, bits: int) -> int:
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, x))


def rounded(x: Fraction) -> int:
    """Half rounds up, also below zero."""
    return floor(x + Fraction(1, 2))


def test_byte_sums_saturate() -> None:
    for a, b in product(BYTES, BYTES):
        assert add_i8(a, b) == clip(a + b, 8)


def test_byte_products_are_rounded_fractions() -> None:
    for a, b in product(BYTES, BYTES):
        assert mul_q7_i8(a, b) == clip(rounded(Fraction(a * b, 128)), 8)
    assert mul_q7_i8(-128, -128) == 127


@given(halfwords, halfwords)
def test_halfword_sums_and_differences_saturate(a: int, b: int) -> None:
    assert add_i16(a, b) == clip(a + b, 16)
    assert sub_i16(a, b) == clip(a - b, 16)


@given(halfwords, st.integers(-128, 127))
def test_halfword_products_are_rounded_fractions(a: int, b: int) -> None:
    assert mul_q7_i16(a, b) == clip(rounded(Fraction(a * b, 128)), 16)


def test_the_generator_gives_the_sequence_of_numerical_recipes() -> None:
    x, sequence = 0, []
    for _ in range(5):
        x = lcg(x)
        sequence.append(x)
    assert sequence == [0x3C6EF35F, 0x47502932, 0xD1CCF6E9, 0xAAF95334, 0x6252E503]


def test_the_other_generator_begins_as_in_marsaglias_paper() -> None:
    assert xorshift(2463534242) == 723471715


@given(st.integers(0, 2**32 - 1), st.integers(1, 256), st.integers(1, 2**16))
def test_draws_take_the_published_parts_of_the_published_generator(x: int, n: int, m: int) -> None:
    random = np.array([x], dtype=np.int64)
    x = lcg(x)
    assert draw_by_byte(random, n) == x // 2**24 % n
    assert random[0] == x
    x = lcg(x)
    assert draw_by_word(random, m) == x % m
    assert random[0] == x
