"""A base of learners that are written for one episode, as begin, act and observe."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.own_learner.episode import run_each
from spikeloop.workers.own_learner.task import Task
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.space import Parameters, ParameterSpace


class StepLearner(Settings, ABC):
    """Base of a learner of one episode; write ``space``, ``begin``, ``act`` and ``observe``.

    Fields are its settings. Each episode begins with a copy of the object that has nothing but
    them; ``begin`` puts the state of the episode on it as ordinary attributes.

    >>> from spikeloop.workers.space import ParameterSpace, Real
    >>> class Greedy(StepLearner):
    ...     prior: float = 1.0
    ...     def space(self, interface):
    ...         return ParameterSpace.of({"eta": Real(0.01, 1, scale="log")})
    ...     def begin(self, theta, interface, rng):
    ...         self.eta, self.worth = theta.eta, np.full(interface.n_actions, self.prior)
    ...     def act(self, observation):
    ...         self.action = int(self.worth.argmax())
    ...         return self.action
    ...     def observe(self, feedback):
    ...         self.worth[self.action] += self.eta * (feedback - self.worth[self.action])
    """

    @property
    def kind(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @abstractmethod
    def space(self, interface: Interface) -> ParameterSpace:
        """Return the hyperparameters Θ for a family; ValueError if the learner cannot run there."""

    @abstractmethod
    def begin(self, theta: Theta, interface: Interface, rng: np.random.Generator) -> None:
        """Prepare the state of one episode.

        Args:
            theta: the hyperparameters in their units, as ``theta.eta`` or ``theta["eta"]``.
            interface: what a learner may know of every task of the family.
            rng: of the episode's seed; all random numbers of the learner must come from it.
        """

    @abstractmethod
    def act(self, observation: Any) -> Any:
        """Return the action: an index below ``n_actions``, or an (n_actions,) vector.

        ``observation`` is an index, or an (n_observations,) vector.
        """

    @abstractmethod
    def observe(self, feedback: float) -> None:
        """Learn from the feedback on the action: the reward or, where there are targets, it."""

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes one after the other, each by a copy of its own."""
        return run_each(self.kind, self._run, parameters, tasks, seeds)

    def _run(self, theta: Theta, task: Task, rng: np.random.Generator) -> None:
        agent = type(self)(**dict(self))
        agent.begin(theta, task.interface, rng)
        for observation in task:
            agent.observe(task.step(agent.act(observation)))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the state of an episode; settings cannot be changed."""
        if name in type(self).model_fields:
            super().__setattr__(name, value)
        else:
            object.__setattr__(self, name, value)
