"""Policies of restless bandits: a constant learning rate, and two that know how chances walk."""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.references.simulation import Memory
from spikeloop.tasks.references.walk_filter import WalkLaw, grid_points


@dataclass(frozen=True)
class RescorlaWagner:
    """V[arm] ← V[arm] + rate · (reward − V[arm]), starting from V = 1/2."""

    n_arms: int
    rate: float = 0.5

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
        """Move the value of the pulled arm towards the reward."""
        value = memory["value"]
        pulled = arm[:, None] == np.arange(self.n_arms)
        return {"value": value + self.rate * pulled * (reward[:, None] - value)}


@dataclass(frozen=True)
class _Believer:
    """What the two policies share that keep a posterior of all chances and of the volatility."""

    law: WalkLaw

    @property
    def size(self) -> int:
        """Return the numbers of one episode's beliefs."""
        return self.law.size

    def start(self, n_episodes: int) -> Memory:
        """Return the prior."""
        return self.law.start(n_episodes)

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Return the posterior."""
        return self.law.learn(memory, arm, reward)

    def _of_arms(self, chance: FloatArray) -> FloatArray:
        """Return (n_episodes, n_arms) chances of arms from the (n_episodes, n_walks) of walks."""
        return np.concatenate([chance, 1.0 - chance], axis=1) if self.law.mirrored else chance


@dataclass(frozen=True)
class Greedy(_Believer):
    """Pulls the arm whose chance has the largest posterior mean."""

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return posterior means; chances that differ by rounding only are made equal."""
        means = np.einsum("lvwp,p,lv->lw", memory["belief"], grid_points(), memory["probability"])
        return self._of_arms(np.round(means, 9))


@dataclass(frozen=True)
class Thompson(_Believer):
    """Draws a volatility and then chances from the posterior, and pulls the arm of the largest."""

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Draw chances from the posterior."""
        probability = memory["probability"].cumsum(axis=1)
        n_episodes, last = len(probability), probability.shape[1] - 1
        drawn = (probability < rng.random((n_episodes, 1))).sum(axis=1).clip(max=last)
        belief = memory["belief"][np.arange(n_episodes), drawn].cumsum(axis=2)
        below = belief < rng.random((n_episodes, self.law.n_walks, 1))
        return self._of_arms(grid_points()[below.sum(axis=2).clip(max=belief.shape[2] - 1)])
