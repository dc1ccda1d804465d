"""The network of a learned point, and one recorded episode of it, as exports need them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.search.transfer_design import transfer_grid, transfer_theta
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.lsnn.wiring import INPUT_BITS
from spikeloop.workers.philox import Stream, uniforms


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode of a frozen network.

    Attributes:
        inputs: what its channels were: (n_decisions, n_channels), or one row for each time step
            where inputs are spikes.
        spikes: (n_time_steps, n_neurons).
        choice: (n_decisions,) uniform numbers by which actions were drawn.
        action: (n_decisions,) actions, or (n_decisions, n_actions) answers.
        feedback: (n_decisions,) the feedback for them.
    """

    inputs: FloatArray
    spikes: NDArray[np.bool_]
    choice: FloatArray
    action: NDArray[np.generic]
    feedback: FloatArray


def freeze(learned: Learned, form: str) -> FrozenNetwork:
    """Freeze the network of a learned point, with the settings of held-out episodes.

    Error messages name the ``form`` of the export.

    Raises:
        ConfigError: the learner is not of kind ``lsnn``, its neurons do not spike, or it has
            several copies.
    """
    learner = learned.config.held_out_learner
    if not isinstance(learner, Lsnn):
        raise ConfigError(
            f"{learned.source}: --to {form} is for networks of the learner lsnn, this one is "
            f"{learner.kind}; --to weights takes any"
        )
    if learner.smooth:
        raise ConfigError(
            f"{learned.source}: --to {form} needs neurons that spike, but learner.smooth is "
            f"{learner.smooth}, not 0"
        )
    if learner.copies > 1:
        raise ConfigError(
            f"{learned.source}: --to {form} is for one network, but learner.copies is "
            f"{learner.copies}, not 1"
        )
    return FrozenNetwork.at(learner, learned.config.held_out_family.interface, learned.point)


def record_episode(learned: Learned, frozen: FrozenNetwork, task: int) -> RecordedEpisode:
    """Record the episode of the learned point on one of the held-out tasks of its run.

    Raises:
        ConfigError: there is no such task.
        Unavailable: JAX is not installed.
    """
    config = learned.config
    if task >= config.transfer.tasks:
        raise ConfigError(
            f"{learned.source}: --task must be 0 to {config.transfer.tasks - 1}, the last held-out "
            f"task, got {task}"
        )
    grid = transfer_grid(config, config.transfer, learned.point)
    row = transfer_theta(config.transfer).index("learned")
    seeds = np.ascontiguousarray(grid.seeds()[row : row + 1, task : task + 1])
    parameters = config.space.decode(learned.point[None, :])
    kept = tile.trace(frozen.learner, parameters, grid.tasks()[task : task + 1], seeds)
    n_channels, n_decisions = frozen.inputs.shape[0], frozen.interface.n_steps
    # Sums round channels that are not spikes to this many bits (``exact_product``).
    inputs = np.round(kept.seen * 2.0**INPUT_BITS) / 2.0**INPUT_BITS
    drawn = [uniforms(seeds[0], Stream.EXPLORATION, step)[0, 0] for step in range(n_decisions)]
    return RecordedEpisode(
        inputs.reshape(-1, n_channels),
        kept.spikes.reshape(-1, kept.spikes.shape[-1]) > 0,
        np.array(drawn),
        kept.action[0, :, 0],
        kept.feedback[0, :, 0],
    )
