"""The closed loop of a subject: its network on held-out tasks, ready to be simulated."""

from dataclasses import replace
from typing import Any

import numpy as np

from spikeloop.coordinator.export.learned_network import freeze
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.tasks.base import FloatArray

EPISODES = 500
"""By default at most, of a section that asks for no other number."""
DEFAULT_LEAST = 150
"""Episodes by default of tasks with many decisions."""
TIME_STEPS = 200_000
"""Of all episodes together, about which the default number of episodes is chosen."""


def closed_loop(held: HeldOutEpisodes, point: FloatArray | None = None) -> ClosedLoop:
    """Return the loop of held-out episodes, with the learned point or another, (n_dim,).

    Raises:
        Unavailable: JAX is not installed.
    """
    learned: Learned = held.learned if point is None else replace(held.learned, point=point)
    tasks: Any = held.tasks
    return ClosedLoop(freeze(learned, "NumPy"), tasks, held.seeds[0])


def default_episodes(subject: Subject, most: int = EPISODES, least: int = 2) -> int:
    """Give the number of episodes that were asked for, or one that takes a minute or two.

    Raises:
        ConfigError: fewer than ``least``.
    """
    config: Any = subject.learned.config
    interface = config.held_out_family.interface
    time_steps = interface.n_steps * config.held_out_learner.circuit(interface).n_steps
    return subject.episodes(int(np.clip(TIME_STEPS // time_steps, DEFAULT_LEAST, most)), least)
