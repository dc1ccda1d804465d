"""Ask and tell of four search algorithms: candidates from x, and the next x from their fitness.

A candidate is made again each time it is needed. What it differs by from x comes from a xorshift
generator that begins at ``word(run, NOISE, g, pair)`` and is advanced once for each coordinate:

    s = sum of the four bytes of its word - 510          mean 0, standard deviation 147.8
    e = (sigma s + 128) >> 8

evolution   2 P candidates: 2 i is clip(x + e_i), 2 i + 1 is clip(x - e_i), for pairs i < P.
one_plus_one, annealing   2 candidates: 0 is x itself, evaluated again, 1 is clip(x + e_0).
spsa        2 candidates clip(x + e_0), clip(x - e_0) with e = c or -c, c = (148 sigma + 128) >> 8:
            -c where the word's highest bit is 1.

clip is to [0, 65535]. Fitness is a sum of merits in Q7 below 2^22, so its differences times 256 fit
a word. Populations have up to 64 candidates, for which 205 m fits one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from support.on_chip_reference.words import ACCEPT, NOISE, Xorshift, i32, u32, word

Algorithm = Literal["evolution", "one_plus_one", "spsa", "annealing"]

MAX_X = 65535
MAX_FITNESS = 1 << 22
MAX_SIGMA, MIN_SIGMA = 1 << 15, 16


@dataclass(frozen=True)
class Constants:
    """What the host writes before a search.

    Attributes:
        n_pairs: P of the evolution strategy, 1 elsewhere.
        sigma: at first, in 256 / 147.8 coordinates; up to 32768.
        alpha: factor on a step at first, up to 65535, and in evolution as large that (m >> 4) alpha
            fits a word, for 64 candidates 3329; of annealing the temperature at first, in merits
            Q7, up to 65535; unused by one_plus_one.
        halve_every: generations after which sigma and alpha are halved (rounded down, sigma no
            further than to 16); 0 for never. one_plus_one adapts sigma and halves nothing.
        shift: of differences of fitness in spsa, which makes them 15 bits wide; the host writes 7.
    """

    algorithm: Algorithm
    n_pairs: int
    sigma: int
    alpha: int
    halve_every: int
    shift: int = 0


@dataclass(frozen=True)
class State:
    """What is kept from one generation to the next.

    Attributes:
        g: generations that are done.
        x: coordinates, the point to deploy.
        m: momentum of the evolution strategy, 0 elsewhere.
        sigma: present one.
        alpha: present one.
    """

    g: int
    x: tuple[int, ...]
    m: tuple[int, ...]
    sigma: int
    alpha: int


def first_state(constants: Constants, x: Sequence[int]) -> State:
    """Return the state before the first generation, from the host's x."""
    return State(0, tuple(x), (0,) * len(x), constants.sigma, constants.alpha)


def clip(x: int) -> int:
    """Return the nearest coordinate."""
    return min(max(x, 0), MAX_X)


def noise(run: int, g: int, pair: int, n_dim: int) -> list[int]:
    """Return s for each coordinate, -510 to 510."""
    generator = Xorshift(word(run, NOISE, g, pair))
    return [sum(generator.next().to_bytes(4, "big")) - 510 for _ in range(n_dim)]


def signs(run: int, g: int, n_dim: int) -> list[int]:
    """Return the signs of SPSA's perturbation."""
    generator = Xorshift(word(run, NOISE, g, 0))
    return [-1 if generator.next() >> 31 else 1 for _ in range(n_dim)]


def width(state: State) -> int:
    """Return c, SPSA's distance."""
    return (148 * state.sigma + 128) >> 8


def ask(constants: Constants, run: int, state: State) -> list[list[int]]:
    """Return the candidates of the next generation."""
    x, n_dim, candidates = state.x, len(state.x), []
    if constants.algorithm == "spsa":
        c = width(state)
        away = [sign * c for sign in signs(run, state.g, n_dim)]
        return [[clip(a + e * f) for a, e in zip(x, away, strict=True)] for f in (1, -1)]
    if constants.algorithm != "evolution":
        candidates.append(list(x))
    for pair in range(constants.n_pairs):
        away = [(i32(state.sigma * s) + 128) >> 8 for s in noise(run, state.g, pair, n_dim)]
        candidates.append([clip(a + e) for a, e in zip(x, away, strict=True)])
        if constants.algorithm == "evolution":
            candidates.append([clip(a - e) for a, e in zip(x, away, strict=True)])
    return candidates


