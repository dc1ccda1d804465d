"""Arithmetic of the plasticity processor, as far as the programs need it.

The processor has no floating point. The scalar core is 32 bits wide; the vector unit's saturating
arithmetic on bytes (Q7: value · 2⁷) and halfwords is in ``vector`` (electronicvisions/nux, libnux).
Arguments are integers of the stated width, results are plain integers within it. Products here are
rounded, which costs the scalar core one addition; the vector unit truncates.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.noise import xorshift32
from spikeloop.workers.kernels import part


@part
def saturate_i8(x: int) -> int:
    """The nearest signed byte."""
    return min(max(x, -128), 127)


@part
def saturate_i16(x: int) -> int:
    """The nearest signed halfword."""
    return min(max(x, -32768), 32767)


@part
def saturate_i32(x: int) -> int:
    """The nearest signed word."""
    return min(max(x, -2147483648), 2147483647)


@part
def add_i8(a: int, b: int) -> int:
    """Saturating sum of bytes."""
    return saturate_i8(a + b)


@part
def add_i16(a: int, b: int) -> int:
    """Saturating sum of halfwords."""
    return saturate_i16(a + b)


@part
def sub_i16(a: int, b: int) -> int:
    """Saturating difference of halfwords."""
    return saturate_i16(a - b)


@part
def mul_q7_i8(a: int, q7: int) -> int:
    """A byte times a Q7 fraction, rounded half up; −1 × −1 saturates."""
    return saturate_i8((a * q7 + 64) >> 7)


@part
def decayed_i8(a: int, q7: int) -> int:
    """A byte of 0 or more times a Q7 fraction, truncated, so that it reaches 0 in the end."""
    return (a * q7) >> 7


@part
def mul_q7_i16(a: int, q7: int) -> int:
    """A halfword times a Q7 fraction, rounded half up; −1 × −1 saturates."""
    return saturate_i16((a * q7 + 64) >> 7)


@part
def lcg(x: int) -> int:
    """The published generator x ← 1664525 x + 1013904223 mod 2³² (PPU/PPU.c).

    Its low bits have short periods; use the high ones.
    """
    return (1664525 * x + 1013904223) & 0xFFFFFFFF


@part
def xorshift(x: int) -> int:
    """The next 32-bit number of libnux' other generator (src/random.cpp, ``xorshift32``).

    It never leaves 0, so start it elsewhere. All its bits are good, and it needs no product.
    """
    return int(np.int64(xorshift32(np.uint32(x))))


@part
def below(x: int, n: int) -> int:
    """A number in [0, n), n ≤ 2¹⁶, from the high 16 bits of the generator's state."""
    return ((x >> 16) * n) >> 16


@part
def draw(random: NDArray[np.int64], n: int) -> int:
    """A number in [0, n) from the processor's generator."""
    x = lcg(int(random[0]))
    random[0] = x
    return below(x, n)


@part
def draw_xorshift(random: NDArray[np.int64], n: int) -> int:
    """A number in [0, n) from the other generator, whose state must not be 0."""
    x = xorshift(int(random[0]))
    random[0] = x
    return below(x, n)
