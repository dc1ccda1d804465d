"""The plasticity processor's vector unit: registers, comparison, selection, packing.

A register of 128 bits is 16 bytes, an int8 array of shape (16,), or 8 halfwords, an int16 array of
shape (8,). A row of 32 synapses is two vectors of bytes; a longer array is that many vectors one
after the other. Arithmetic on both is in ``vector_arithmetic``.

Semantics, bit for bit, are those of electronicvisions/nux: the instruction guide
(doc/guide/src/fxv.tex), the arithmetic units and the testbench's predictor. Each function names its
opcode.

``out`` may be one of the operands. It must not overlap one shifted by some lanes. Every arithmetic
opcode may also write only the lanes that satisfy a condition; here that is the operation into
another array and a ``select``.

The bytes of a halfword lie in the processor's memory in big-endian order, so a view of one kind of
array as the other differs from the chip: ``pack`` and ``unpack`` convert between them.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.kernels import part

Bytes = NDArray[np.int8]
Halfwords = NDArray[np.int16]
Vector = Bytes | Halfwords

BYTE_LANES = 16
HALFWORD_LANES = 8

# Codes of the conditions as in the opcodes' condition field (libnux: fxv.h, fxv_cond_t).
ALWAYS = 0
GT = 1
LT = 2
EQ = 3


@part
def compare(a: Vector, condition: Vector) -> None:
    """Compare each lane with zero (fxvcmpb, fxvcmph).

    ``condition`` becomes the sign of each lane, −1, 0 or 1, which stands for the lane's bits LT, EQ
    or GT of the condition register.
    """
    for i in range(a.size):
        condition[i] = (a[i] > 0) - (a[i] < 0)


@part
def select(condition: Vector, mode: int, a: Vector, b: Vector, out: Vector) -> None:
    """Take ``b`` in the lanes that satisfy a condition and ``a`` in the others (fxvsel).

    Args:
        condition: result of ``compare``, or any array of its lanes: only the sign counts.
        mode: ``ALWAYS``, ``GT``, ``LT`` or ``EQ``. ``ALWAYS`` copies ``b`` (libnux:
            test_fxvsel.c).
        a: lanes where the condition does not hold.
        b: lanes where it does.
        out: the result.
    """
    if mode == GT:
        for i in range(out.size):
            out[i] = b[i] if condition[i] > 0 else a[i]
    elif mode == LT:
        for i in range(out.size):
            out[i] = b[i] if condition[i] < 0 else a[i]
    elif mode == EQ:
        for i in range(out.size):
            out[i] = b[i] if condition[i] == 0 else a[i]
    else:
        for i in range(out.size):
            out[i] = b[i]


@part
def splat(value: int, out: Vector) -> None:
    """Copy the low byte or halfword of a number into all lanes (fxvsplatb, fxvsplath)."""
    for i in range(out.size):
        out[i] = value


@part
def pack_upper(a: Halfwords, b: Halfwords, spare: int, out: Bytes) -> None:
    """Pack the upper digits of two vectors of halfwords into one vector of bytes (fxvpckbu).

    A halfword counts as two digits of 8 − ``spare`` bits, at its upper end, and as 2 · ``spare``
    unused bits below them. With ``spare`` = 2 the digits are the 6-bit weights of two synapses that
    together hold a 12-bit number.

    Args:
        a: 8 lanes, whose digits go to bytes 0 to 7.
        b: 8 lanes, whose digits go to bytes 8 to 15.
        spare: unused bits of a byte, in [0, 3].
        out: 16 lanes, the digits as unsigned numbers.
    """
    for i in range(HALFWORD_LANES):
        out[i] = np.int8((a[i] & 0xFFFF) >> (8 + spare))
        out[HALFWORD_LANES + i] = np.int8((b[i] & 0xFFFF) >> (8 + spare))


@part
def pack_lower(a: Halfwords, b: Halfwords, spare: int, out: Bytes) -> None:
    """Pack the lower digits of two vectors of halfwords, as in ``pack_upper`` (fxvpckbl)."""
    digit = 0xFF >> spare
    for i in range(HALFWORD_LANES):
        out[i] = np.int8((a[i] >> (2 * spare)) & digit)
        out[HALFWORD_LANES + i] = np.int8((b[i] >> (2 * spare)) & digit)


@part
def unpack_left(upper: Bytes, lower: Bytes, spare: int, out: Halfwords) -> None:
    """Join bytes 0 to 7 to halfwords, the first operand of ``pack`` (fxvupckbl).

    Args:
        upper: 16 upper digits; bits above the digit's are ignored.
        lower: 16 lower digits, with the same rule.
        spare: unused bits of a byte, in [0, 3].
        out: 8 lanes.
    """
    digit = 0xFF >> spare
    for i in range(HALFWORD_LANES):
        high, low = upper[i] & digit, lower[i] & digit
        out[i] = np.int16(high << (8 + spare) | low << (2 * spare))


@part
def unpack_right(upper: Bytes, lower: Bytes, spare: int, out: Halfwords) -> None:
    """Join bytes 8 to 15 to halfwords, the second operand of ``pack`` (fxvupckbr)."""
    digit = 0xFF >> spare
    for i in range(HALFWORD_LANES):
        high, low = upper[HALFWORD_LANES + i] & digit, lower[HALFWORD_LANES + i] & digit
        out[i] = np.int16(high << (8 + spare) | low << (2 * spare))
