"""The vector unit's arithmetic on bytes and on halfwords, one source for both widths.

The width is that of the arrays. Bytes are int8 arrays of 16 lanes with an int16 accumulator,
halfwords are int16 arrays of 8 lanes with an int32 accumulator, or multiples of these lanes: an
accumulator has twice the width N of a lane. The compiler takes N from the arrays' types, so that
each width becomes machine code of its own.

* Suffix ``_modulo``: integers modulo 2ᴺ, which wrap around.
* Suffix ``_fraction``: saturating fractions, value · 2^(N − 1), in [−1, 1): Q7 or Q15. They enter
  the accumulator as value · 2^(2N − 1), so a product of two of them fits exactly but for −1 · −1,
  which saturates. Results are truncated, that is rounded towards minus infinity.

Each function names its opcodes, that on bytes and that on halfwords. ``vector_unit`` has the
sources, and says what ``out`` may overlap with.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.ppu.vector_unit import Vector
from spikeloop.workers.kernels import part

Accumulator = NDArray[np.int16] | NDArray[np.int32]


@part
def saturate(x: int, lanes: NDArray[Any]) -> int:
    """Return the number nearest to ``x`` that the lanes of an array can hold."""
    limits = np.iinfo(lanes.dtype)
    return min(max(x, limits.min), limits.max)


@part
def fraction_product(a: int, b: int, accumulator: NDArray[Any]) -> int:
    """Return the product of two fractions as it enters the accumulator."""
    return saturate(2 * a * b, accumulator)


# Modulo. A lane keeps the low bits of what is stored in it.


@part
def add_modulo(a: Vector, b: Vector, out: Vector) -> None:
    """Add (fxvaddbm, fxvaddhm)."""
    for i in range(out.size):
        out[i] = a[i] + b[i]


@part
def sub_modulo(a: Vector, b: Vector, out: Vector) -> None:
    """Subtract ``b`` from ``a`` (fxvsubbm, fxvsubhm)."""
    for i in range(out.size):
        out[i] = a[i] - b[i]


@part
def mul_modulo(a: Vector, b: Vector, out: Vector) -> None:
    """Multiply (fxvmulbm, fxvmulhm)."""
    for i in range(out.size):
        out[i] = a[i] * b[i]


@part
def mac_modulo(a: Vector, b: Vector, accumulator: Accumulator, out: Vector) -> None:
    """Add the product to the accumulator, which stays as it is (fxvmabm, fxvmahm)."""
    for i in range(out.size):
        out[i] = a[i] * b[i] + accumulator[i]


@part
def add_acc_modulo(a: Vector, accumulator: Accumulator, out: Vector) -> None:
    """Add ``a`` to the accumulator, which stays as it is (fxvaddacbm, fxvaddachm)."""
    for i in range(out.size):
        out[i] = a[i] + accumulator[i]


# Modulo, into the accumulator.


@part
def move_to_acc_modulo(a: Vector, accumulator: Accumulator) -> None:
    """Put ``a``, with its sign, into the accumulator (fxvmtacb, fxvmtach)."""
    for i in range(a.size):
        accumulator[i] = a[i]


@part
def add_to_acc_modulo(a: Vector, b: Vector, accumulator: Accumulator) -> None:
    """Put the sum into the accumulator, where it always fits (fxvaddtacb, fxvaddtachm)."""
    for i in range(a.size):
        accumulator[i] = a[i] + b[i]


@part
def mul_to_acc_modulo(a: Vector, b: Vector, accumulator: Accumulator) -> None:
    """Put the product into the accumulator, where it always fits (fxvmultacbm, fxvmultachm)."""
    for i in range(a.size):
        accumulator[i] = a[i] * b[i]


@part
def add_acc_to_acc_modulo(a: Vector, accumulator: Accumulator) -> None:
    """Add ``a`` to the accumulator, in place (fxvaddactacb, fxvaddactachm)."""
    for i in range(a.size):
        accumulator[i] = a[i] + accumulator[i]


@part
def mac_to_acc_modulo(a: Vector, b: Vector, accumulator: Accumulator) -> None:
    """Add the product to the accumulator, in place (fxvmatacbm, fxvmatachm)."""
    for i in range(a.size):
        accumulator[i] = a[i] * b[i] + accumulator[i]


# Saturating fractions.


@part
def add_fraction(a: Vector, b: Vector, out: Vector) -> None:
    """Add (fxvaddbfs, fxvaddhfs)."""
    for i in range(out.size):
        out[i] = saturate(a[i] + b[i], out)


@part
def sub_fraction(a: Vector, b: Vector, out: Vector) -> None:
    """Subtract ``b`` from ``a`` (fxvsubbfs, fxvsubhfs)."""
    for i in range(out.size):
        out[i] = saturate(a[i] - b[i], out)


@part
def mul_fraction(a: Vector, b: Vector, out: Vector) -> None:
    """Multiply and truncate; −1 · −1 gives the largest fraction (fxvmulbfs, fxvmulhfs)."""
    limits = np.iinfo(out.dtype)
    for i in range(out.size):
        out[i] = min((2 * a[i] * b[i]) >> limits.bits, limits.max)


@part
def mac_fraction(a: Vector, b: Vector, accumulator: Accumulator, out: Vector) -> None:
    """Add the product to the accumulator, which stays, and truncate (fxvmabfs, fxvmahfs)."""
    bits = np.iinfo(out.dtype).bits
    for i in range(out.size):
        total = fraction_product(a[i], b[i], accumulator) + accumulator[i]
        out[i] = saturate(total, accumulator) >> bits


@part
def add_acc_fraction(a: Vector, accumulator: Accumulator, out: Vector) -> None:
    """Add ``a`` to the accumulator, which stays, and truncate (fxvaddacbfs, fxvaddachfs)."""
    bits = np.iinfo(out.dtype).bits
    for i in range(out.size):
        out[i] = saturate((a[i] << bits) + accumulator[i], accumulator) >> bits


# Saturating fractions, into the accumulator.


@part
def move_to_acc_fraction(a: Vector, accumulator: Accumulator) -> None:
    """Put the fraction ``a`` into the accumulator (fxvmtacbf, fxvmtachf)."""
    bits = np.iinfo(a.dtype).bits
    for i in range(a.size):
        accumulator[i] = a[i] << bits


@part
def mul_to_acc_fraction(a: Vector, b: Vector, accumulator: Accumulator) -> None:
    """Put the product into the accumulator, exact but for −1 · −1 (fxvmultacbfs, fxvmultachfs)."""
    for i in range(a.size):
        accumulator[i] = fraction_product(a[i], b[i], accumulator)


@part
def add_acc_to_acc_fraction(a: Vector, accumulator: Accumulator) -> None:
    """Add ``a`` to the accumulator, in place (fxvaddactacbf, fxvaddactachf)."""
    bits = np.iinfo(a.dtype).bits
    for i in range(a.size):
        accumulator[i] = saturate((a[i] << bits) + accumulator[i], accumulator)


@part
def mac_to_acc_fraction(a: Vector, b: Vector, accumulator: Accumulator) -> None:
    """Add the product to the accumulator, in place (fxvmatacbfs, fxvmatachfs)."""
    for i in range(a.size):
        total = fraction_product(a[i], b[i], accumulator) + accumulator[i]
        accumulator[i] = saturate(total, accumulator)


# Shifts. The unit has neither an arithmetic nor a saturating shift.


@part
def shift(a: Vector, amount: int, out: Vector) -> None:
    """Shift left, or right for negative amounts, and fill with zeros (fxvshb, fxvshh).

    ``amount`` is in [-16, 15] for both widths.
    """
    lane = (1 << np.iinfo(out.dtype).bits) - 1
    left, right = max(amount, 0), max(-amount, 0)
    for i in range(out.size):
        out[i] = (a[i] & lane) << left >> right


@part
def shift_right_fraction(a: Vector, amount: int, out: Vector) -> None:
    """Shift right by 1 to N − 1 bits and keep the sign: a · 2^−amount, truncated.

    On the chip it is that product (fxvmulbfs, fxvmulhfs), as in libnux' VectorFracSat8 and 16.
    """
    for i in range(out.size):
        out[i] = a[i] >> amount
