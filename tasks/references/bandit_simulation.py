"""Expected returns of bandit policies, estimated by playing them."""

from collections.abc import Callable

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Play
from spikeloop.tasks.references.bandit_indices import Index

MAX_EPISODES = 400
"""Episodes a task: a return's standard error is then 1/20 of an episode's standard deviation."""
MAX_INDICES = 2**24
"""Indices of arms to compute, all episodes together: seconds. At least one episode a task."""


def simulated_return(
    play: Callable[[IntArray], Play],
    mean: FloatArray,
    n_steps: int,
    index: Index,
    rng: np.random.Generator,
) -> FloatArray:
    """Mean over episodes of what the pulled arms pay on average, which varies less than rewards do.

    Args:
        play: begins episodes, given whose task each is.
        mean: (n_tasks, n_arms) expected rewards.
        n_steps: pulls of an episode.
        index: the policy.
        rng: for rewards, ties and the policy's own draws.

    Returns:
        (n_tasks,) estimated expected returns.
    """
    n_tasks, n_arms = mean.shape
    n_episodes = int(np.clip(MAX_INDICES // max(mean.size * n_steps, 1), 1, MAX_EPISODES))
    episode = np.arange(n_tasks * n_episodes)
    task = episode // n_episodes
    episodes = play(task)
    total, pulls = np.zeros((2, len(episode), n_arms))
    expected = np.zeros(len(episode))
    for step in range(n_steps):
        number = index(total, pulls, step, rng)
        largest = number == number.max(axis=1, keepdims=True)
        arm = np.where(largest, rng.random(number.shape), -1.0).argmax(axis=1)
        reward, _ = episodes.step(arm, rng.random(len(episode)))
        total[episode, arm] += reward
        pulls[episode, arm] += 1.0
        expected += mean[task, arm]
    estimated: FloatArray = expected.reshape(n_tasks, n_episodes).mean(axis=1)
    return estimated
