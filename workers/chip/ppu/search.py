"""A search on the plasticity processor: candidates from x, and the next x from their fitness.

All is in 32-bit integers. A hyperparameter is a coordinate x in [0, 65535]. What a candidate
differs by from x is drawn from counters again whenever it is needed, so that only x, one more word
for each coordinate and a word of fitness for each candidate are kept:

    s = sum of the four bytes of a word − 510;  e = σ s / 256

with s of mean 0 and standard deviation 147.8. Right shifts of negative numbers round half up, since
rounding down would make x drift.

    evolution     pairs clip(x ± e_i); u_i = #{F_k < F_i} − #{F_k > F_i}, which are centred ranks
                  times 2 (n − 1); G_j = Σ_i (u_i⁺ − u_i⁻) s_ij; m ← 205/256 m + G; x ← clip(x +
                  α m / 4096)  (Salimans et al. 2017, arXiv 1703.03864)
    one_plus_one  x and clip(x + e), which takes its place if it is better; σ grows by 3/2 then, and
                  else shrinks by 231/256: the rule of one success in five (Rechenberg 1973)
    spsa          clip(x ± c Δ), Δ random signs; a step along Δ by the difference of fitness, at
                  most c (Spall 1992)
    annealing     x and clip(x + e), which takes its place if F_1 − F_0 > T log2(w / 2³²) for a
                  random word w, the logarithm by straight lines between powers of two

The point to deploy is x, in each of them: the best candidate owes its place to noise. What x is
compared with meets the same new tasks as x.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import IntArray
from spikeloop.workers.chip.ppu.search_memory import (
    ANNEALING,
    EVOLUTION,
    MAX_FITNESS,
    MAX_SIGMA,
    MAX_X,
    MIN_SIGMA,
    MOMENTUM,
    ONE_PLUS_ONE,
    SPSA,
    SearchConstants,
    SearchMemory,
    n_candidates,
)
from spikeloop.workers.chip.ppu.words import For, next_word, word
from spikeloop.workers.kernels import emulator_kernel, part

NOISE, ACCEPT = int(For.NOISE), int(For.ACCEPT)


@part
def clip(x: int) -> int:
    """Return the nearest coordinate."""
    return min(max(x, 0), MAX_X)


@part
def halves_up(x: int, bits: int) -> int:
    """Return a signed word over a power of two, rounded half up."""
    return (x + ((1 << bits) >> 1)) >> bits


@part
def noise(drawn: int) -> int:
    """Return s of a word."""
    return (drawn >> 24) + (drawn >> 16 & 255) + (drawn >> 8 & 255) + (drawn & 255) - 510


@part
def distance(sigma: int) -> int:
    """Return c, the distance of SPSA's candidates."""
    return halves_up(148 * sigma, 8)


@part
def displacement(algorithm: int, drawn: int, sigma: int) -> int:
    """Return by how much a coordinate of a candidate differs from x, from a word."""
    if algorithm == SPSA:
        return -distance(sigma) if drawn >> 31 else distance(sigma)
    return halves_up(sigma * noise(drawn), 8)


@emulator_kernel
def ask(
    constants: SearchConstants, run: int, g: int, memory: SearchMemory, candidates: IntArray
) -> None:
    """Make the candidates of generation ``g``, (n_candidates, n_dim)."""
    algorithm, x, sigma = constants.algorithm_u8, memory.x_u16, memory.rates_u16[0]
    for pair in range(constants.n_pairs_u8):
        drawn = word(run, NOISE, g, pair)
        for j in range(x.size):
            drawn = next_word(drawn)
            away = displacement(algorithm, drawn, sigma)
            if algorithm in (EVOLUTION, SPSA):
                candidates[2 * pair, j] = clip(x[j] + away)
                candidates[2 * pair + 1, j] = clip(x[j] - away)
            else:
                candidates[0, j] = x[j]
                candidates[1, j] = clip(x[j] + away)


