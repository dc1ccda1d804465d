"""Expected returns of bandit policies, estimated by playing them.

A policy is a pair of pure functions: ``numbers`` gives every arm a number, and an arm with the
largest number is pulled, ties broken at random; ``learn`` takes the reward into account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, TaskBatch
from spikeloop.tasks.references.bandit_indices import Index

MAX_EPISODES = 400
"""Episodes per task: the standard error of a return is then 1/20 of an episode's deviation."""

Memory = Mapping[str, FloatArray]
"""What policies remember: arrays whose first axis is that of the episodes."""


class Policy(Protocol):
    """A rule for choosing arms, with a memory of its own for each episode."""

    @property
    def size(self) -> int:
        """Return about how many numbers one episode remembers."""
        ...

    def start(self, n_episodes: int) -> Memory:
        """Return the memory before the first pull."""
        ...

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return (n_episodes, n_arms) numbers, of which the largest decides the pull."""
        ...

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Return the memory after each episode pulled an arm and got its reward."""
        ...


@dataclass(frozen=True)
class IndexPolicy:
    """A policy that computes its numbers from what each arm has paid and how often it was pulled.

    Attributes:
        index: the numbers, see ``bandit_indices``.
        n_arms: arms of a bandit.
    """

    index: Index
    n_arms: int

    @property
    def size(self) -> int:
        """Return two numbers per arm: its total reward and its pulls."""
        return 2 * self.n_arms

    def start(self, n_episodes: int) -> Memory:
        """Return zeros."""
        return {name: np.zeros((n_episodes, self.n_arms)) for name in ("total", "pulls")}

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return the indices; all episodes have made equally many pulls."""
        total, pulls = memory["total"], memory["pulls"]
        return self.index(total, pulls, int(pulls[0].sum()), rng)

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Add the reward and the pull to those of the arm."""
        pulled = arm[:, None] == np.arange(self.n_arms)
        return {
            "total": memory["total"] + pulled * reward[:, None],
            "pulls": memory["pulls"] + pulled,
        }


def simulated_return(
    tasks: TaskBatch,
    policy: Policy,
    rng: np.random.Generator,
    *,
    max_numbers: int = 2**27,
    max_at_once: int | None = 2**24,
) -> FloatArray:
    """Average over episodes what a policy earns.

    Args:
        tasks: the bandits. Those that count expected rewards give estimates that vary less.
        policy: the policy.
        rng: for rewards, ties and the policy's own draws.
        max_numbers: limit of the memories of all episodes, summed over steps, which limits the
            time to seconds; each task gets at least one episode.
        max_at_once: limit of the memories of the episodes that are played side by side, 128 MiB
            by default; at least one task is played at a time. None plays all side by side.

    Returns:
        (n_tasks,) estimated expected returns.
    """
    n_tasks, n_steps = tasks.n_tasks, tasks.interface.n_steps
    n_episodes = max_numbers // max(policy.size * n_tasks * n_steps, 1)
    n_episodes = int(np.clip(n_episodes, 1, MAX_EPISODES))
    at_once = max(n_tasks, 1)
    if max_at_once is not None:
        at_once = max(max_at_once // (policy.size * n_episodes), 1)
    returns = np.zeros(n_tasks)
    for first in range(0, n_tasks, at_once):
        chosen = np.arange(first, min(first + at_once, n_tasks))
        task = np.repeat(chosen, n_episodes)
        episodes, memory = tasks.play(task), policy.start(len(task))
        earned = np.zeros(len(task))
        for _ in range(n_steps):
            number = policy.numbers(memory, rng)
            largest = number == number.max(axis=1, keepdims=True)
            arm = np.where(largest, rng.random(number.shape), -1.0).argmax(axis=1)
            reward, feedback = episodes.step(arm, rng.random(len(task)))
            memory = policy.learn(memory, arm, feedback)
            earned += reward
        returns[chosen] = earned.reshape(len(chosen), n_episodes).mean(axis=1)
    return returns
