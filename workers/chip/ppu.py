"""Arithmetic of the plasticity processor, as far as the programs need it.

The processor has no floating point. Its vector unit knows saturating fractional arithmetic on bytes
(Q7: value · 2⁷) and halfwords; the scalar core is 32 bits wide (electronicvisions/nux, libnux).
Arguments are integers of the stated width, results are plain integers within it.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.compiling import part


@part
def saturate_i8(x: int) -> int:
    """The nearest signed byte."""
    return min(max(x, -128), 127)


@part
def saturate_i16(x: int) -> int:
    """The nearest signed halfword."""
    return min(max(x, -32768), 32767)


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
def below(x: int, n: int) -> int:
    """A number in [0, n), n ≤ 2¹⁶, from the high 16 bits of the generator's state."""
    return ((x >> 16) * n) >> 16


@part
def draw(random: NDArray[np.int64], n: int) -> int:
    """A number in [0, n) from the processor's generator."""
    x = lcg(int(random[0]))
    random[0] = x
    return below(x, n)
