"""A model of your own with a rule in Python: the network of own_model.toml, taught by a critic.

Equations speak of single neurons and synapses. A rule in numpy sees a whole episode between two
decisions: this one keeps a table of what each action in each state is worth (Watkins and Dayan
1992, Machine Learning 8:279), and tells the synapses, instead of the reward, by how much the chosen
action falls short of the best one.
"""

import tomllib
from pathlib import Path

import numpy as np

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.learners.brian_model.learner import BrianModel, DecisionView
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.space import Parameters, ParameterSpace

MODEL = BrianModel(**tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["learner"])
OF_THE_CRITIC = (Real(0, 1, 0.5, name="gamma"), Real(0.01, 1, 0.1, name="eta_critic", scale="log"))


def critic(now: DecisionView) -> None:
    """Q-learning beside the network; every episode has a table of its own."""
    episodes, n_states = now.array("input", "activity").shape
    shape = episodes, n_states, now.array("actions", "feedback").shape[1]
    worth, visits = (now.memory.setdefault(name, np.zeros(shape)) for name in ("worth", "visits"))
    episode = np.arange(episodes)
    taken = episode, now.observation, now.action
    visits[taken] += 1
    rate = np.maximum(now.theta["eta_critic"], 1 / visits[taken])
    best_next = worth[episode, now.next_observation].max(axis=1)
    worth[taken] += rate * (now.feedback + now.theta["gamma"] * best_next - worth[taken])
    regret = worth[episode, now.observation].max(axis=1) - worth[taken]
    now.array("actions", "feedback")[:] = -regret[:, None]


class OwnModel(Settings):
    """The model of own_model.toml, taught by a critic."""

    @property
    def kind(self) -> str:
        """Whose name messages bear."""
        return MODEL.kind

    def space(self, interface: Interface) -> ParameterSpace:
        """The model's hyperparameters and the critic's."""
        return ParameterSpace((*MODEL.space(interface).parameters, *OF_THE_CRITIC))

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """The model's episodes, with the critic between decisions."""
        return MODEL.run_episodes(parameters, tasks, seeds, rule=critic)
