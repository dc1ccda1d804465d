"""Episodes of a learned network on held-out tasks of its run, in numbers or traced step by step.

Tasks and random numbers are those of ``spikeloop transfer`` with the same seed. Fewer tasks than
the run's own transfer has are its first ones.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.episode_trace import EpisodeTrace, adaptation
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.workers import xla
from spikeloop.workers.job import Grid
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.episode import Recorded
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.seeding import TaskSet

MEMORY = 256_000_000
"""Bytes that episodes computed side by side may take."""
RATED = 20
"""Episodes in which firing rates are measured."""
LONGEST = 1000
"""Time steps of an episode that a figure shows."""


def held_out_grid(learned: Learned, n_tasks: int, seed: int) -> Grid:
    """Give the grid of the default and the learned point on held-out tasks, as in a transfer.

    It may have more tasks than are asked for: without common noise the seeds of a row depend on the
    length of the rows before it.
    """
    points = np.stack([learned.config.space.default_point(), learned.point])
    n_tasks = max(n_tasks, learned.config.transfer.tasks)
    return grid_of(learned.config, points, n_tasks, TaskSet.TRANSFER, seed)


def why_no_network(learned: Learned) -> str | None:
    """Say why a learned point is no spiking network of kind ``lsnn``; None if it is one."""
    learner: object = learned.config.held_out_learner
    if not isinstance(learner, Lsnn):
        return f"[learner] kind must be lsnn, got {learned.config.learner.kind}"
    if learner.smooth:
        return f"its neurons must spike, but learner.smooth is {learner.smooth}, not 0"
    return None


def why_not_one_network(learned: Learned) -> str | None:
    """Say why a learned point cannot be studied as a single spiking network; None if it can."""
    reason, learner = why_no_network(learned), learned.config.held_out_learner
    if reason is None and isinstance(learner, Lsnn) and learner.copies > 1:
        return f"it must be one network, but learner.copies is {learner.copies}, not 1"
    return reason


@dataclass(frozen=True)
class HeldOutEpisodes:
    """Held-out tasks for a learned network of kind ``lsnn``."""

    learned: Learned
    n_tasks: int
    seed: int

    def __post_init__(self) -> None:
        if (reason := why_no_network(self.learned)) is not None:
            raise ConfigError(f"{self.learned.source}: {reason}")

    @property
    def learner(self) -> Lsnn:
        """Settings of the network in held-out episodes."""
        learner: Any = self.learned.config.held_out_learner
        return learner  # type: ignore[no-any-return]

    @cached_property
    def default(self) -> FloatArray:
        """The initial point, (n_dim,): weights as drawn, readouts of 0."""
        return self.learned.config.space.default_point()

    @cached_property
    def _grid(self) -> Grid:
        """Rows are the default and the learned point, as in a transfer."""
        return held_out_grid(self.learned, self.n_tasks, self.seed)

    @cached_property
    def tasks(self) -> TaskBatch:
        """The tasks."""
        return self._grid.tasks()[: self.n_tasks]

    @cached_property
    def seeds(self) -> SeedArray:
        """Seeds of the episodes of the learned point, (1, n_tasks)."""
        return np.ascontiguousarray(self._grid.seeds()[1:, : self.n_tasks])

    def actions(self, point: FloatArray, n_tasks: int | None = None) -> FloatArray:
        """Compute the actions or answers of a point in the tasks, (n_tasks, n_steps).

        Args:
            point: (n_dim,) default, learned, or of any stage of a search.
            n_tasks: the number of the first tasks that are run; all by default.

        Raises:
            RunFailed: a weight is not finite.
        """
        n_tasks, interface = n_tasks or self.n_tasks, self.learned.config.held_out_family.interface
        window, n_values = self.learner.circuit(interface).n_steps, self._values(interface)
        # A decision's spikes, and three random numbers or actions for each decision.
        at_once = max(1, MEMORY // (8 * (window * n_values + 3 * interface.n_steps)))
        parameters = self.learned.config.space.decode(point[None, :])
        parts = []
        for first in range(0, n_tasks, at_once):
            which = slice(first, min(first + at_once, n_tasks))
            acted = tile.actions(self.learner, parameters, self.tasks[which], self._seeds(which))
            parts.append(acted[0].reshape(*acted.shape[1:3], -1)[:, :, 0].T.astype(np.float64))
        actions: FloatArray = np.concatenate(parts)
        if not (np.isfinite(point).all() and np.isfinite(actions).all()):
            raise RunFailed(f"{self.learned.source}: the network has weights that are not finite")
        return actions

    def rates(self) -> tuple[FloatArray, int]:
        """Measure the firing rates of the learned network, (n_neurons,) in Hz, and count episodes.

        Those are the first ``RATED`` ones, or as many as memory allows.
        """
        learner, interface = self.learner, self.learned.config.held_out_family.interface
        n_time_steps = interface.n_steps * learner.circuit(interface).n_steps
        possible = MEMORY // (8 * n_time_steps * self._values(interface))
        n_episodes = max(1, min(RATED, self.n_tasks, possible))
        kept = self._trace(self.tasks[:n_episodes], self._seeds(slice(0, n_episodes)))
        rates: FloatArray = kept.counts.sum(axis=0) / (n_time_steps * learner.step_ms * 1e-3)
        return rates, n_episodes

    def trace(self, task: int) -> EpisodeTrace:
        """Trace one episode of the learned point, or the beginning of a long one."""
        learner, interface = self.learner, self.learned.config.held_out_family.interface
        circuit = learner.circuit(interface)
        shown = min(interface.n_steps, max(1, LONGEST // circuit.n_steps))
        tasks: Any = self.tasks[task : task + 1]
        if not learner.trial_channels:  # these channels show how long the whole episode is
            shorter = replace(interface, n_steps=shown)
            tasks = SimpleNamespace(interface=shorter, program=tasks.program, arrays=tasks.arrays)
        kept = self._trace(tasks, self._seeds(slice(task, task + 1)))
        spikes = kept.spikes[:shown, :, 0].reshape(shown * circuit.n_steps, -1)
        neurons = circuit.neurons
        n_adaptive = int((neurons.beta > 0).sum())
        b = adaptation(spikes[:, :n_adaptive], neurons.rho[:n_adaptive])
        seen = kept.seen[:shown, ..., 0, :].reshape(-1, kept.seen.shape[-1])
        return EpisodeTrace(
            step_ms=learner.step_ms,
            window=circuit.n_steps,
            n_decisions=interface.n_steps,
            parts=learner.inputs(interface).parts,
            seen=seen,
            spikes=spikes > 0,
            n_adaptive=n_adaptive,
            thresholds=1 + neurons.beta[:n_adaptive] * b / neurons.threshold,
            acted=kept.action[:shown, 0].reshape(shown, -1)[:, 0],
            feedback=kept.feedback[:shown, 0],
            answers=interface.feedback == "target",
            answer_range=interface.action_range,
            n_actions=interface.n_actions,
        )

    def _trace(self, tasks: TaskBatch, seeds: SeedArray) -> Recorded:
        """Record everything in episodes of the learned point, without the axis of candidates."""
        parameters = self.learned.config.space.decode(self.learned.point[None, :])
        kept = tile.trace(self.learner, parameters, tasks, seeds)
        first: Recorded = xla.jax().tree.map(lambda array: array[0], kept)
        return first

    def _seeds(self, which: slice) -> SeedArray:
        return np.ascontiguousarray(self.seeds[:, which])

    def _values(self, interface: Interface) -> int:
        """Count the numbers of a time step of an episode: currents and spikes, and inputs."""
        return 2 * self.learner.n_neurons * self.learner.copies + self.learner.inputs(interface).n
