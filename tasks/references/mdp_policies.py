"""Returns of policies that learn without an outer loop, on Markov decision processes as tables.

Episodes of all tasks run side by side. A return sums the expected reward of every action taken,
which varies less than the reward and has the same mean.

Shapes: lanes are episodes, several of each task; tables of a lane are (n_lanes, n_states,
n_actions).
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Play
from spikeloop.tasks.portable import summed_products


class LearningPolicy(Protocol):
    """A policy with a memory of its own for each lane."""

    def actions(self, state: IntArray) -> IntArray:
        """Return (n_lanes,) actions in the lanes' states."""
        ...

    def learn(
        self, state: IntArray, action: IntArray, reward: FloatArray, successor: IntArray
    ) -> None:
        """Take a transition of every lane into account."""
        ...


class SampleAverages:
    """A bandit in every state, which takes the action with the largest mean reward so far.

    It looks no step ahead (γ = 0) and explores by optimism only: each mean includes a number of
    ``imagined`` rewards of 1, the largest of the family.
    """

    def __init__(self, n_lanes: int, n_states: int, n_actions: int, imagined: float) -> None:
        self.lane = np.arange(n_lanes)
        self.mean = np.ones((n_lanes, n_states, n_actions))
        self.count = np.full((n_lanes, n_states, n_actions), imagined)

    def actions(self, state: IntArray) -> IntArray:
        """Return the actions that paid most; of equal ones the first."""
        chosen: IntArray = self.mean[self.lane, state].argmax(axis=1)
        return chosen

    def learn(
        self, state: IntArray, action: IntArray, reward: FloatArray, successor: IntArray
    ) -> None:
        """Move the means of the pairs."""
        pair = self.lane, state, action
        count = self.count[pair] + 1.0
        self.count[pair] = count
        self.mean[pair] += (reward - self.mean[pair]) / count


class ModelWithBonus:
    """Optimal control of the estimated process, with a bonus for pairs that were seldom visited.

    Model-based interval estimation with exploration bonus (Strehl and Littman 2008, Journal of
    Computer and System Sciences 74): with n visits of a pair and the frequencies p of its
    successors,

        Q(s, a) = mean reward + γ Σ_n p(n) max_b Q(n, b) + β / √n,

    and 1 / (1 − γ) for a pair never visited. Instead of solving the equations after each
    transition, one sweep over all pairs starts from the last values, as they change little.

    Attributes:
        discount: γ.
        bonus: β.
    """

    def __init__(
        self, n_lanes: int, n_states: int, n_actions: int, discount: float, bonus: float
    ) -> None:
        shape = n_lanes, n_states, n_actions
        self.discount, self.bonus = discount, bonus
        self.lane = np.arange(n_lanes)
        self.visits = np.zeros(shape)
        self.successors = np.zeros((n_states, *shape))
        self.probability = np.zeros((n_states, *shape))
        self.total = np.zeros(shape)
        # Reward and bonus of visited pairs; the others keep the largest value.
        self.paid = np.full(shape, 1.0 / (1.0 - discount))
        self.value = self.paid.copy()

    def actions(self, state: IntArray) -> IntArray:
        """Return the actions of largest value; of equal ones the first."""
        chosen: IntArray = self.value[self.lane, state].argmax(axis=1)
        return chosen

    def learn(
        self, state: IntArray, action: IntArray, reward: FloatArray, successor: IntArray
    ) -> None:
        """Count the transitions, then sweep over all pairs once."""
        pair = self.lane, state, action
        self.successors[(successor, *pair)] += 1.0
        visits = self.visits[pair] + 1.0
        total = self.total[pair] + reward
        self.visits[pair], self.total[pair] = visits, total
        self.probability[(slice(None), *pair)] = self.successors[(slice(None), *pair)] / visits
        self.paid[pair] = total / visits + self.bonus / np.sqrt(visits)
        best = self.discount * self.value.max(axis=2)
        ahead = summed_products(self.probability, best.T[:, :, None, None])
        self.value = self.paid + ahead


def learned_return(
    play: Callable[[IntArray], Play],
    expected_reward: FloatArray,
    n_steps: int,
    policy: LearningPolicy,
    n_episodes: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return (n_tasks,) returns in expected rewards, the mean over the episodes of a task.

    Args:
        play: starts episodes, given the task of each; they observe states.
        expected_reward: (n_tasks, n_actions, n_states).
        n_steps: of one episode.
        policy: with n_episodes lanes for each task, one task after the other.
        n_episodes: of each task.
        rng: for the transitions.
    """
    n_tasks = len(expected_reward)
    task = np.repeat(np.arange(n_tasks), n_episodes)
    episodes, earned = play(task), np.zeros(task.size)
    state = np.asarray(episodes.observe(), dtype=np.int64)
    for _ in range(n_steps):
        action = policy.actions(state)
        _, feedback = episodes.step(action, rng.random(task.size))
        successor = np.asarray(episodes.observe(), dtype=np.int64)
        policy.learn(state, action, feedback, successor)
        earned += expected_reward[task, action, state]
        state = successor
    returns: FloatArray = earned.reshape(n_tasks, n_episodes).mean(axis=1)
    return returns
