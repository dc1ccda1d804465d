"""The environment's side of a tile: episodes side by side, their rewards and random numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes
from spikeloop.workers.learning_curve import bin_lengths
from spikeloop.workers.philox import Stream, uniforms
from spikeloop.workers.space import Parameters


class Rollout:
    """Episodes under way: candidates × tasks, number c · n_tasks + t for candidate c and task t.

    Args:
        kind: of the learner, for messages.
        tasks: n_tasks tasks.
        seeds: (n_candidates, n_tasks) of the episodes.
        order: (n_episodes, n_steps) in which episodes meet samples, for batches whose ``play``
            takes it; None for the order in which they were drawn.
    """

    def __init__(
        self, kind: str, tasks: TaskBatch, seeds: SeedArray, order: IntArray | None = None
    ) -> None:
        if not hasattr(tasks, "play"):
            raise ValueError(
                f"{kind} needs tasks that are played step by step, got {type(tasks).__name__}"
            )
        self.shape = n_candidates, n_tasks = seeds.shape
        self.interface = tasks.interface
        self.seeds: SeedArray = np.ascontiguousarray(seeds).ravel()
        self.n_episodes, self.n_steps = seeds.size, self.interface.n_steps
        self.n_taken = 0
        task = np.tile(np.arange(n_tasks), n_candidates)
        how: dict[str, Any] = {} if order is None else {"order": order}
        self._play = tasks.play(task, **how)
        self._lengths = bin_lengths(self.n_steps)
        self._bin = np.repeat(np.arange(self._lengths.size), self._lengths)
        self._sums = np.zeros((self.n_episodes, self._lengths.size))

    def of_episodes(self, values: NDArray[Any]) -> NDArray[Any]:
        """Repeat values (n_candidates, ...) for each candidate's episodes, (n_episodes, ...)."""
        return np.repeat(values, self.shape[1], axis=0)

    def theta(self, parameters: Parameters) -> dict[str, FloatArray]:
        """Return the parameters (n_episodes, ...) of each episode, by name."""
        return {p.name: self.of_episodes(parameters[p.name]) for p in parameters.space.parameters}

    def observe(self) -> IntArray | FloatArray:
        """Return observations: (n_episodes,) indices or (n_episodes, n_observations) vectors."""
        return self._play.observe()

    def uniform(self, stream: int, n: int = 1) -> FloatArray:
        """Draw (n_episodes, n) random numbers in [0, 1) of this step, for one use."""
        return uniforms(self.seeds, int(stream), self.n_taken, n)

    def step(self, actions: IntArray | FloatArray) -> FloatArray:
        """Take one step in every episode; return the (n_episodes,) feedback, reward or target.

        Actions are (n_episodes,) indices or (n_episodes, n_actions) vectors.
        """
        reward, feedback = self._play.step(actions, self.uniform(Stream.ENVIRONMENT)[:, 0])
        self._sums[:, self._bin[self.n_taken]] += reward
        self.n_taken += 1
        return feedback

    def pick(self, preference: FloatArray) -> IntArray:
        """Return the actions (n_episodes,) of largest preference; among equals one is drawn.

        An episode whose preferences (n_episodes, n_actions) are not all numbers has failed: its
        return is nan from here on.
        """
        self._sums[np.isnan(preference).any(axis=1)] = np.nan
        best = preference == preference.max(axis=1, keepdims=True)
        ties = self.uniform(Stream.TIES, preference.shape[1])
        picked: IntArray = np.where(best, ties, -1.0).argmax(axis=1)
        return picked

    def episodes(self, action_values: FloatArray | None = None) -> Episodes:
        """Return the results, with ``action_values`` (n_episodes, n_states, n_actions) if known."""
        shape, values = self.shape, action_values
        return Episodes(
            returns=self._sums.sum(axis=1).reshape(shape),
            curve=(self._sums / self._lengths).reshape(*shape, -1),
            n_simulated_steps=self.n_episodes * self.n_steps,
            action_values=None if values is None else values.reshape(*shape, *values.shape[1:]),
        )
