"""Policies of restless bandits: a constant learning rate, and two that know how chances walk."""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.references.simulation import Memory

N_POINTS = 100
"""Points of the grid on which the belief about a chance is kept."""


@dataclass(frozen=True)
class RescorlaWagner:
    """V[arm] ← V[arm] + rate · (reward − V[arm]), starting from V = 1/2.

    A fictive update moves the values of the other arms towards 1 − reward as well.
    """

    n_arms: int
    rate: float = 0.5
    fictive: bool = False

    @property
    def size(self) -> int:
        """Return one value per arm."""
        return self.n_arms

    def start(self, n_episodes: int) -> Memory:
        """Return equal values."""
        return {"value": np.full((n_episodes, self.n_arms), 0.5)}

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return the values."""
        return memory["value"]

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Move the value of the pulled arm towards the reward, others only in fictive updates."""
        value, paid = memory["value"], reward[:, None]
        pulled = arm[:, None] == np.arange(self.n_arms)
        others = ~pulled * (1.0 - paid - value) if self.fictive else 0.0
        return {"value": value + self.rate * (pulled * (paid - value) + others)}


@dataclass(frozen=True)
class WalkBeliefs:
    """Bayes' rule for chances that walk at one of several volatilities, which two policies share.

    Beliefs about every walk are kept on a grid of [0, 1] for each volatility, as if it were that of
    the episode, together with the probability of each volatility. A reward multiplies the belief
    about the chance of the pulled arm by that chance, no reward by 1 minus it, and the probability
    of a volatility by the evidence under it; a step of the walk is a matrix.

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
        """Return the numbers of one episode's beliefs."""
        return len(self.volatilities) * self.n_walks * N_POINTS

    def start(self, n_episodes: int) -> Memory:
        """Return the prior: all chances U[0, 1], all volatilities equally probable.

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
        """Return the beliefs after a pull and the following step of all walks."""
        belief, probability = memory["belief"].copy(), memory["probability"]
        # A success of the second of mirrored arms is a failure of the first.
        success = (reward > 0) ^ (arm > 0) if self.mirrored else reward > 0
        walk = np.zeros_like(arm) if self.mirrored else arm
        likelihood = np.where(success[:, None], grid_points(), 1.0 - grid_points())
        episode = np.arange(len(arm))
        joint = belief[episode, :, walk] * likelihood[:, None, :]
        evidence = joint.sum(axis=2)
        belief[episode, :, walk] = joint / evidence[:, :, None]
        for k, volatility in enumerate(self.volatilities):
            belief[:, k] = belief[:, k] @ walk_transition(volatility)
        weight = probability * evidence
        return {"belief": belief, "probability": weight / weight.sum(axis=1, keepdims=True)}

    def of_arms(self, chance: FloatArray) -> FloatArray:
        """Return (n_episodes, n_arms) chances of arms from the (n_episodes, n_walks) of walks."""
        return np.concatenate([chance, 1.0 - chance], axis=1) if self.mirrored else chance


@dataclass(frozen=True)
class Greedy(WalkBeliefs):
    """Pulls the arm whose chance has the largest posterior mean."""

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return posterior means; chances that differ by rounding only are made equal."""
        means = np.einsum("lvwp,p,lv->lw", memory["belief"], grid_points(), memory["probability"])
        return self.of_arms(np.round(means, 9))


@dataclass(frozen=True)
class Thompson(WalkBeliefs):
    """Draws a volatility and then chances from the posterior, and pulls the arm of the largest."""

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Draw chances from the posterior."""
        probability = memory["probability"].cumsum(axis=1)
        n_episodes, last = len(probability), probability.shape[1] - 1
        drawn = (probability < rng.random((n_episodes, 1))).sum(axis=1).clip(max=last)
        belief = memory["belief"][np.arange(n_episodes), drawn].cumsum(axis=2)
        below = belief < rng.random((n_episodes, self.n_walks, 1))
        return self.of_arms(grid_points()[below.sum(axis=2).clip(max=belief.shape[2] - 1)])


def grid_points() -> FloatArray:
    """Return (N_POINTS,) middles of equal parts of [0, 1]."""
    middles: FloatArray = (np.arange(N_POINTS) + 0.5) / N_POINTS
    return middles


def walk_transition(volatility: float) -> FloatArray:
    """Return (N_POINTS, N_POINTS) probabilities of a reflected Gaussian step between points.

    Its density at y is the sum of those at y and at all its mirror images, 2 k ± y. Steps much
    smaller than the grid's are not resolved: the chance then stays where it is.
    """
    x = grid_points()
    mirrors = 2 * np.arange(-int(4 * volatility) - 2, int(4 * volatility) + 3)
    ends = (mirrors[:, None] + np.concatenate([x, -x])).ravel()
    density = np.exp(-0.5 * ((ends - x[:, None]) / volatility) ** 2)
    summed = density.reshape(N_POINTS, -1, N_POINTS).sum(axis=1)
    probabilities: FloatArray = summed / summed.sum(axis=1, keepdims=True)
    return probabilities
