"""Models without values: chance, and staying after a reward but not after none."""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.policy.model import Link, Memory
from spikeloop.tasks.base import FloatArray, IntArray


@dataclass(frozen=True)
class Random:
    """Each arm with the same probability in every pull, the reference of all others."""

    name: str = "random"
    formula: str = "the same odds in every pull"
    link: Link = "logit"
    learning: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()

    def start(self, n_episodes: int) -> Memory:
        """Remember nothing."""
        return {}

    def features(self, memory: Memory) -> tuple[FloatArray, ...]:
        """Return none."""
        return ()

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Learn nothing."""
        return memory


@dataclass(frozen=True)
class WinStayLoseShift:
    """The last arm speaks for itself after a reward, for the other one after none.

    Robbins 1952 (Bull. Am. Math. Soc. 58:527), with a strength of its own for either.
    """

    name: str = "win-stay-lose-shift"
    formula: str = "log odds ± stay after a reward, ± shift after none"
    link: Link = "logit"
    learning: tuple[str, ...] = ()
    weights: tuple[str, ...] = ("stay", "shift")

    def start(self, n_episodes: int) -> Memory:
        """Return no last arm."""
        return {"won": np.zeros(n_episodes), "lost": np.zeros(n_episodes)}

    def features(self, memory: Memory) -> tuple[FloatArray, ...]:
        """Return ±1 for the arm that won last, and against the one that lost last; else 0."""
        return memory["won"], -memory["lost"]

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Remember the last arm and what it paid."""
        side = np.where(arm == 1, 1.0, -1.0)
        won = reward > 0
        return {"won": np.where(won, side, 0.0), "lost": np.where(won, 0.0, side)}
