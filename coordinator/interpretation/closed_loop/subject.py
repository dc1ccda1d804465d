"""The closed loop of a subject: its network on held-out tasks, ready to be simulated."""

from dataclasses import replace

from spikeloop.coordinator.export.frozen_network import freeze
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.tasks.base import FloatArray, TaskBatch


def closed_loop(held: HeldOutEpisodes, point: FloatArray | None = None) -> ClosedLoop:
    """Return the loop of held-out episodes, with the learned point or another, (n_dim,).

    Raises:
        Unavailable: JAX is not installed.
    """
    learned: Learned = held.learned if point is None else replace(held.learned, point=point)
    tasks: TaskBatch = held.tasks
    return ClosedLoop(freeze(learned, "NumPy"), tasks, held.seeds[0])  # type: ignore[arg-type]
