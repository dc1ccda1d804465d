"""The vector unit's arithmetic on bytes; ``vector`` tells names, sources and what may alias.

Vectors are int8 arrays of 16 lanes (or a multiple of it). The accumulator is an int16 array of as
many: it is twice as wide as the lanes. Fractions enter it as value · 2¹⁵, so a product of two of
them fits exactly but for −1 · −1, which saturates.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.ppu.scalar_unit import saturate_i8, saturate_i16
from spikeloop.workers.chip.ppu.vector_unit import Bytes
from spikeloop.workers.kernels import part

Accumulator = NDArray[np.int16]


@part
def product_q15(a: int, b: int) -> int:
    """The product of two Q7 fractions in the accumulator's Q15."""
    return saturate_i16(2 * a * b)


# Modulo.


@part
def add_mod8(a: Bytes, b: Bytes, out: Bytes) -> None:
    """Sum modulo 2⁸ (fxvaddbm)."""
    for i in range(out.size):
        out[i] = np.int8(a[i] + b[i])


@part
def sub_mod8(a: Bytes, b: Bytes, out: Bytes) -> None:
    """Difference a − b modulo 2⁸ (fxvsubbm)."""
    for i in range(out.size):
        out[i] = np.int8(a[i] - b[i])


@part
def mul_mod8(a: Bytes, b: Bytes, out: Bytes) -> None:
    """Product modulo 2⁸ (fxvmulbm)."""
    for i in range(out.size):
        out[i] = np.int8(a[i] * b[i])


@part
def mac_mod8(a: Bytes, b: Bytes, accumulator: Accumulator, out: Bytes) -> None:
    """Product plus accumulator modulo 2⁸; the accumulator stays (fxvmabm)."""
    for i in range(out.size):
        out[i] = np.int8(a[i] * b[i] + accumulator[i])


@part
def add_acc_mod8(a: Bytes, accumulator: Accumulator, out: Bytes) -> None:
    """Sum of ``a`` and the accumulator modulo 2⁸ (fxvaddacbm)."""
    for i in range(out.size):
        out[i] = np.int8(a[i] + accumulator[i])


# Modulo, into the accumulator.


@part
def move_to_acc_mod8(a: Bytes, accumulator: Accumulator) -> None:
    """Puts ``a``, with its sign, into the accumulator (fxvmtacb)."""
    for i in range(a.size):
        accumulator[i] = a[i]


@part
def add_to_acc_mod8(a: Bytes, b: Bytes, accumulator: Accumulator) -> None:
    """Puts the sum into the accumulator, where it always fits (fxvaddtacb)."""
    for i in range(a.size):
        accumulator[i] = a[i] + b[i]


@part
def mul_to_acc_mod8(a: Bytes, b: Bytes, accumulator: Accumulator) -> None:
    """Puts the product into the accumulator, where it always fits (fxvmultacbm)."""
    for i in range(a.size):
        accumulator[i] = a[i] * b[i]


@part
def add_acc_to_acc_mod8(a: Bytes, accumulator: Accumulator) -> None:
    """Adds ``a`` to the accumulator modulo 2¹⁶ (fxvaddactacb)."""
    for i in range(a.size):
        accumulator[i] = np.int16(a[i] + accumulator[i])


@part
def mac_to_acc_mod8(a: Bytes, b: Bytes, accumulator: Accumulator) -> None:
    """Adds the product to the accumulator modulo 2¹⁶ (fxvmatacbm)."""
    for i in range(a.size):
        accumulator[i] = np.int16(a[i] * b[i] + accumulator[i])


# Saturating fractions.


@part
def add_q7(a: Bytes, b: Bytes, out: Bytes) -> None:
    """Saturating sum (fxvaddbfs)."""
    for i in range(out.size):
        out[i] = saturate_i8(a[i] + b[i])


@part
def sub_q7(a: Bytes, b: Bytes, out: Bytes) -> None:
    """Saturating difference a − b (fxvsubbfs)."""
    for i in range(out.size):
        out[i] = saturate_i8(a[i] - b[i])


@part
def mul_q7(a: Bytes, b: Bytes, out: Bytes) -> None:
    """Product, truncated; −1 · −1 saturates to 127/128 (fxvmulbfs)."""
    for i in range(out.size):
        out[i] = product_q15(a[i], b[i]) >> 8


@part
def mac_q7(a: Bytes, b: Bytes, accumulator: Accumulator, out: Bytes) -> None:
    """Product plus accumulator, both saturating, truncated; the accumulator stays (fxvmabfs)."""
    for i in range(out.size):
        out[i] = saturate_i16(product_q15(a[i], b[i]) + accumulator[i]) >> 8


@part
def add_acc_q7(a: Bytes, accumulator: Accumulator, out: Bytes) -> None:
    """Saturating sum of ``a`` and the accumulator, truncated (fxvaddacbfs)."""
    for i in range(out.size):
        out[i] = saturate_i16((a[i] << 8) + accumulator[i]) >> 8


# Saturating fractions, into the accumulator.


@part
def move_to_acc_q7(a: Bytes, accumulator: Accumulator) -> None:
    """Puts the fraction ``a`` into the accumulator (fxvmtacbf)."""
    for i in range(a.size):
        accumulator[i] = a[i] << 8


@part
def mul_to_acc_q7(a: Bytes, b: Bytes, accumulator: Accumulator) -> None:
    """Puts the product into the accumulator, exact but for −1 · −1 (fxvmultacbfs)."""
    for i in range(a.size):
        accumulator[i] = product_q15(a[i], b[i])


@part
def add_acc_to_acc_q7(a: Bytes, accumulator: Accumulator) -> None:
    """Adds ``a`` to the accumulator, saturating (fxvaddactacbf)."""
    for i in range(a.size):
        accumulator[i] = saturate_i16((a[i] << 8) + accumulator[i])


@part
def mac_to_acc_q7(a: Bytes, b: Bytes, accumulator: Accumulator) -> None:
    """Adds the product to the accumulator, both saturating (fxvmatacbfs)."""
    for i in range(a.size):
        accumulator[i] = saturate_i16(product_q15(a[i], b[i]) + accumulator[i])


# Shifts.


@part
def shift_8(a: Bytes, amount: int, out: Bytes) -> None:
    """Shifts left, or right for negative amounts, and fills with zeros (fxvshb).

    The unit has neither an arithmetic nor a saturating shift.

    Args:
        a: lanes.
        amount: bits, in [-16, 15].
        out: the result.
    """
    left, right = max(amount, 0), max(-amount, 0)
    for i in range(out.size):
        out[i] = np.int8((a[i] & 0xFF) << left >> right)


@part
def shift_right_q7(a: Bytes, amount: int, out: Bytes) -> None:
    """Shifts right by 1 to 7 bits and keeps the sign: a · 2^−amount, truncated.

    On the chip it is that product (fxvmulbfs), as in libnux' VectorFracSat8.
    """
    for i in range(out.size):
        out[i] = a[i] >> amount
