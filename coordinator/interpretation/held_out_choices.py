"""What a learned network or an agent on the chip chooses in held-out tasks, and what it is paid."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.held_out_episodes import (
    HeldOutEpisodes,
    held_out_grid,
    why_no_network,
)
from spikeloop.tasks.base import FloatArray, IntArray, SeedArray, TaskBatch
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.lsnn import tile


@dataclass(frozen=True)
class HeldOutChoices:
    """Episodes of the learned point.

    Attributes:
        tasks: the tasks.
        seeds: (n_tasks,) of the episodes.
        actions: (n_tasks, n_steps) what was done.
        feedback: (n_tasks, n_steps) the feedback that the learner got.
    """

    tasks: TaskBatch
    seeds: SeedArray
    actions: IntArray
    feedback: FloatArray


def why_no_choices(learned: Learned) -> str | None:
    """Say why the choices of a learned point cannot be recorded; None if they can."""
    learner: object = learned.config.held_out_learner
    if isinstance(learner, ChipAgent) or why_no_network(learned) is None:
        return None
    kind = learned.config.learner.kind
    return f"[learner] kind must be lsnn, with neurons that spike, or chip, got {kind}"


def held_out_choices(learned: Learned, n_tasks: int, seed: int) -> HeldOutChoices:
    """Run the learned point on held-out tasks with discrete actions, those of a transfer."""
    learner: Any = learned.config.held_out_learner
    if not isinstance(learner, ChipAgent):
        held = HeldOutEpisodes(learned, n_tasks, seed)
        actions = held.actions(learned.point).astype(np.int64)
        _, feedback = tile.paid(held.tasks, held.seeds, actions.T[None])
        return HeldOutChoices(held.tasks, held.seeds[0], actions, feedback[0])
    grid = held_out_grid(learned, n_tasks, seed)
    tasks, seeds = grid.tasks()[:n_tasks], np.ascontiguousarray(grid.seeds()[1:, :n_tasks])
    parameters = learned.config.space.decode(learned.point[None, :])
    done, feedback = learner.choices(parameters, tasks, seeds)
    return HeldOutChoices(tasks, seeds[0], done[0], feedback[0])
