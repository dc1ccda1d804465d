"""Exact expected returns with two Bernoulli arms, for policies that depend on counts only.

Such a policy is a function ``choose(n0, n1)`` of how often arm 0 and arm 1 were pulled. It returns
(n0 + 1, n1 + 1) probabilities to pull arm 0 next, for each number of successes of either arm. The
pulls of an episode lead from counts to counts, and there are few enough counts to visit them all.

It is enough to do so once for all tasks. Let L be the law of the counts if the chances p0 and p1
were themselves drawn from U[0, 1]. The probability of any one history with these counts is
∫ p^s (1 − p)^(n − s) dp = 1 / [(n + 1) C(n, s)] for either arm, times the policy's factor, which
does not depend on the chances. So the law for given chances is

    L(counts) · Π_arms (n + 1) C(n, s) p^s (1 − p)^(n − s),

a sum of positive terms of moderate size, in which no precision is lost by cancellation.
"""

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import product
from spikeloop.tasks.references.bandit_indices import chance_mean, ucb1

CountPolicy = Callable[[int, int], FloatArray]

MAX_STEPS = 200
"""Pulls up to which four policies take about ten seconds, and a stored one less than 100 MB."""


def successes(n_pulls: int) -> FloatArray:
    """Return (n_pulls + 1,) possible numbers of successes."""
    return np.arange(n_pulls + 1, dtype=np.float64)


def final_counts(choose: CountPolicy, n_steps: int) -> list[FloatArray]:
    """Return the law of the counts after ``n_steps`` pulls of arms with chances from U[0, 1].

    Returns:
        For n0 = 0 … n_steps pulls of arm 0 the (n0 + 1, n_steps − n0 + 1) probabilities of the
        numbers of successes; together they sum to 1.
    """
    law = [np.ones((1, 1))]
    for step in range(n_steps):
        after = [np.zeros((n0 + 1, step + 2 - n0)) for n0 in range(step + 2)]
        for n0, now in enumerate(law):
            n1 = step - n0
            first = now * choose(n0, n1)
            second = now - first
            won = first * chance_mean(successes(n0), n0)[:, None]
            after[n0 + 1][1:] += won
            after[n0 + 1][:-1] += first - won
            won = second * chance_mean(successes(n1), n1)
            after[n0][:, 1:] += won
            after[n0][:, :-1] += second - won
        law = after
    return law


def expected_return(choose: CountPolicy, mean: FloatArray, n_steps: int) -> FloatArray:
    """Return (n_tasks,) expected numbers of successes of both arms together.

    Args:
        choose: the policy.
        mean: (n_tasks, 2) chances of the arms.
        n_steps: pulls of an episode.
    """
    won, lost = powers(mean, n_steps), powers(1.0 - mean, n_steps)

    def weight(arm: int, n: int) -> FloatArray:
        ways = np.array([(n + 1) * comb(n, s) for s in range(n + 1)], dtype=np.float64)
        likelihood: FloatArray = ways * won[:, arm, : n + 1] * lost[:, arm, n::-1]
        return likelihood

    total = np.zeros(len(mean))
    for n0, law in enumerate(final_counts(choose, n_steps)):
        n1 = n_steps - n0
        paid = law * (successes(n0)[:, None] + successes(n1))
        total += (product(weight(0, n0), paid) * weight(1, n1)).sum(axis=1)
    return total


def powers(base: FloatArray, n: int) -> FloatArray:
    """Return (*base.shape, n + 1) powers 0 to n, by repeated multiplication."""
    factors = np.ones((*base.shape, n + 1))
    factors[..., 1:] = base[..., None]
    return np.multiply.accumulate(factors, axis=-1)


def count_policies() -> dict[str, CountPolicy]:
    """Return the policies of ``bernoulli_policies``, by the same names."""
    return {
        "UCB1": larger(ucb1),
        "Thompson": thompson,
        "greedy posterior mean": larger(lambda total, pulls, step: chance_mean(total, pulls)),
    }


def larger(index: Callable[[FloatArray, float, int], FloatArray]) -> CountPolicy:
    """Return the policy that pulls the arm with the larger index, either with 1/2 if equal."""

    def choose(n0: int, n1: int) -> FloatArray:
        first = index(successes(n0), n0, n0 + n1)[:, None]
        second = index(successes(n1), n1, n0 + n1)
        # Infinite indices have no difference, so their order is asked twice.
        return ((first > second) * 0.5) + ((first >= second) * 0.5)

    return choose


def thompson(n0: int, n1: int) -> FloatArray:
    """Pull an arm as often as it is the better one under the posterior (Thompson 1933).

    With x0 ~ Beta(s0 + 1, n0 − s0 + 1), x1 accordingly, and n = n0 + n1,

        P(x0 > x1) = (n1 + 1) / (n + 2) · Σ_{i ≤ s0} C(n0 + 1, i) C(n1, s1) / C(n + 1, i + s1),

    which follows from Cook 2005 ("Exact calculation of Beta inequalities"), where one more success
    or failure of either arm changes the probability by a known fraction.
    """
    own = binomials(n0 + 1)[:-1, None] * binomials(n1)
    # Row i holds C(n + 1, i + s1) for every s1.
    both = sliding_window_view(binomials(n0 + n1 + 1), n1 + 1)[: n0 + 1]
    probability: FloatArray = np.cumsum(own / both, axis=0) * ((n1 + 1) / (n0 + n1 + 2))
    return np.minimum(probability, 1.0)


def binomials(n: int) -> FloatArray:
    """Return (n + 1,) the n-th row of Pascal's triangle."""
    return np.array([comb(n, k) for k in range(n + 1)], dtype=np.float64)
