"""Compute how many tasks and candidates each round of a race has, before anything is evaluated."""

from collections.abc import Sequence
from itertools import pairwise


def generation_edges(n_tasks: int, share: float) -> list[int]:
    """The tasks up to which the rounds of a generation go: a rounded share of them, then all."""
    first = max(1, round(share * n_tasks))
    return [first, n_tasks] if first < n_tasks else [n_tasks]


def halving_edges(n_candidates: int, n_tasks: int) -> list[int]:
    """The tasks up to which the rounds of sequential halving go.

    Of a budget of B = ``n_candidates`` · ``n_tasks`` episodes each of the ⌈log₂ n_candidates⌉
    rounds gets the same part; with s candidates left, a round has ⌊B / (s · rounds)⌋ further tasks.

    Args:
        n_candidates: 2 or more, of which one will be left.
        n_tasks: per candidate on average; at least the number of rounds.
    """
    n_rounds = n_halvings(n_candidates)
    edges, left = [0], n_candidates
    for _ in range(n_rounds):
        edges.append(edges[-1] + n_candidates * n_tasks // (left * n_rounds))
        left = half(left)
    return edges[1:]


def n_halvings(n_candidates: int) -> int:
    """The rounds until one of so many candidates is left, ⌈log₂ n⌉."""
    return (n_candidates - 1).bit_length()


def n_episodes(n_candidates: int, edges: Sequence[int]) -> int:
    """The exact number of episodes of a race."""
    total, left = 0, n_candidates
    for start, stop in pairwise((0, *edges)):
        total += left * (stop - start)
        left = half(left)
    return total


def half(n: int) -> int:
    """The size of the better half of ``n`` candidates, ⌈n / 2⌉, which stays in a race."""
    return -(-n // 2)
