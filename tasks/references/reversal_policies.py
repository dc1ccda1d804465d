"""Bayes' rule for two arms that swap their chances at an unknown hazard."""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.references.simulation import Memory


@dataclass(frozen=True)
class ReversalFilter:
    """Pulls the arm that is more probably the better one, given all rewards.

    The belief is a joint probability of the hazard and of the better arm. A reward of an arm
    multiplies it by ``better`` where that arm is the better one and by 1 − ``better`` elsewhere, no
    reward the other way round; then the arms swap with each hazard.

    Attributes:
        better: chance that the better arm pays; the other pays with 1 − ``better``.
        hazards: chances of a swap after a pull, equally probable.
    """

    better: float
    hazards: tuple[float, ...]

    @property
    def size(self) -> int:
        """Return the numbers of one episode's belief."""
        return 2 * len(self.hazards)

    def start(self, n_episodes: int) -> Memory:
        """Return equal probabilities, ``belief`` (n_episodes, n_hazards, 2)."""
        return {"belief": np.full((n_episodes, len(self.hazards), 2), 0.5 / len(self.hazards))}

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return the probability of each arm; those that differ by rounding only are made equal."""
        probability: FloatArray = np.round(memory["belief"].sum(axis=1), 9)
        return probability

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Return the belief after a reward and the swap that may follow it."""
        favoured = np.where(reward > 0, arm, 1 - arm)[:, None] == np.arange(2)
        likelihood = np.where(favoured, self.better, 1.0 - self.better)
        belief = memory["belief"] * likelihood[:, None, :]
        swap = np.array(self.hazards)[:, None]
        belief = belief * (1.0 - swap) + belief[:, :, ::-1] * swap
        return {"belief": belief / belief.sum(axis=(1, 2), keepdims=True)}
