"""Expected returns of bandit policies, estimated by playing them."""

from collections.abc import Callable

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Play
from spikeloop.tasks.references.bandit_indices import Index

MAX_LIVES = 400
"""Lives a task: the standard error of its return is then 1/20 of a life's standard deviation."""
MAX_INDICES = 2**24
"""Indices of arms to compute, all lives together: seconds. One life a task there always is."""


def simulated_return(
    play: Callable[[IntArray], Play],
    mean: FloatArray,
    n_steps: int,
    index: Index,
    rng: np.random.Generator,
) -> FloatArray:
    """Mean over lives of what the pulled arms pay on average, which varies less than rewards do.

    Args:
        play: begins lives, given whose task each is.
        mean: (n_tasks, n_arms) expected rewards.
        n_steps: pulls of a life.
        index: the policy.
        rng: for rewards, ties and the policy's own draws.

    Returns:
        (n_tasks,) estimated expected returns.
    """
    n_tasks, n_arms = mean.shape
    n_lives = int(np.clip(MAX_INDICES // max(mean.size * n_steps, 1), 1, MAX_LIVES))
    life = np.arange(n_tasks * n_lives)
    task = life // n_lives
    lives = play(task)
    total, pulls = np.zeros((2, len(life), n_arms))
    expected = np.zeros(len(life))
    for step in range(n_steps):
        number = index(total, pulls, step, rng)
        largest = number == number.max(axis=1, keepdims=True)
        arm = np.where(largest, rng.random(number.shape), -1.0).argmax(axis=1)
        reward, _ = lives.step(arm, rng.random(len(life)))
        total[life, arm] += reward
        pulls[life, arm] += 1.0
        expected += mean[task, arm]
    estimated: FloatArray = expected.reshape(n_tasks, n_lives).mean(axis=1)
    return estimated
