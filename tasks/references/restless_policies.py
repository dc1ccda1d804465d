"""Policies of restless bandits, and what they earn, estimated by playing them.

A policy is a pair of pure functions: ``numbers`` gives every arm a number and the arm whose number
is largest is pulled, ties broken by lot; ``learn`` takes the reward into account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Play
from spikeloop.tasks.references.bandit_indices import ucb1
from spikeloop.tasks.references.walk_filter import Memory, WalkLaw, points

MAX_EPISODES = 400
"""Episodes a task: a return's standard error is then 1/20 of an episode's standard deviation."""
MAX_NUMBERS = 2**27
"""Of what all episodes of all steps remember: seconds. One episode a task there always is."""
MAX_AT_ONCE = 2**24
"""Of what episodes that are played side by side remember: 128 MiB. One task there always is."""


class Policy(Protocol):
    """How to choose, and what to remember."""

    @property
    def size(self) -> int:
        """How many numbers an episode remembers, about."""
        ...

    def start(self, n_episodes: int) -> Memory:
        """Before the first pull."""
        ...

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """(n_episodes, n_arms) of which the largest is pulled."""
        ...

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """After a pull of (n_episodes,) arms, which paid 0 or 1."""
        ...


def simulated_return(
    play: Callable[[IntArray], Play], mean: FloatArray, policy: Policy, rng: np.random.Generator
) -> FloatArray:
    """Mean over episodes of what the pulled arms pay on average, which varies less than rewards do.

    Args:
        play: begins episodes, given whose task each is.
        mean: (n_tasks, n_steps, n_arms) chances.
        policy: the policy.
        rng: for rewards, ties and the policy's own draws.

    Returns:
        (n_tasks,) estimated expected returns.
    """
    n_tasks, n_steps, _ = mean.shape
    one_episode_each = policy.size * n_tasks * n_steps
    n_episodes = int(np.clip(MAX_NUMBERS // max(one_episode_each, 1), 1, MAX_EPISODES))
    at_once = max(MAX_AT_ONCE // (policy.size * n_episodes), 1)
    returns = np.zeros(n_tasks)
    for first in range(0, n_tasks, at_once):
        tasks = np.arange(first, min(first + at_once, n_tasks))
        task = np.repeat(tasks, n_episodes)
        episodes, memory = play(task), policy.start(len(task))
        expected = np.zeros(len(task))
        for step in range(n_steps):
            number = policy.numbers(memory, rng)
            largest = number == number.max(axis=1, keepdims=True)
            arm = np.where(largest, rng.random(number.shape), -1.0).argmax(axis=1)
            reward, _ = episodes.step(arm, rng.random(len(task)))
            memory = policy.learn(memory, arm, reward)
            expected += mean[task, step, arm]
        returns[tasks] = expected.reshape(len(tasks), n_episodes).mean(axis=1)
    return returns


@dataclass(frozen=True)
class Ucb:
    """UCB1 (Auer, Cesa-Bianchi, Fischer 2002), as if chances stayed what they are."""

    n_arms: int

    @property
    def size(self) -> int:
        """Successes and pulls of every arm."""
        return 2 * self.n_arms

    def start(self, n_episodes: int) -> Memory:
        """No pulls."""
        return {name: np.zeros((n_episodes, self.n_arms)) for name in ("total", "pulls")}

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """The index."""
        total, pulls = memory["total"], memory["pulls"]
        return ucb1(total, pulls, int(pulls[0].sum()))

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Counts."""
        pulled = arm[:, None] == np.arange(self.n_arms)
        return {
            "total": memory["total"] + pulled * reward[:, None],
            "pulls": memory["pulls"] + pulled,
        }


@dataclass(frozen=True)
class RescorlaWagner:
    """V[arm] ← V[arm] + rate · (reward − V[arm]), from V = 1/2 on."""

    n_arms: int
    rate: float = 0.5

    @property
    def size(self) -> int:
        """A value for every arm."""
        return self.n_arms

    def start(self, n_episodes: int) -> Memory:
        """All values alike."""
        return {"value": np.full((n_episodes, self.n_arms), 0.5)}

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """The values."""
        return memory["value"]

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Moves the value of the arm that was pulled."""
        value = memory["value"]
        pulled = arm[:, None] == np.arange(self.n_arms)
        return {"value": value + self.rate * pulled * (reward[:, None] - value)}


@dataclass(frozen=True)
class Greedy:
    """Pulls the arm whose chance has the largest posterior mean."""

    law: WalkLaw

    @property
    def size(self) -> int:
        """That of the beliefs."""
        return self.law.size

    def start(self, n_episodes: int) -> Memory:
        """The prior."""
        return self.law.start(n_episodes)

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Posterior means."""
        means = np.einsum("lvwp,p,lv->lw", memory["belief"], points(), memory["probability"])
        # Chances that differ by rounding only are equal.
        return _of_arms(np.round(means, 9), self.law.mirrored)

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """The posterior."""
        return self.law.learn(memory, arm, reward)


@dataclass(frozen=True)
class Thompson:
    """Draws a volatility and then chances from the posterior, and pulls the arm of the largest."""

    law: WalkLaw

    @property
    def size(self) -> int:
        """That of the beliefs."""
        return self.law.size

    def start(self, n_episodes: int) -> Memory:
        """The prior."""
        return self.law.start(n_episodes)

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Chances drawn from the posterior."""
        probability = memory["probability"].cumsum(axis=1)
        n_episodes, last = len(probability), probability.shape[1] - 1
        drawn = (probability < rng.random((n_episodes, 1))).sum(axis=1).clip(max=last)
        belief = memory["belief"][np.arange(n_episodes), drawn].cumsum(axis=2)
        below = belief < rng.random((n_episodes, self.law.n_walks, 1))
        return _of_arms(
            points()[below.sum(axis=2).clip(max=belief.shape[2] - 1)], self.law.mirrored
        )

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """The posterior."""
        return self.law.learn(memory, arm, reward)


def _of_arms(chance: FloatArray, mirrored: bool) -> FloatArray:
    """(n_episodes, n_arms) chances of the arms, from (n_episodes, n_walks) chances of the walks."""
    return np.concatenate([chance, 1.0 - chance], axis=1) if mirrored else chance