def tell(constants: Constants, run: int, state: State, fitness: Sequence[int]) -> State:
    """Return the state after a generation whose candidates had this fitness."""
    assert all(0 <= f < MAX_FITNESS for f in fitness)
    rule = {"evolution": _evolution, "spsa": _spsa, "one_plus_one": _one_plus_one}
    moved = rule.get(constants.algorithm, _annealing)(constants, run, state, fitness)
    moved = replace(moved, g=state.g + 1)
    every = constants.halve_every
    if constants.algorithm == "one_plus_one" or not every or moved.g % every:
        return moved
    return replace(moved, sigma=max(moved.sigma >> 1, MIN_SIGMA), alpha=moved.alpha >> 1)


def centred_ranks(fitness: Sequence[int]) -> list[int]:
    """Return how many candidates are worse less how many are better, ties neither."""
    return [sum((f > other) - (f < other) for other in fitness) for f in fitness]


def _evolution(constants: Constants, run: int, state: State, fitness: Sequence[int]) -> State:
    """Follow the sum of noise weighted by ranks, with momentum 205 / 256.

    G_j = sum over pairs of (u+ - u-) s_j; m <- (205 m + 128 >> 8) + G; x <- clip(x + step), step =
    ((m + 8 >> 4) alpha + 128) >> 8.
    """
    u, n_dim = centred_ranks(fitness), len(state.x)
    slope = [0] * n_dim
    for pair in range(constants.n_pairs):
        weight = u[2 * pair] - u[2 * pair + 1]
        drawn = noise(run, state.g, pair, n_dim)
        slope = [i32(total + weight * s) for total, s in zip(slope, drawn, strict=True)]
    m = [i32(((i32(205 * m) + 128) >> 8) + g) for m, g in zip(state.m, slope, strict=True)]
    steps = [(i32(((m + 8) >> 4) * state.alpha) + 128) >> 8 for m in m]
    x = [clip(x + step) for x, step in zip(state.x, steps, strict=True)]
    return replace(state, x=tuple(x), m=tuple(m))


def _spsa(constants: Constants, run: int, state: State, fitness: Sequence[int]) -> State:
    """Step along the perturbation by the difference of fitness, at most by its own length.

    step = clip((D alpha + 128) >> 8, -c, c), D = (F+ - F- + half) >> shift; Spall 1992.
    """
    half = (1 << constants.shift) >> 1
    difference = (fitness[0] - fitness[1] + half) >> constants.shift
    c = width(state)
    step = min(max((i32(difference * state.alpha) + 128) >> 8, -c), c)
    drawn = signs(run, state.g, len(state.x))
    return replace(
        state, x=tuple(clip(x + sign * step) for x, sign in zip(state.x, drawn, strict=True))
    )


def _one_plus_one(constants: Constants, run: int, state: State, fitness: Sequence[int]) -> State:
    """Keep the child if it is better; sigma grows by 3/2 then, else it shrinks by 231/256.

    That is the 1/5 rule: 1.5 · 0.9023^4 = 0.994 (Rechenberg 1973).
    """
    if fitness[1] > fitness[0]:
        child = ask(constants, run, state)[1]
        sigma = min((u32(384 * state.sigma) + 128) >> 8, MAX_SIGMA)
        return replace(state, x=tuple(child), sigma=sigma)
    return replace(state, sigma=max((231 * state.sigma + 128) >> 8, MIN_SIGMA))


def _annealing(constants: Constants, run: int, state: State, fitness: Sequence[int]) -> State:
    """Take the child if 256 (F1 - F0) + T E > 0, with E exponentially distributed, in Q8.

    E = 256 (z + 1) - f for a word w = 2^(31 - z) (1 + f / 256), f rounded down, which is -log2(w /
    2^32) with a straight line between powers of two. So a child that is worse by T merits is taken
    with probability 1/2 about (Metropolis et al. 1953, with base 2).
    """
    w = word(run, ACCEPT, state.g, 0)
    z = 32 - w.bit_length()
    f = ((w << z & 0x7FFFFFFF) >> 23) & 0xFF
    e_q8 = 256 * (z + 1) - f
    if i32(256 * (fitness[1] - fitness[0]) + u32(state.alpha * e_q8)) > 0:
        return replace(state, x=tuple(ask(constants, run, state)[1]))
    return state
