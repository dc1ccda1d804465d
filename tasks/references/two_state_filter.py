"""Guesses of a hidden state out of two, from trials that favour the true state more often than not.

In trial t the state is ``good[t]``, 0 or 1. After the guess the trial favours one of the states:
the true one with probability ``agrees``, whatever was guessed. Between trials the state changes
with probability ``reversal``. A correct guess earns ``pays`` on average, a wrong one 1 − ``pays``.

Shapes: good (n_tasks, n_trials); returns (n_tasks,).
"""

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.references.simulation import MAX_EPISODES

MAX_GUESSES = 2**24
"""Limit of the guesses of all episodes, about a second; each task gets at least one episode."""
TIE = 1e-9
"""Beliefs closer to 1/2 than this differ from it by rounding only; either guess is best then."""


def last_return(good: IntArray, agrees: float, pays: float) -> FloatArray:
    """Return exact expected returns of guessing the state that the last trial favoured.

    The first guess is random. A later one is correct with probability ``agrees`` if the state has
    not changed since the last trial, else with 1 − ``agrees``.
    """
    right = np.full(good.shape, 0.5)
    right[:, 1:] = np.where(good[:, 1:] == good[:, :-1], agrees, 1.0 - agrees)
    total: FloatArray = (1.0 - pays + (2.0 * pays - 1.0) * right).sum(axis=1)
    return total


def filtered_return(
    good: IntArray, agrees: float, reversal: float, pays: float, rng: np.random.Generator
) -> FloatArray:
    """Estimate expected returns of guessing the more probable state after all trials.

    With b the belief that the state is 1, and s the state that the trial favoured,

        b ← b P(s | 1) / [b P(s | 1) + (1 − b) P(s | 0)],   b ← b + reversal · (1 − 2 b),

    from b = 1/2 on (Bayes' rule for a hidden Markov chain of two states). The reward of a guess is
    averaged over, so that only the evidence of the trials is random.
    """
    n_tasks, n_trials = good.shape
    n_episodes = int(np.clip(MAX_GUESSES // max(good.size, 1), 1, MAX_EPISODES))
    belief = np.full((n_tasks, n_episodes), 0.5)
    total = np.zeros((n_tasks, n_episodes))
    for trial in range(n_trials):
        state = good[:, trial, None]
        right = np.where(np.abs(belief - 0.5) < TIE, 0.5, (belief > 0.5) == (state == 1))
        total += 1.0 - pays + (2.0 * pays - 1.0) * right
        says_1 = (rng.random(belief.shape) < agrees) == (state == 1)
        belief = updated(belief, says_1, agrees, reversal)
    mean: FloatArray = total.mean(axis=1)
    return mean


def updated(belief: FloatArray, says_1: np.ndarray, agrees: float, reversal: float) -> FloatArray:
    """Return beliefs in state 1 at the next trial, after this one favoured state 1 or state 0."""
    if_1 = belief * np.where(says_1, agrees, 1.0 - agrees)
    if_0 = (1.0 - belief) * np.where(says_1, 1.0 - agrees, agrees)
    # Certain beliefs that are contradicted are impossible but for rounding: begin anew.
    both = if_1 + if_0
    after = np.divide(if_1, both, out=np.full_like(both, 0.5), where=both > 0)
    moved: FloatArray = after + reversal * (1.0 - 2.0 * after)
    return moved
