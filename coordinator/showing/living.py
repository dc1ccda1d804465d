"""A learned network lives the held-out tasks of its run, and one of its lives is looked at closely.

The tasks and the luck are those of ``spikeloop transfer`` with the same seed.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spikeloop.coordinator.analysis.moments import Moments, adaptation
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.learned import Learned
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray, SeedArray, TaskBatch
from spikeloop.workers.job import Grid
from spikeloop.workers.learners.lsnn import Lsnn
from spikeloop.workers.lsnn import tile, xla
from spikeloop.workers.lsnn.life import Recorded
from spikeloop.workers.seeding import TaskSet

MEMORY = 64_000_000
"""Bytes that the spikes of lives that are traced side by side may take."""
LONGEST = 1000
"""Time steps of a life that a picture shows."""


@dataclass(frozen=True)
class Lived:
    """What a network did in many tasks.

    Attributes:
        actions: (n_tasks, n_steps) arms and the like, or answers.
        rate_hz: (n_neurons,) mean firing rate of each neuron.
    """

    actions: FloatArray
    rate_hz: FloatArray


@dataclass(frozen=True)
class HeldOut:
    """New tasks for a network.

    Attributes:
        learned: the network.
        n_tasks: how many.
        seed: of the held-out tasks.
    """

    learned: Learned
    n_tasks: int
    seed: int

    def __post_init__(self) -> None:
        learner = self.learner
        if not isinstance(learner, Lsnn):
            raise ConfigError(
                f"{self.learned.source}: [learner] kind must be lsnn to draw what it does, got "
                f"{learner.kind}"
            )
        if learner.smooth:
            raise ConfigError(
                f"{self.learned.source}: drawing needs neurons that spike, but learner.smooth is "
                f"{learner.smooth}, not 0"
            )

    @property
    def learner(self) -> Lsnn:
        """Settings of the network."""
        learner: Any = self.learned.config.learner
        return learner  # type: ignore[no-any-return]

    @cached_property
    def default(self) -> FloatArray:
        """(n_dim,) where a search begins: weights by lot, readouts of 0."""
        return self.learned.config.space.default_point()

    @cached_property
    def _grid(self) -> Grid:
        """Rows are the default and the learned point, as in a transfer."""
        config = self.learned.config
        return Grid(
            config.family,
            config.learner,
            Explicit(np.stack([self.default, self.learned.point])),
            n_tasks=self.n_tasks,
            run_seed=config.run.seed,
            task_set=TaskSet.TRANSFER,
            index=self.seed,
            common_noise=config.run.common_noise,
        )

    @cached_property
    def tasks(self) -> TaskBatch:
        """The tasks."""
        return self._grid.tasks()

    @cached_property
    def seeds(self) -> SeedArray:
        """(1, n_tasks) of the lives of the learned point."""
        return np.ascontiguousarray(self._grid.seeds()[1:])

    def live(self, point: FloatArray, n_tasks: int | None = None) -> Lived:
        """Lets a point live the tasks, some at a time, as spikes take memory.

        Args:
            point: (n_dim,) default, learned, or of any stage of a search.
            n_tasks: only so many of the tasks.

        Raises:
            RunFailed: training has come to weights that are no numbers.
        """
        n_tasks = n_tasks or self.n_tasks
        learner, interface = self.learner, self.learned.config.family.interface
        n_time_steps = interface.n_steps * learner.circuit(interface).n_steps
        at_once = max(1, MEMORY // (n_time_steps * learner.n_neurons * 8))
        actions, counts = [], np.zeros(learner.n_neurons)
        for first in range(0, n_tasks, at_once):
            kept = self._trace(point, slice(first, min(first + at_once, n_tasks)))
            n_lives = kept.told.shape[1]
            actions.append(kept.action.reshape(interface.n_steps, n_lives, -1)[:, :, 0].T)
            counts += kept.counts.sum(axis=0) * n_lives
        answered = np.concatenate(actions)
        if not (np.isfinite(point).all() and np.isfinite(answered).all()):
            raise RunFailed(f"{self.learned.source}: the network has weights that are not finite")
        rates = counts / (n_tasks * n_time_steps * learner.step_ms * 1e-3)
        return Lived(answered, rates)

    def moments(self, task: int) -> Moments:
        """One life of the learned point; of a long one the beginning.

        Args:
            task: which of the tasks.
        """
        learner, interface = self.learner, self.learned.config.family.interface
        circuit = learner.circuit(interface)
        kept = self._trace(self.learned.point, slice(task, task + 1))
        shown = min(interface.n_steps, max(1, LONGEST // circuit.n_steps))
        spikes = kept.spikes[:shown, :, 0].reshape(shown * circuit.n_steps, -1)
        neurons = circuit.neurons
        n_adaptive = int((neurons.beta > 0).sum())
        b = adaptation(spikes[:, :n_adaptive], neurons.rho[:n_adaptive])
        seen = kept.seen[:shown, ..., 0, :].reshape(-1, kept.seen.shape[-1])
        return Moments(
            step_ms=learner.step_ms,
            window=circuit.n_steps,
            n_decisions=interface.n_steps,
            parts=learner.inputs(interface).parts,
            seen=seen,
            spikes=spikes > 0,
            n_adaptive=n_adaptive,
            thresholds=1 + neurons.beta[:n_adaptive] * b / neurons.threshold,
            acted=kept.action[:shown, 0].reshape(shown, -1)[:, 0],
            told=kept.told[:shown, 0],
            answers=interface.told == "target",
            answer_range=interface.action_range,
            n_actions=interface.n_actions,
        )

    def _trace(self, point: FloatArray, which: slice) -> Recorded:
        """Everything in some of the lives, without the axis of candidates."""
        parameters = self.learned.config.space.decode(point[None, :])
        seeds = np.ascontiguousarray(self.seeds[:, which])
        kept = tile.trace(self.learner, parameters, self.tasks[which], seeds)
        first: Recorded = xla.jax().tree.map(lambda array: array[0], kept)
        return first