@emulator_kernel
def tell(
    constants: SearchConstants, run: int, g: int, memory: SearchMemory, fitness: IntArray
) -> None:
    """Move x by the (n_candidates,) fitness of generation ``g``; halve σ and α if it is time."""
    algorithm, rates = constants.algorithm_u8, memory.rates_u16
    if algorithm == EVOLUTION:
        follow_ranks(constants.n_pairs_u8, run, g, memory, fitness)
    elif algorithm == SPSA:
        follow_difference(constants.shift_u8, run, g, memory, fitness)
    elif algorithm == ANNEALING:
        logarithm_q8 = exponential_q8(word(run, ACCEPT, g, 0))
        if 256 * (fitness[1] - fitness[0]) + rates[1] * logarithm_q8 > 0:
            take_child(run, g, memory)
    elif fitness[1] > fitness[0]:
        take_child(run, g, memory)
        rates[0] = min(halves_up(384 * rates[0], 8), MAX_SIGMA)
    else:
        rates[0] = max(halves_up(231 * rates[0], 8), MIN_SIGMA)
    every = constants.halve_every_u16
    if algorithm != ONE_PLUS_ONE and every > 0 and (g + 1) % every == 0:
        rates[0], rates[1] = max(rates[0] >> 1, MIN_SIGMA), rates[1] >> 1


@part
def follow_ranks(n_pairs: int, run: int, g: int, memory: SearchMemory, fitness: IntArray) -> None:
    """Make a step of the evolution strategy; the new momentum is summed up in place."""
    x, m = memory.x_u16, memory.m_i32
    for j in range(x.size):
        m[j] = halves_up(MOMENTUM * m[j], 8)
    for pair in range(n_pairs):
        weight = rank(fitness, 2 * pair) - rank(fitness, 2 * pair + 1)
        drawn = word(run, NOISE, g, pair)
        for j in range(x.size):
            drawn = next_word(drawn)
            m[j] += weight * noise(drawn)
    for j in range(x.size):
        x[j] = clip(x[j] + halves_up(halves_up(m[j], 4) * memory.rates_u16[1], 8))


@part
def rank(fitness: IntArray, i: int) -> int:
    """Return how many candidates are worse less how many are better than one."""
    found = 0
    for other in fitness:
        found += int(fitness[i] > other) - int(fitness[i] < other)
    return found


@part
def follow_difference(
    shift: int, run: int, g: int, memory: SearchMemory, fitness: IntArray
) -> None:
    """Make a step of SPSA."""
    x, c = memory.x_u16, distance(memory.rates_u16[0])
    difference = halves_up(fitness[0] - fitness[1], shift)
    step = min(max(halves_up(difference * memory.rates_u16[1], 8), -c), c)
    drawn = word(run, NOISE, g, 0)
    for j in range(x.size):
        drawn = next_word(drawn)
        x[j] = clip(x[j] - step if drawn >> 31 else x[j] + step)


@part
def take_child(run: int, g: int, memory: SearchMemory) -> None:
    """Move x to the second candidate."""
    drawn = word(run, NOISE, g, 0)
    for j in range(memory.x_u16.size):
        drawn = next_word(drawn)
        x = memory.x_u16[j]
        memory.x_u16[j] = clip(x + displacement(ANNEALING, drawn, memory.rates_u16[0]))


@part
def exponential_q8(w: int) -> int:
    """Return −log2(w / 2³²) of a word in Q8, by straight lines between powers of two.

    For w = 2^(31 − z) (1 + f / 256) it is 256 (z + 1) − f, with f rounded down.
    """
    z = 0
    while w < 1 << 31:
        w <<= 1
        z += 1
    return 256 * (z + 1) - (w >> 23 & 255)


def candidates(
    constants: SearchConstants, run: int, g: int, memory: SearchMemory
) -> NDArray[np.int64]:
    """Return (n_candidates, n_dim) the candidates of generation ``g``, from 0."""
    found = np.empty((n_candidates(constants), memory.x_u16.size), dtype=np.int64)
    ask(constants, run, g, memory, found)
    return found


def after(
    constants: SearchConstants, run: int, g: int, memory: SearchMemory, fitness: IntArray
) -> SearchMemory:
    """Return the memory after generation ``g``, whose candidates had this (n_candidates,) fitness.

    Raises:
        ValueError: a fitness is not in [0, 2²²).
    """
    if fitness.min() < 0 or fitness.max() >= MAX_FITNESS:
        raise ValueError(
            f"fitness must be in [0, {MAX_FITNESS}), got {fitness.min()} to {fitness.max()}"
        )
    copied = SearchMemory(*(array.copy() for array in memory))
    tell(constants, run, g, copied, fitness)
    return copied
