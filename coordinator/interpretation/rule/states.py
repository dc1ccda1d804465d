"""States that a learning rule visits, as rows of a regression: terms, and the change of a value.

A row is one action's value at one update. Its terms are those of the program ``formula``
(``workers.plasticity.formula``), once for the chosen action and once for the others: 28 columns, of
which those of the other kind are 0.
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.plasticity.formula import TERMS, Term
from spikeloop.workers.plasticity.replay import Replayed

N_TERMS = len(TERMS)
COLUMNS: tuple[tuple[str, Term], ...] = tuple(
    (who, term) for who in ("chosen", "other") for term in TERMS
)
"""What the columns stand for, in their order."""


@dataclass(frozen=True)
class States:
    """States of some episodes.

    Attributes:
        own, others, time, reward: (n_episodes, n_rows) numbers of the terms.
        chosen: (n_episodes, n_rows) whether the row's action was chosen.
        change: (n_episodes, n_rows) changes of its value.
    """

    own: FloatArray
    others: FloatArray
    time: FloatArray
    reward: FloatArray
    chosen: FloatArray
    change: FloatArray

    @property
    def n_episodes(self) -> int:
        """Number of episodes."""
        return len(self.own)

    def correlation(self) -> float:
        """Correlate own values with the others' mean; 0 if one of them never changes."""
        own, others = self.own.ravel(), self.others.ravel()
        if min(np.ptp(own), np.ptp(others)) == 0:
            return 0.0
        return float(np.corrcoef(own, others)[0, 1])

    def design(self) -> FloatArray:
        """Compute the terms, (n_episodes, n_rows, 28)."""
        letters = {"r": self.reward, "w": self.own, "o": self.others, "t": self.time}
        terms = np.empty((*self.own.shape, N_TERMS))
        for place, term in enumerate(TERMS):
            factors = [letters[letter] for letter in term.split("*") if letter != "1"]
            terms[..., place] = np.prod(factors, axis=0) if factors else 1.0
        chosen = self.chosen[..., None]
        return np.concatenate([terms * chosen, terms * (1.0 - chosen)], axis=-1)


def states_of(replayed: Replayed, actions: IntArray, rewards: FloatArray) -> States:
    """Take the states of replayed episodes; choices and rewards are (n_episodes, n_steps)."""
    value = replayed.value
    n_episodes, n_steps, n_actions = value.shape
    time = np.arange(n_steps)[:, None] / n_steps

    def rows(numbers: FloatArray) -> FloatArray:
        return np.broadcast_to(numbers, value.shape).reshape(n_episodes, -1).astype(np.float64)

    return States(
        own=rows(value),
        others=rows((value.sum(axis=2, keepdims=True) - value) / max(n_actions - 1, 1)),
        time=rows(time),
        reward=rows(rewards[..., None]),
        chosen=rows(actions[..., None] == np.arange(n_actions)),
        change=rows(replayed.change),
    )
