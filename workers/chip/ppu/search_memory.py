"""What a search on the plasticity processor keeps, and what the host writes before it.

Kernels that compute with it are in ``search``; this file does without numba.
"""

from typing import Literal, NamedTuple

import numpy as np

from spikeloop.tasks.base import IntArray

Algorithm = Literal["evolution", "one_plus_one", "spsa", "annealing"]
ALGORITHMS: tuple[Algorithm, ...] = ("evolution", "one_plus_one", "spsa", "annealing")
EVOLUTION, ONE_PLUS_ONE, SPSA, ANNEALING = range(len(ALGORITHMS))

MAX_X = 65535
MAX_FITNESS = 1 << 22
"""So that 256 times a difference of fitness, with a temperature, fits a word."""
MAX_CANDIDATES = 64
"""For which 205 m fits a word."""
MIN_SIGMA, MAX_SIGMA = 16, 1 << 15
MAX_RATE = 65535

MAX_NOISE = 510
NOISE_DEVIATION = 147.8
"""Largest value and standard deviation, √(4 (256² − 1) / 12), of s."""
MOMENTUM = 205
"""Of 256."""
DIFFERENCE_SHIFT = 7
"""In SPSA: differences of fitness have 15 bits then, and are about rewards."""


class SearchConstants(NamedTuple):
    """What the host writes before a search, beside the first x and the seed.

    Attributes:
        algorithm_u8: index into ``ALGORITHMS``.
        n_pairs_u8: pairs of candidates; 1 but for evolution.
        halve_every_u16: generations after which σ and α (or the temperature) are halved, 0 for
            never; nothing is halved in one_plus_one.
        shift_u8: of a difference of fitness in SPSA.
    """

    algorithm_u8: int
    n_pairs_u8: int
    halve_every_u16: int
    shift_u8: int


class SearchMemory(NamedTuple):
    """What is kept from one generation to the next, all in int64 arrays here.

    Attributes:
        x_u16: (n_dim,) the point to deploy.
        m_i32: (n_dim,) momentum of evolution, 0 elsewhere.
        rates_u16: (2,) σ in 256 / 147.8 coordinates, and α, or the temperature in merits Q7.
    """

    x_u16: IntArray
    m_i32: IntArray
    rates_u16: IntArray


def max_step(population_size: int) -> int:
    """Return the largest α for which its product with the momentum's upper 28 bits fits a word."""
    largest_sum = population_size // 2 * 2 * (population_size - 1) * MAX_NOISE
    momentum = largest_sum * 256 // (256 - MOMENTUM)
    return min((1 << 31) // (momentum // 16 + 1), MAX_RATE)


def mailbox_bytes(n_dim: int, n_generations: int, rule_bytes: int) -> int:
    """Return the bytes of the mailbox that a search takes, as ``struct search`` of its C has them.

    Ten words (seed, sizes, constants, state), a word and a halfword for each coordinate, two words
    for each generation, of the sum and the largest of its fitness, and the constants of the rule.
    """
    return 10 * 4 + 6 * n_dim + 8 * n_generations + rule_bytes


def n_candidates(constants: SearchConstants) -> int:
    """Return the candidates of a generation."""
    return 2 * constants.n_pairs_u8


def new_memory(x: IntArray, sigma: int, alpha: int) -> SearchMemory:
    """Return the memory before the first generation."""
    return SearchMemory(x.copy(), np.zeros_like(x), np.array([sigma, alpha], dtype=np.int64))
