"""Random numbers inside the kernels: one xorshift lane per neuron for the membranes.

xorshift32 (Marsaglia 2003, "Xorshift RNGs", the triple 13, 17, 5) takes six operations on a vector
of neurons and has a period of 2³² − 1, of which an episode of 2000 decisions uses 10⁶ numbers.
Its output is uniform; the membrane's own integration makes the noise Gaussian (``analog_block``).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.kernels import part

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
S27, S30, S31 = np.uint64(27), np.uint64(30), np.uint64(31)
L5, L13, L17 = np.uint32(5), np.uint32(13), np.uint32(17)


@part
def splitmix64(counter: np.uint64) -> np.uint64:
    """Mix a counter into 64 random bits (Steele, Lea and Flood 2014)."""
    z = np.uint64(counter)
    z = np.uint64(z ^ (z >> S30)) * MIX_1
    z = np.uint64(z ^ (z >> S27)) * MIX_2
    return np.uint64(z ^ (z >> S31))


@part
def seed_words(seed: np.uint64, words: NDArray[np.uint32]) -> None:
    """Fill ``words`` with nonzero numbers that depend on ``seed`` alone."""
    counter = np.uint64(seed)
    for i in range(words.size):
        counter = np.uint64(counter + GOLDEN)
        words[i] = np.uint32(splitmix64(counter))
        if words[i] == 0:
            words[i] = np.uint32(1)


@part
def xorshift32(x: np.uint32) -> np.uint32:
    """Return the next number of a lane; it is never 0 if ``x`` is not."""
    x = np.uint32(x ^ np.uint32(x << L13))
    x = np.uint32(x ^ np.uint32(x >> L17))
    return np.uint32(x ^ np.uint32(x << L5))


@part
def xorshift32_each(x: Any) -> Any:
    """Return the next numbers of a vector of lanes (``simd``)."""
    x = x ^ (x << L13)
    x = x ^ (x >> L17)
    return x ^ (x << L5)
