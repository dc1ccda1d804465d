"""One task during one episode, as a learner of one episode sees it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.workers.rollout import Rollout


class Task:
    """A task that is played step by step, exactly once.

    What happens by chance in the task is a function of the episode's seed and of the step alone, so
    the random numbers that a learner draws for itself change nothing here.

    Attributes:
        batch: the task as a batch of one, for learners that read its tables or arrays.
        interface: what a learner may know of every task of the family.
        n_steps: steps of the episode.
    """

    def __init__(self, kind: str, batch: TaskBatch, seed: SeedArray) -> None:
        """Start the episode; ``seed`` is (1, 1), ``kind`` the learner's name in messages."""
        self.batch = batch
        self.interface: Interface = batch.interface
        self.n_steps = self.interface.n_steps
        self._kind = kind
        self._seed = seed
        self._rollout: Rollout | None = None
        self._rewards: list[float] = []

    @property
    def n_taken(self) -> int:
        """Steps taken so far."""
        return len(self._rewards)

    @property
    def done(self) -> bool:
        """Whether the last step is taken."""
        return self.n_taken == self.n_steps

    @property
    def rewards(self) -> FloatArray:
        """(n_taken,) the rewards so far, whose sum is the return."""
        return np.array(self._rewards)

    def observe(self) -> Any:
        """Return the observation of now: an index, or an (n_observations,) vector."""
        seen = self._play().observe()[0]
        return int(seen) if self.interface.observations == "discrete" else np.array(seen)

    def step(self, action: Any) -> float:
        """Act, and return the feedback: the reward or, where there are targets, the target.

        Args:
            action: an index below ``interface.n_actions``, or an (n_actions,) vector.

        Raises:
            ValueError: the episode is over, or there is no such action.
        """
        if self.done:
            raise ValueError(f"an episode has {self.n_steps} steps, all are taken")
        rollout = self._play()
        feedback = rollout.step(self._action(action))
        self._rewards.append(float(rollout.reward[0]))
        return float(feedback[0])

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
                    f"each turn of a loop over a task must call task.step once, got "
                    f"{self.n_taken - before} calls"
                )

    def _play(self) -> Rollout:
        """Return the episode under way, begun when it is needed: some learners read tables only."""
        if self._rollout is None:
            self._rollout = Rollout(self._kind, self.batch, self._seed)
        return self._rollout

    def _action(self, action: Any) -> Any:
        """Return a (1,) index or a (1, n_actions) vector."""
        n = self.interface.n_actions
        if self.interface.actions == "discrete":
            index = np.asarray(action).item() if np.size(action) == 1 else None
            if index is None or index != int(index) or not 0 <= index < n:
                raise ValueError(f"action must be an index in [0, {n}), got {action!r}")
            return np.array([int(index)])
        vector = np.asarray(action, dtype=np.float64).reshape(-1)
        if vector.shape != (n,):
            raise ValueError(f"action must be a vector of {n} numbers, got {action!r}")
        return vector[None, :]
