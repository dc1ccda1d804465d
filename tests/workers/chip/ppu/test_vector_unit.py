"""The vector unit agrees with plain integers on pairs of bytes and of many halfwords.

The model has no lanes, shifts or machine integers: it wraps by a remainder, saturates by comparison
and truncates by the floor of a quotient.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloop.workers.chip.ppu import vector_arithmetic
from spikeloop.workers.chip.ppu.vector_unit import (
    ALWAYS,
    BYTE_LANES,
    EQ,
    GT,
    HALFWORD_LANES,
    LT,
    compare,
    pack_lower,
    pack_upper,
    select,
    splat,
    unpack_left,
    unpack_right,
)

Ints = Sequence[int]
Lanes = NDArray[Any]
Model = Callable[[int, int, int, int], int]
"""Result of an operation on lanes of so many bits, from a, b and the accumulator."""


class Unit(NamedTuple):
    """The vector unit at one width."""

    bits: int
    lanes: int
    vector: Any
    accumulator: Any


BYTES = Unit(8, BYTE_LANES, np.int8, np.int16)
HALFWORDS = Unit(16, HALFWORD_LANES, np.int16, np.int32)
UNITS = pytest.mark.parametrize("unit", [BYTES, HALFWORDS], ids=["bytes", "halfwords"])


def wrap(x: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


def clip(x: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return -half if x < -half else half - 1 if x >= half else x


def fraction(a: int, b: int, bits: int) -> int:
    """The product of two fractions in the accumulator's unit: twice the integers' product."""
    return clip(a * b * 2, 2 * bits)


# Operands: a and b, the accumulator c, and what the result goes to: a register o or c.
MODELS: dict[tuple[str, str], tuple[str, Model]] = {
    ("add", "modulo"): ("abo", lambda n, a, b, c: wrap(a + b, n)),
    ("sub", "modulo"): ("abo", lambda n, a, b, c: wrap(a - b, n)),
    ("mul", "modulo"): ("abo", lambda n, a, b, c: wrap(a * b, n)),
    ("mac", "modulo"): ("abco", lambda n, a, b, c: wrap(a * b + c, n)),
    ("add_acc", "modulo"): ("aco", lambda n, a, b, c: wrap(a + c, n)),
    ("move_to_acc", "modulo"): ("ac", lambda n, a, b, c: a),
    ("add_to_acc", "modulo"): ("abc", lambda n, a, b, c: a + b),
    ("mul_to_acc", "modulo"): ("abc", lambda n, a, b, c: a * b),
    ("add_acc_to_acc", "modulo"): ("ac", lambda n, a, b, c: wrap(a + c, 2 * n)),
    ("mac_to_acc", "modulo"): ("abc", lambda n, a, b, c: wrap(a * b + c, 2 * n)),
    ("add", "fraction"): ("abo", lambda n, a, b, c: clip(a + b, n)),
    ("sub", "fraction"): ("abo", lambda n, a, b, c: clip(a - b, n)),
    ("mul", "fraction"): ("abo", lambda n, a, b, c: fraction(a, b, n) // 2**n),
    ("mac", "fraction"): ("abco", lambda n, a, b, c: clip(fraction(a, b, n) + c, 2 * n) // 2**n),
    ("add_acc", "fraction"): ("aco", lambda n, a, b, c: clip(a * 2**n + c, 2 * n) // 2**n),
    ("move_to_acc", "fraction"): ("ac", lambda n, a, b, c: a * 2**n),
    ("mul_to_acc", "fraction"): ("abc", lambda n, a, b, c: fraction(a, b, n)),
    ("add_acc_to_acc", "fraction"): ("ac", lambda n, a, b, c: clip(a * 2**n + c, 2 * n)),
    ("mac_to_acc", "fraction"): ("abc", lambda n, a, b, c: clip(fraction(a, b, n) + c, 2 * n)),
}
OPERATIONS = pytest.mark.parametrize("operation", MODELS, ids="_".join)


def function(operation: tuple[str, str]) -> Callable[..., None]:
    found: Callable[..., None] = getattr(vector_arithmetic, "_".join(operation))
    return found


def results(
    unit: Unit, operation: tuple[str, str], a: Ints, b: Ints, c: Ints, out: str = "o"
) -> list[int]:
    """What the compiled operation makes of the operands, one register after the other.

    The result may go to an operand itself: ``out`` is then "a" or "b".
    """
    operands = MODELS[operation][0]
    arrays: dict[str, Lanes] = {
        "a": np.array(a, dtype=unit.vector),
        "b": np.array(b, dtype=unit.vector),
        "c": np.array(c, dtype=unit.accumulator),
        "o": np.full(len(a), 99, dtype=unit.vector),
    }
    before = {key: arrays[key].copy() for key in "abc"}
    arrays["o"] = arrays[out]
    compiled = function(operation)
    for first in range(0, arrays["a"].size, unit.lanes):
        compiled(*(arrays[key][first : first + unit.lanes] for key in operands))
    for key in before.keys() - {operands[-1], out}:
        np.testing.assert_array_equal(arrays[key], before[key])
    found: list[int] = arrays[operands[-1]].tolist()
    return found


def disagreements(
    unit: Unit,
    operation: tuple[str, str],
    model: Model,
    a: Ints,
    b: Ints,
    c: Ints,
    out: str = "o",
) -> list[tuple[int, int, int]]:
    """The operands (a, b, accumulator) at which an operation is not what a model says."""
    bits, found = unit.bits, results(unit, operation, a, b, c, out)
    cases = zip(a, b, c, found, strict=True)
    return [(x, y, z) for x, y, z, result in cases if result != model(bits, x, y, z)]


ALL_BYTES = range(-128, 128)
PAIRS = list(product(ALL_BYTES, ALL_BYTES))
A, B = [a for a, _ in PAIRS], [b for _, b in PAIRS]


@pytest.mark.parametrize(
    "accumulator",
    [-1, *(pytest.param(c, marks=pytest.mark.exhaustive) for c in (12345, 32767, -32768))],
)
@OPERATIONS
def test_every_pair_of_bytes_gives_the_models_result(
    operation: tuple[str, str], accumulator: int
) -> None:
    """Without a second operand, 256 accumulators over the whole range are in its place."""
    operands, model = MODELS[operation]
    c = [accumulator] * len(PAIRS) if "b" in operands else [257 * b + 128 for b in B]
    assert disagreements(BYTES, operation, model, A, B, c) == []


@pytest.mark.parametrize(
    ("operation", "wrong", "told_apart_at"),
    [
        ("mul", lambda a, b, c: clip((a * b + 64) // 128, 8), lambda a, b: a * b % 128 >= 64),
        ("mul", lambda a, b, c: clip(int(a * b / 128), 8), lambda a, b: a * b < 0 and a * b % 128),
        ("mul", lambda a, b, c: wrap(a * b // 128, 8), lambda a, b: a == b == -128),
        ("mac_to_acc", lambda a, b, c: clip(2 * a * b + c, 16), lambda a, b: a == b == -128),
    ],
    ids=["rounded", "truncated towards zero", "wrapping", "saturated only at the end"],
)
def test_a_wrong_model_of_the_product_is_rejected(
    operation: str, wrong: Callable[..., int], told_apart_at: Callable[[int, int], bool]
) -> None:
    found = disagreements(
        BYTES, (operation, "fraction"), lambda n, *x: wrong(*x), A, B, [-1] * len(PAIRS)
    )
    assert [x[:2] for x in found] == [pair for pair in PAIRS if told_apart_at(*pair)]


SOME = A[::31], B[::31], [30000] * len(A[::31])


def test_exchanged_arithmetics_are_rejected() -> None:
    for name in ("add", "sub", "mul", "mac", "add_acc", "mac_to_acc", "add_acc_to_acc"):
        for kind, other in (("modulo", "fraction"), ("fraction", "modulo")):
            wrong = MODELS[name, other][1]
            assert disagreements(BYTES, (name, kind), wrong, *SOME) != []


EDGES = (-32768, -32767, -16384, -256, -2, -1, 0, 1, 2, 255, 16384, 32766, 32767, 181, -181, 23170)
SOME_HALFWORDS = [*EDGES, *np.random.default_rng(0).integers(-32768, 32768, 48).tolist()]
HALFWORD_PAIRS = list(product(SOME_HALFWORDS, SOME_HALFWORDS))


@OPERATIONS
def test_pairs_of_halfwords_give_the_models_result(operation: tuple[str, str]) -> None:
    a, b = [a for a, _ in HALFWORD_PAIRS], [b for _, b in HALFWORD_PAIRS]
    drawn = np.random.default_rng(1).integers(-(2**31), 2**31, len(a)).tolist()
    for c in (0, -1, 2**31 - 1, -(2**31), 2**31 - 65536):
        assert disagreements(HALFWORDS, operation, MODELS[operation][1], a, b, [c] * len(a)) == []
    assert disagreements(HALFWORDS, operation, MODELS[operation][1], a, b, drawn) == []


@UNITS
@pytest.mark.parametrize("operation", [x for x in MODELS if MODELS[x][0][-1] == "o"], ids="_".join)
def test_the_result_may_replace_an_operand(unit: Unit, operation: tuple[str, str]) -> None:
    model = MODELS[operation][1]
    low, high = -(2 ** (unit.bits - 1)), 2 ** (unit.bits - 1)
    a, b, c = np.random.default_rng(4).integers(low, high, size=(3, unit.lanes)).tolist()
    for out in "ab":
        assert disagreements(unit, operation, model, a, b, c, out) == []


# The unit that moves lanes and bits.


@UNITS
def test_comparison_gives_signs(unit: Unit) -> None:
    numbers: Lanes = np.array(ALL_BYTES if unit is BYTES else EDGES, dtype=unit.vector)
    condition = np.full_like(numbers, 77)
    compare(numbers, condition)
    assert condition.tolist() == [(x > 0) - (x < 0) for x in numbers.tolist()]


@UNITS
@pytest.mark.parametrize(
    ("mode", "holds"),
    [
        (ALWAYS, lambda x: True),
        (GT, lambda x: x > 0),
        (LT, lambda x: x < 0),
        (EQ, lambda x: x == 0),
    ],
    ids=["always", "gt", "lt", "eq"],
)
def test_selection_takes_b_where_the_condition_holds(
    unit: Unit, mode: int, holds: Callable[[int], bool]
) -> None:
    compared: Lanes = np.array([-128, -1, 0, 1, 127, 0, 5, -7] * 2, dtype=unit.vector)[: unit.lanes]
    condition = np.empty_like(compared)
    compare(compared, condition)
    a: Lanes = np.arange(1, 1 + unit.lanes, dtype=unit.vector)
    wanted = [-x if holds(y) else x for x, y in zip(a.tolist(), compared.tolist(), strict=True)]
    for out in (np.zeros_like(a), a):
        select(condition, mode, a, -a, out)
        assert out.tolist() == wanted


@UNITS
def test_shifts_fill_with_zeros(unit: Unit) -> None:
    numbers: Lanes = np.array(ALL_BYTES if unit is BYTES else EDGES, dtype=unit.vector)
    for amount in range(-16, 16):
        out = np.empty_like(numbers)
        vector_arithmetic.shift(numbers, amount, out)
        for x, y in zip(numbers.tolist(), out.tolist(), strict=True):
            unsigned = x % 2**unit.bits
            moved = unsigned * 2**amount if amount >= 0 else unsigned // 2**-amount
            assert y == wrap(moved, unit.bits)


@UNITS
def test_the_shift_that_keeps_signs_is_the_product_with_a_power_of_two(unit: Unit) -> None:
    numbers: Lanes = np.array(ALL_BYTES if unit is BYTES else EDGES, dtype=unit.vector)
    for amount in range(1, unit.bits):
        shifted, multiplied = np.empty_like(numbers), np.empty_like(numbers)
        power = np.full_like(numbers, 2 ** (unit.bits - 1 - amount))
        vector_arithmetic.shift_right_fraction(numbers, amount, shifted)
        vector_arithmetic.mul_fraction(numbers, power, multiplied)
        assert shifted.tolist() == [x // 2**amount for x in numbers.tolist()]
        assert shifted.tolist() == multiplied.tolist()


@UNITS
def test_splat_copies_the_low_end_of_a_number(unit: Unit) -> None:
    out: Lanes = np.empty(unit.lanes, dtype=unit.vector)
    for value in (0, 1, -1, 127, 128, -129, 255, 256, 32768, 65535, 0x12345678):
        splat(value, out)
        assert out.tolist() == [wrap(value, unit.bits)] * unit.lanes


# Every 37th of the 65,536 halfwords, so that all low and all high bytes occur.
SAMPLE = np.arange(-32768, 32768, 37).astype(np.int16)[: 8 * 221]
ALL_HALFWORDS = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize("spare", range(4))
@pytest.mark.parametrize(
    "halfwords", [SAMPLE, pytest.param(ALL_HALFWORDS, marks=pytest.mark.exhaustive)], ids=len
)
def test_halfwords_are_packed_into_their_two_digits_and_back(
    spare: int, halfwords: NDArray[np.int16]
) -> None:
    size = 8 - spare
    first, second = halfwords, halfwords[::-1].copy()
    stray = np.int8(-1 << size if size < 8 else 0)  # bits above a digit's, which unpacking ignores
    upper, lower = np.empty(BYTE_LANES, dtype=np.int8), np.empty(BYTE_LANES, dtype=np.int8)
    left, right = np.empty(8, dtype=np.int16), np.empty(8, dtype=np.int16)
    for at in range(0, first.size, HALFWORD_LANES):
        a, b = first[at : at + HALFWORD_LANES], second[at : at + HALFWORD_LANES]
        pack_upper(a, b, spare, upper)
        pack_lower(a, b, spare, lower)
        written = [f"{x % 65536:016b}" for x in (*a.tolist(), *b.tolist())]
        assert [x % 256 for x in upper.tolist()] == [int(x[:size], 2) for x in written]
        assert [x % 256 for x in lower.tolist()] == [int(x[size : 2 * size], 2) for x in written]
        unpack_left(upper | stray, lower | stray, spare, left)
        unpack_right(upper | stray, lower | stray, spare, right)
        kept = [wrap(int(x[: 2 * size].ljust(16, "0"), 2), 16) for x in written]
        assert [*left.tolist(), *right.tolist()] == kept
