"""One task during one episode, as a learner of one episode sees it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes
from spikeloop.workers.rollout import Rollout


class Task:
    """A task that is played step by step, exactly once.

    What happens by chance in the task is a function of the episode's seed and of the step alone, so
    the random numbers that a learner draws for itself change nothing here.

    >>> from spikeloop.tasks.bandit import Bandit
    >>> batch = Bandit(n_steps=3).sample(1, np.random.default_rng(1))
    >>> task = Task("example", batch, np.array([[7]], dtype=np.uint64))
    >>> [task.step(observation) for observation in task]
    [1.0, 0.0, 0.0]
    >>> task.done
    True

    Attributes:
        batch: the task as a batch of one, for learners that read its tables or arrays.
        interface: what a learner may know of every task of the family.
        n_steps: steps of the episode.
    """

    def __init__(self, kind: str, batch: TaskBatch, seed: SeedArray) -> None:
        """Start the episode; ``seed`` is (1, 1), ``kind`` the learner's name in messages."""
        self._rollout = Rollout(kind, batch, seed)
        self.batch = batch
        self.interface: Interface = self._rollout.interface
        self.n_steps = self.interface.n_steps

    @property
    def n_taken(self) -> int:
        """Steps taken so far."""
        return self._rollout.n_taken

    @property
    def done(self) -> bool:
        """Whether the last step is taken."""
        return self.n_taken == self.n_steps

    def observe(self) -> Any:
        """Return the observation of now: an index, or an (n_observations,) vector."""
        seen = self._rollout.observe()[0]
        return int(seen) if self.interface.observations == "discrete" else np.array(seen)

    def step(self, action: Any) -> float:
        """Act, and return the feedback: the reward or, where there are targets, the target.

        Args:
            action: an index below ``interface.n_actions``, or an (n_actions,) vector.

        Raises:
            ValueError: the episode is over, or there is no such action.
        """
        if self.done:
            raise ValueError(f"the episode is over: all of its {self.n_steps} steps are taken")
        return float(self._rollout.step(self._action(action))[0])

    def __iter__(self) -> Iterator[Any]:
        """Yield each step's observation; the body of the loop takes the step.

        Raises:
            RuntimeError: a turn of the loop took another number of steps than one.
        """
        while not self.done:
            before = self.n_taken
            yield self.observe()
            if self.n_taken != before + 1:
                raise RuntimeError(
                    "each turn of a loop over a task must call task.step once, got "
                    f"{self.n_taken - before} calls"
                )

    def rewarded(self) -> Episodes:
        """Return the rewards of the steps so far as the results of one candidate on one task."""
        return self._rollout.episodes()

    def _action(self, action: Any) -> Any:
        """Return a (1,) index or a (1, n_actions) vector."""
        given, n = np.asarray(action), self.interface.n_actions
        if self.interface.actions == "discrete":
            if given.size != 1 or given.item() not in range(n):
                raise ValueError(f"action must be an index in [0, {n}), got {action!r}")
            return given.reshape(1).astype(np.int64)
        if given.size != n:
            raise ValueError(f"action must be a vector of {n} numbers, got {action!r}")
        return given.reshape(1, n).astype(np.float64)
