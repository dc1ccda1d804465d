"""Bayes-optimal returns: the highest mean return over a family of two Bernoulli arms."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.references.bandit_exact import CountPolicy, successes
from spikeloop.tasks.references.bandit_indices import chance_mean

TIE = 1e-10
"""Values closer to each other differ by rounding only; either arm is best then."""


def best_choices(n_steps: int) -> CountPolicy:
    """Return the policy with the highest mean return for two independent arms of chances U[0, 1].

    One byte is stored for each of the C(n_steps + 3, 4) counts before a pull.
    """
    stored = [
        [(gain > TIE).astype(np.int8) - (gain < -TIE) for gain in gains]
        for gains in _gains_backward(n_steps)
    ]
    stored.reverse()

    def choose(n0: int, n1: int) -> FloatArray:
        return (1.0 + stored[n0 + n1][n0].astype(np.float64)) / 2.0

    return choose


def best_gains(n_steps: int) -> list[list[NDArray[np.float32]]]:
    """Return by how much arm 0 is worth more than arm 1 to the best policy, by step and counts.

    ``best_gains(n)[step][n0][s0, s1]`` is the expected return of pulling arm 0 now minus that of
    pulling arm 1 now, the best policy following, after n0 of ``step`` pulls went to arm 0.
    """
    stored = [[gain.astype(np.float32) for gain in gains] for gains in _gains_backward(n_steps)]
    stored.reverse()
    return stored


def _gains_backward(n_steps: int) -> Iterator[list[FloatArray]]:
    """Yield, from the last step to the first, by how much arm 0 is worth more, for each n0.

    Backward induction over the counts, whose posterior is Beta(s + 1, n − s + 1) for either arm
    (Bellman 1956, Sankhyā 16:221; Berry and Fristedt 1985, "Bandit problems"): with the chances
    m = (s + 1) / (n + 2) of a success and V = 0 after the last pull,

        V(counts) = max over arms of m · [1 + V(counts, success)] + (1 − m) · V(counts, failure).
    """
    value = [np.zeros((n0 + 1, n_steps - n0 + 1)) for n0 in range(n_steps + 1)]
    for step in reversed(range(n_steps)):
        gains: list[FloatArray] = []
        values: list[FloatArray] = []
        for n0 in range(step + 1):
            n1 = step - n0
            chance = chance_mean(successes(n0), n0)[:, None]
            won, lost = value[n0 + 1][1:], value[n0 + 1][:-1]
            first = chance * (1.0 + won - lost) + lost
            chance = chance_mean(successes(n1), n1)
            won, lost = value[n0][:, 1:], value[n0][:, :-1]
            second = chance * (1.0 + won - lost) + lost
            gains.append(first - second)
            values.append(np.maximum(first, second))
        value = values
        yield gains


def majority_return(mean: FloatArray, n_steps: int) -> FloatArray:
    """Return (n_tasks,) expected returns of the best policy for two arms with p1 = 1 − p0.

    A success of arm 0 has the same meaning as a failure of arm 1. So every pull gives the same
    information whichever arm it is, exploration gains nothing, and the best arm to pull is the one
    that most pulls have favoured, under every prior that prefers neither arm; either with 1/2 if
    they are equal. With p the chance of the better arm and q = 1 − p, the probability to pull it is
    r(0) = 1/2, r(2m) = r(2m − 1), and

        r(1) = p,   r(2m + 1) = r(2m − 1) + (p − q) · C(2m − 1, m) · (p q)^m.

    Args:
        mean: (n_tasks, 2) chances of the arms, which sum to 1.
        n_steps: pulls of an episode.
    """
    better, worse = mean.max(axis=1), mean.min(axis=1)
    right = np.full_like(better, 0.5)
    term = right.copy()
    total: FloatArray = np.zeros_like(better)
    for step in range(n_steps):
        if step % 2:
            m = (step - 1) // 2
            # term is C(2m − 1, m) · (p q)^m; its formal value at m = 0 is 1/2.
            right = right + (better - worse) * term
            term = term * better * worse * (2 * (2 * m + 1) / (m + 1))
        total += right * better + (1.0 - right) * worse
    return total
