"""Runs a learner of single episodes on a tile: one episode after the other, each by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spikeloop.tasks.base import FloatArray, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes
from spikeloop.workers.learning_curve import bin_lengths
from spikeloop.workers.own_learner.task import Task
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.space import Parameters


@dataclass(frozen=True)
class Episode:
    """What one episode earned, from a learner that counts for itself.

    Attributes:
        return_: the return, which scores compare with a random and an optimal policy's sum of
            rewards.
        rewards: (n_steps,) the reward of each step, for learning curves; None where only their sum
            is known.
    """

    return_: float
    rewards: FloatArray | None = None


Result: TypeAlias = "Episode | float | None"
"""What a learner of one episode gives: the return, or None for the sum of rewards of its task."""

RunOne: TypeAlias = Callable[[Theta, Task, np.random.Generator], Result]
"""One episode of a learner: Θ, the task, and random numbers of its own."""


def run_each(
    kind: str, run: RunOne, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray
) -> Episodes:
    """Run every candidate once on every task, as ``Learner.run_episodes`` does.

    An episode gets its own copy of Θ, its own task and a generator of its own seed, so that nothing
    but the learner itself could carry anything from one to the next.

    Args:
        kind: name of the learner, for messages.
        run: one episode.
        parameters: of n_candidates candidates.
        tasks: n_tasks tasks.
        seeds: (n_candidates, n_tasks) of the episodes.

    Raises:
        TypeError, ValueError: an episode gave nothing that could be its return.
    """
    returns = np.empty(seeds.shape)
    curves = []
    n_simulated_steps = 0
    for c, t in np.ndindex(seeds.shape):
        task = Task(kind, tasks[t : t + 1], seeds[c : c + 1, t : t + 1])
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(int(seeds[c, t]))))
        result = run(Theta(parameters, c), task, rng)
        returns[c, t], curve = _measure(kind, task, result)
        curves.append(curve)
        n_simulated_steps += task.n_taken or task.n_steps
    return Episodes(returns, np.reshape(curves, (*seeds.shape, -1)), n_simulated_steps)


def _measure(kind: str, task: Task, result: Result) -> tuple[float, FloatArray]:
    """Return an episode's return and its (n_bins,) curve of mean rewards.

    What a given return has beyond the known rewards, such as a cost of spikes, is spread evenly
    over the steps.
    """
    steps = task.rewarded()
    total, curve = float(steps.returns[0, 0]), steps.curve[0, 0]
    if result is None:
        if not task.done:
            raise ValueError(
                f"{kind} returned nothing, which stands for the sum of its task's rewards, after "
                f"{task.n_taken} of {task.n_steps} steps"
            )
        return total, curve
    if isinstance(result, Episode) and result.rewards is not None:
        total, curve = _binned(kind, task.n_steps, np.asarray(result.rewards, dtype=np.float64))
    given = result.return_ if isinstance(result, Episode) else result
    try:
        given = float(given)
    except (TypeError, ValueError):
        raise TypeError(f"{kind} must return a number, an Episode or None, got {given!r}") from None
    return given, curve + (given - total) / task.n_steps


def _binned(kind: str, n_steps: int, rewards: FloatArray) -> tuple[float, FloatArray]:
    """Return the sum of (n_steps,) rewards and their (n_bins,) means."""
    if rewards.shape != (n_steps,):
        raise ValueError(
            f"{kind} must give rewards for each of {n_steps} steps, got the shape {rewards.shape}"
        )
    lengths = bin_lengths(n_steps)
    sums = np.add.reduceat(rewards, np.cumsum(lengths) - lengths)
    return float(sums.sum()), sums / lengths
