"""Arithmetic of the plasticity processor's scalar core, as far as the programs need it.

The processor has no floating point. The scalar core is 32 bits wide; the vector unit is in
``vector_unit`` (electronicvisions/nux, libnux). Arguments are integers of the stated width, results
are plain integers within it; Q7 is value · 2⁷. Products here are rounded, which costs the scalar
core one addition; the vector unit truncates.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.noise import xorshift32
from spikeloop.workers.kernels import part


@part
def saturate_i8(x: int) -> int:
    """Return the nearest signed byte."""
    return min(max(x, -128), 127)


@part
def saturate_i16(x: int) -> int:
    """Return the nearest signed halfword."""
    return min(max(x, -32768), 32767)


@part
def add_i8(a: int, b: int) -> int:
    """Return the saturating sum of bytes."""
    return saturate_i8(a + b)


@part
def add_i16(a: int, b: int) -> int:
    """Return the saturating sum of halfwords."""
    return saturate_i16(a + b)


@part
def sub_i16(a: int, b: int) -> int:
    """Return the saturating difference of halfwords."""
    return saturate_i16(a - b)


@part
def mul_q7_i8(a: int, q7: int) -> int:
    """Return a byte times a Q7 fraction, rounded half up; −1 × −1 saturates."""
    return saturate_i8((a * q7 + 64) >> 7)


@part
def decayed_i8(a: int, q7: int) -> int:
    """Return a non-negative byte times a Q7 fraction, truncated, so that it finally reaches 0."""
    return (a * q7) >> 7


@part
def mul_q7_i16(a: int, q7: int) -> int:
    """Return a halfword times a Q7 fraction, rounded half up; −1 × −1 saturates."""
    return saturate_i16((a * q7 + 64) >> 7)


@part
def lcg(x: int) -> int:
    """Return the next number of the published generator (PPU/PPU.c).

    x ← 1664525 x + 1013904223 mod 2³². Its low bits have short periods; use the high ones.
    """
    return (1664525 * x + 1013904223) & 0xFFFFFFFF


@part
def xorshift(x: int) -> int:
    """Return the next 32-bit number of libnux' other generator (src/random.cpp, ``xorshift32``).

    It never leaves 0, so start it elsewhere. All its bits are good, and it needs no product.
    """
    return int(np.int64(xorshift32(np.uint32(x))))


@part
def draw_by_byte(random: NDArray[np.int64], n: int) -> int:
    """Draw a number in [0, n), n ≤ 256, as the published program draws actions (PPU/PPU.c).

    It is the generator's highest byte modulo n. Where n does not divide 256, the first numbers come
    a little more often: by 1 in 85 for n = 3, by 1 in 8 for n = 31.
    """
    x = lcg(int(random[0]))
    random[0] = x
    return (x >> 24) % n


@part
def draw_by_word(random: NDArray[np.int64], n: int) -> int:
    """Draw a number in [0, n) as the published program draws successors (PPU/MDP.c).

    It is the generator's whole word modulo n, which must be odd: the low bits have short periods.
    """
    x = lcg(int(random[0]))
    random[0] = x
    return x % n
