"""What rewards say about chances that walk at random: Bayes' rule on a grid."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray

N_POINTS = 100
"""Of the grid on which beliefs about a chance are kept."""

Memory = Mapping[str, FloatArray]
"""What episodes remember: arrays whose first axis is n_episodes."""


@dataclass(frozen=True)
class WalkLaw:
    """How chances walk, at one of several volatilities, and what is believed about them.

    Beliefs about every walk are kept on a grid of [0, 1], for each volatility as if it were the
    episode's, and so is the probability of each volatility. A reward multiplies the belief about
    the chance of the arm that was pulled with that chance, no reward with 1 minus it, and the
    probability of a volatility with what it expected of that; a step of the walk is a matrix.

    Attributes:
        n_walks: independent walks.
        mirrored: there are two arms, and the chance of the second is 1 minus that of the first.
        volatilities: standard deviations of a step, equally probable.
    """

    n_walks: int
    mirrored: bool
    volatilities: tuple[float, ...]

    @property
    def size(self) -> int:
        """Numbers of one episode's beliefs."""
        return len(self.volatilities) * self.n_walks * N_POINTS

    def start(self, n_episodes: int) -> Memory:
        """All chances U[0, 1], all volatilities alike.

        Returns:
            ``belief`` (n_episodes, n_volatilities, n_walks, N_POINTS), each sums to 1, and
            ``probability`` (n_episodes, n_volatilities).
        """
        n_volatilities = len(self.volatilities)
        return {
            "belief": np.full((n_episodes, n_volatilities, self.n_walks, N_POINTS), 1 / N_POINTS),
            "probability": np.full((n_episodes, n_volatilities), 1 / n_volatilities),
        }

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """After a pull and the step that all walks take then."""
        belief, probability = memory["belief"].copy(), memory["probability"]
        # A success of the second of mirrored arms is a failure of the first.
        success = (reward > 0) ^ (arm > 0) if self.mirrored else reward > 0
        walk = np.zeros_like(arm) if self.mirrored else arm
        likelihood = np.where(success[:, None], points(), 1.0 - points())
        episode = np.arange(len(arm))
        joint = belief[episode, :, walk] * likelihood[:, None, :]
        evidence = joint.sum(axis=2)
        belief[episode, :, walk] = joint / evidence[:, :, None]
        for k, volatility in enumerate(self.volatilities):
            belief[:, k] = belief[:, k] @ moves(volatility)
        weight = probability * evidence
        return {"belief": belief, "probability": weight / weight.sum(axis=1, keepdims=True)}


def points() -> FloatArray:
    """(N_POINTS,) middles of equal parts of [0, 1]."""
    middles: FloatArray = (np.arange(N_POINTS) + 0.5) / N_POINTS
    return middles


def moves(volatility: float) -> FloatArray:
    """(N_POINTS, N_POINTS) probabilities of a reflected Gaussian step from each point to each.

    Its density at y is the sum of those at y and at all its mirror images, 2 k ± y. Steps much
    smaller than the grid's are not seen: the chance then stays where it is.
    """
    x = points()
    mirrors = 2 * np.arange(-int(4 * volatility) - 2, int(4 * volatility) + 3)
    ends = (mirrors[:, None] + np.concatenate([x, -x])).ravel()
    density = np.exp(-0.5 * ((ends - x[:, None]) / volatility) ** 2)
    summed = density.reshape(N_POINTS, -1, N_POINTS).sum(axis=1)
    probabilities: FloatArray = summed / summed.sum(axis=1, keepdims=True)
    return probabilities
