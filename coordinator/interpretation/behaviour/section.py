"""The section ``behaviour``: what is done in new tasks, chosen by the kind of tasks and learner."""

from typing import get_args

import numpy as np

from spikeloop.coordinator.config.run_config import FAMILY
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.interpretation.behaviour.bandits import interpret_bandits
from spikeloop.coordinator.interpretation.behaviour.functions import interpret_functions
from spikeloop.coordinator.interpretation.behaviour.maze_policies import (
    MOST_MAZES,
    interpret_mazes,
)
from spikeloop.coordinator.interpretation.behaviour.one_episode import interpret_episode
from spikeloop.coordinator.interpretation.behaviour.pulls import Bandits
from spikeloop.coordinator.interpretation.behaviour.rewards import interpret_rewards
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes, why_no_network
from spikeloop.coordinator.interpretation.results import Results, join
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.quadratic import QuadraticTasks
from spikeloop.tasks.tabular import TabularTasks


def why_not(subject: Subject) -> str | None:
    """Apply to learners in mazes, and to spiking networks of kind ``lsnn`` in all tasks."""
    if isinstance(subject.learned.config.held_out_family, Maze):
        return None
    return why_no_network(subject.learned)


def interpret(subject: Subject, note: Note) -> Results:
    """Run new tasks, and summarise and draw what is done in them.

    By default these are 1000, or 3 mazes where a learner has values of actions to be drawn.

    Raises:
        ConfigError: an option is for the other kind of tasks, or out of range; or a learner in
            mazes is no spiking network and has no action values.
        Unavailable: JAX is not installed.
    """
    learned, n_episodes = subject.learned, subject.n_episodes
    if isinstance(learned.config.held_out_family, Maze) and why_no_network(learned) is not None:
        if (n_mazes := n_episodes or 3) > MOST_MAZES:
            raise ConfigError(f"--episodes must be at most {MOST_MAZES} mazes, got {n_mazes}")
        return interpret_mazes(learned, subject.maze_steps or 1000, n_mazes, subject.seed)
    if subject.maze_steps is not None:
        raise ConfigError(
            f"--steps is for learners with values of actions in mazes; {learned.source} has "
            f"{learned.config.learner.kind} in {FAMILY.name(learned.config.held_out_family)}"
        )
    held = HeldOutEpisodes(learned, subject.episodes(1000), subject.seed)
    actions, tasks = held.actions(learned.point), held.tasks
    parts = [Results({"episodes": held.n_tasks})]
    if isinstance(tasks, QuadraticTasks):
        parts.append(interpret_functions(held, tasks, actions))
    elif isinstance(tasks, get_args(Bandits)):
        parts.append(interpret_bandits(held, tasks, actions.astype(np.int64)))
    elif isinstance(tasks, TabularTasks):
        parts.append(interpret_rewards(held, tasks, actions.astype(np.int64)))
    return join([*parts, interpret_episode(held)])


BEHAVIOUR = Section(
    "what it does in new tasks: pulls, answers, policies, one episode", why_not, interpret
)
