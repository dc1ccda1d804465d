"""The vector unit's arithmetic on halfwords, as ``vector_bytes`` on bytes.

Vectors are int16 arrays of 8 lanes (or a multiple of it). The accumulator is an int32 array of as
many. Fractions enter it as value · 2³¹, so a product of two of them fits exactly but for −1 · −1,
which saturates.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.ppu.scalar_unit import saturate_i16, saturate_i32
from spikeloop.workers.chip.ppu.vector_unit import Halfwords
from spikeloop.workers.kernels import part

Accumulator = NDArray[np.int32]


@part
def product_q31(a: int, b: int) -> int:
    """The product of two Q15 fractions in the accumulator's Q31."""
    return saturate_i32(2 * a * b)


# Modulo.


@part
def add_mod16(a: Halfwords, b: Halfwords, out: Halfwords) -> None:
    """Sum modulo 2¹⁶ (fxvaddhm)."""
    for i in range(out.size):
        out[i] = np.int16(a[i] + b[i])


@part
def sub_mod16(a: Halfwords, b: Halfwords, out: Halfwords) -> None:
    """Difference a − b modulo 2¹⁶ (fxvsubhm)."""
    for i in range(out.size):
        out[i] = np.int16(a[i] - b[i])


@part
def mul_mod16(a: Halfwords, b: Halfwords, out: Halfwords) -> None:
    """Product modulo 2¹⁶ (fxvmulhm)."""
    for i in range(out.size):
        out[i] = np.int16(a[i] * b[i])


@part
def mac_mod16(a: Halfwords, b: Halfwords, accumulator: Accumulator, out: Halfwords) -> None:
    """Product plus accumulator modulo 2¹⁶; the accumulator stays (fxvmahm)."""
    for i in range(out.size):
        out[i] = np.int16(a[i] * b[i] + accumulator[i])


@part
def add_acc_mod16(a: Halfwords, accumulator: Accumulator, out: Halfwords) -> None:
    """Sum of ``a`` and the accumulator modulo 2¹⁶ (fxvaddachm)."""
    for i in range(out.size):
        out[i] = np.int16(a[i] + accumulator[i])


# Modulo, into the accumulator.


@part
def move_to_acc_mod16(a: Halfwords, accumulator: Accumulator) -> None:
    """Puts ``a``, with its sign, into the accumulator (fxvmtach)."""
    for i in range(a.size):
        accumulator[i] = a[i]


@part
def add_to_acc_mod16(a: Halfwords, b: Halfwords, accumulator: Accumulator) -> None:
    """Puts the sum into the accumulator, where it always fits (fxvaddtachm)."""
    for i in range(a.size):
        accumulator[i] = a[i] + b[i]


@part
def mul_to_acc_mod16(a: Halfwords, b: Halfwords, accumulator: Accumulator) -> None:
    """Puts the product into the accumulator, where it always fits (fxvmultachm)."""
    for i in range(a.size):
        accumulator[i] = a[i] * b[i]


@part
def add_acc_to_acc_mod16(a: Halfwords, accumulator: Accumulator) -> None:
    """Adds ``a`` to the accumulator modulo 2³² (fxvaddactachm)."""
    for i in range(a.size):
        accumulator[i] = np.int32(a[i] + accumulator[i])


@part
def mac_to_acc_mod16(a: Halfwords, b: Halfwords, accumulator: Accumulator) -> None:
    """Adds the product to the accumulator modulo 2³² (fxvmatachm)."""
    for i in range(a.size):
        accumulator[i] = np.int32(a[i] * b[i] + accumulator[i])


# Saturating fractions.


@part
def add_q15(a: Halfwords, b: Halfwords, out: Halfwords) -> None:
    """Saturating sum (fxvaddhfs)."""
    for i in range(out.size):
        out[i] = saturate_i16(a[i] + b[i])


@part
def sub_q15(a: Halfwords, b: Halfwords, out: Halfwords) -> None:
    """Saturating difference a − b (fxvsubhfs)."""
    for i in range(out.size):
        out[i] = saturate_i16(a[i] - b[i])


@part
def mul_q15(a: Halfwords, b: Halfwords, out: Halfwords) -> None:
    """Product, truncated; −1 · −1 saturates to 32767/32768 (fxvmulhfs)."""
    for i in range(out.size):
        out[i] = product_q31(a[i], b[i]) >> 16


@part
def mac_q15(a: Halfwords, b: Halfwords, accumulator: Accumulator, out: Halfwords) -> None:
    """Product plus accumulator, both saturating, truncated; the accumulator stays (fxvmahfs)."""
    for i in range(out.size):
        out[i] = saturate_i32(product_q31(a[i], b[i]) + accumulator[i]) >> 16


@part
def add_acc_q15(a: Halfwords, accumulator: Accumulator, out: Halfwords) -> None:
    """Saturating sum of ``a`` and the accumulator, truncated (fxvaddachfs)."""
    for i in range(out.size):
        out[i] = saturate_i32((a[i] << 16) + accumulator[i]) >> 16


# Saturating fractions, into the accumulator.


@part
def move_to_acc_q15(a: Halfwords, accumulator: Accumulator) -> None:
    """Puts the fraction ``a`` into the accumulator (fxvmtachf)."""
    for i in range(a.size):
        accumulator[i] = a[i] << 16


@part
def mul_to_acc_q15(a: Halfwords, b: Halfwords, accumulator: Accumulator) -> None:
    """Puts the product into the accumulator, exact but for −1 · −1 (fxvmultachfs)."""
    for i in range(a.size):
        accumulator[i] = product_q31(a[i], b[i])


@part
def add_acc_to_acc_q15(a: Halfwords, accumulator: Accumulator) -> None:
    """Adds ``a`` to the accumulator, saturating (fxvaddactachf)."""
    for i in range(a.size):
        accumulator[i] = saturate_i32((a[i] << 16) + accumulator[i])


@part
def mac_to_acc_q15(a: Halfwords, b: Halfwords, accumulator: Accumulator) -> None:
    """Adds the product to the accumulator, both saturating (fxvmatachfs)."""
    for i in range(a.size):
        accumulator[i] = saturate_i32(product_q31(a[i], b[i]) + accumulator[i])


# Shifts.


@part
def shift_16(a: Halfwords, amount: int, out: Halfwords) -> None:
    """Shifts left, or right for negative amounts, and fills with zeros (fxvshh).

    The unit has neither an arithmetic nor a saturating shift.

    Args:
        a: lanes.
        amount: bits, in [-16, 15].
        out: the result.
    """
    left, right = max(amount, 0), max(-amount, 0)
    for i in range(out.size):
        out[i] = np.int16((a[i] & 0xFFFF) << left >> right)


@part
def shift_right_q15(a: Halfwords, amount: int, out: Halfwords) -> None:
    """Shifts right by 1 to 15 bits and keeps the sign: a · 2^−amount, truncated.

    On the chip it is that product (fxvmulhfs), as in libnux' VectorFracSat16.
    """
    for i in range(out.size):
        out[i] = a[i] >> amount
