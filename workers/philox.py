"""Random numbers of an episode by counter: functions of the episode's seed and of four coordinates.

A number depends on the episode's 64-bit seed, the element (which neuron or synapse *of the
episode*), the time step, and the stream (what it is for), never on other episodes of the tile. They
come from the Philox4x32-10 generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1,
2, 3", section 4), which turns a counter and a key into 128 random bits without any state:

    key     = (seed mod 2³², seed div 2³²)
    counter = (step mod 2³², element, stream, step div 2³²)

A block of four words w gives the uniform number ((w₀ div 2⁵) 2²⁶ + (w₁ div 2⁶)) / 2⁵³ in [0, 1), or
the normal number sqrt(−2 log(1 − u)) cos(2π u′) with u of w₀, w₁ and u′ of w₂, w₃ (Box and Muller
1958). Uniform numbers are the same bits in Python, with every code generation target of Brian2 and
on every machine; normal ones agree but for the rounding of the C library's log and cos.
"""

from enum import IntEnum

import numpy as np

from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.workers.kernels import kernel, part

PYTHON_STREAMS = 2**31
"""Streams from here on cannot be asked for inside Brian2, whose integers have 32 bits with sign."""


class Stream(IntEnum):
    """The purposes of random numbers outside a network."""

    ENVIRONMENT = PYTHON_STREAMS
    TIES = PYTHON_STREAMS + 1
    EXPLORATION = PYTHON_STREAMS + 2


MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
S5, S6, S26 = np.uint64(5), np.uint64(6), np.uint64(26)
TURN = 6.283185307179586

Word = int | np.int64


@part
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Run ten rounds of Philox4x32; all words are 32 bits in 64."""
    for _ in range(10):
        p0, p1 = MULTIPLIER_0 * c0, MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + WEYL_0) & LOW, (k1 + WEYL_1) & LOW
    return c0, c1, c2, c3


@part
def fraction(high: np.uint64, low: np.uint64) -> float:
    """Return a number in [0, 1) of 53 bits."""
    return np.float64(((high >> S5) << S26) | (low >> S6)) * (1.0 / 9007199254740992.0)


@part
def block(
    k0: Word, k1: Word, element: int, step: int, stream: int
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the four words of these coordinates; words of a key may be signed integers."""
    t = np.uint64(step)
    return philox(
        t & LOW,
        np.uint64(element) & LOW,
        np.uint64(stream) & LOW,
        t >> HALF,
        np.uint64(k0) & LOW,
        np.uint64(k1) & LOW,
    )


@part
def uniform(k0: Word, k1: Word, element: int, step: int, stream: int) -> float:
    """Return one uniform number."""
    w0, w1, _, _ = block(k0, k1, element, step, stream)
    return float(fraction(w0, w1))


@part
def normal(k0: Word, k1: Word, element: int, step: int, stream: int) -> float:
    """Return one standard normal number."""
    w0, w1, w2, w3 = block(k0, k1, element, step, stream)
    # 1 − u is in (0, 1], so the logarithm is finite.
    return float(np.sqrt(-2.0 * np.log(1.0 - fraction(w0, w1))) * np.cos(TURN * fraction(w2, w3)))


@kernel
def _fill(seeds: SeedArray, stream: int, step: int, out: FloatArray) -> None:
    for episode in range(out.shape[0]):
        k0, k1 = np.int64(seeds[episode] & LOW), np.int64(seeds[episode] >> HALF)
        for element in range(out.shape[1]):
            out[episode, element] = uniform(k0, k1, element, step, stream)


def uniforms(seeds: SeedArray, stream: int, step: int, n: int = 1) -> FloatArray:
    """Draw uniform numbers for the Python side of a closed loop: the environment's noise, ties.

    Row l, column e is what ``episode_uniform`` gives element e of the episode inside Brian2.

    Args:
        seeds: (n_episodes,) of the episodes.
        stream: in [0, 2³²), what the numbers are for; from ``PYTHON_STREAMS`` on, they are no
            model's.
        step: in [0, 2⁶³), time step or decision.
        n: numbers for each episode.

    Returns:
        (n_episodes, n) in [0, 1); a wider request starts the same.
    """
    out = np.empty((seeds.shape[0], n))
    _fill(seeds, stream, step, out)
    return out
