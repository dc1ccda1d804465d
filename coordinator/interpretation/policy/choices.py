"""Choices in two-armed bandits with rewards 0 and 1: what models of behaviour are fitted to."""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray


@dataclass(frozen=True)
class Choices:
    """Episodes of choices.

    Attributes:
        arms: (n_episodes, n_steps) the pulled arm, 0 or 1.
        rewards: (n_episodes, n_steps) what it paid, 0 or 1.
    """

    arms: IntArray
    rewards: FloatArray

    @property
    def n_episodes(self) -> int:
        """The number of episodes."""
        return len(self.arms)

    @property
    def n_steps(self) -> int:
        """The number of pulls of an episode."""
        return int(self.arms.shape[1])

    def __getitem__(self, episodes: "slice | np.ndarray") -> "Choices":
        """Give some of the episodes."""
        return Choices(self.arms[episodes], self.rewards[episodes])

    def repeated(self, n: int) -> "Choices":
        """Give all episodes n times, one after the other."""
        return Choices(np.tile(self.arms, (n, 1)), np.tile(self.rewards, (n, 1)))

    def stays(self) -> np.ndarray:
        """Tell which pulls repeat the one before, (n_episodes, n_steps − 1)."""
        repeated: np.ndarray = self.arms[:, 1:] == self.arms[:, :-1]
        return repeated
