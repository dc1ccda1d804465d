"""32-bit words from counters: what the processor draws tasks, noise and seeds from.

A word is a function of the search's seed, a purpose, a generation and an index, so nothing has to
be kept to draw it again: the processor makes noise and tasks anew each time it needs them. The
published generator (``scalar_unit.lcg``) is no such function: its streams from seeds s and s + 1
stay correlated.
"""

from enum import IntEnum

import numpy as np

from spikeloop.workers.chip.noise import xorshift32
from spikeloop.workers.kernels import part

MASK = 0xFFFFFFFF
GOLDEN = 0x9E3779B9


class For(IntEnum):
    """What a word is for; values are part of a search's identity."""

    NOISE = 1
    TASK = 2
    EPISODE = 3
    ACCEPT = 4
    HELD_OUT_TASK = 5
    HELD_OUT_EPISODE = 6


@part
def mix(x: int) -> int:
    """Return a bijection of words, each of whose bits depends on all.

    It is "lowbias32" of Wellons' hash-prospector, of two products.
    """
    x = (x ^ (x >> 16)) * 0x7FEB352D & MASK
    x = (x ^ (x >> 15)) * 0x846CA68B & MASK
    return x ^ (x >> 16)


@part
def word(run: int, purpose: int, generation: int, index: int) -> int:
    """Return the word of a search's seed, a purpose (``For``), a generation and an index.

    It is never 0, which xorshift never leaves.
    """
    first = mix((run + purpose * GOLDEN) & MASK)
    found = mix((mix((first + generation) & MASK) + index) & MASK)
    return found if found != 0 else 1


@part
def next_word(x: int) -> int:
    """Return the word that follows in the generator of tasks and noise, xorshift."""
    return int(np.int64(xorshift32(np.uint32(x))))


@part
def below(x: int, n: int) -> int:
    """Return a number in [0, n), n ≤ 65536, from a word's upper half, without division."""
    return ((x >> 16) * n) >> 16
