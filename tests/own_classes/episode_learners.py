"""Learners of one episode: one rule as a function and as methods, and one that ends its process."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.tasks.base import Interface
from spikeloop.workers.own_learner.function_learner import learner
from spikeloop.workers.own_learner.step_learner import StepLearner
from spikeloop.workers.own_learner.task import Task
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.parameter_types import Parameter, Real
from spikeloop.workers.space import ParameterSpace


def hyperparameters(
    interface: Interface, prior: float = 1.0, kind: str = "delta_rule"
) -> dict[str, Parameter]:
    """Θ of both, which does not depend on the setting ``prior``."""
    del prior
    if interface.actions != "discrete":
        raise ValueError(f"{kind} needs discrete actions, got {interface.actions} ones")
    return {
        "eta": Real(0.01, 1, scale="log", description="learning rate"),
        "epsilon": Real(0, 1, 0.1, description="share of random actions"),
    }


@learner(space=hyperparameters)
def delta_rule(theta: Theta, task: Task, rng: np.random.Generator, *, prior: float = 1.0) -> None:
    """Learn the worth of each action, whatever is observed."""
    worth = np.full(task.interface.n_actions, prior)
    for _ in task:
        random = rng.random() < theta.epsilon
        action = int(rng.integers(worth.size) if random else worth.argmax())
        worth[action] += theta.eta * (task.step(action) - worth[action])


@learner(space={"a": Real(0, 1)})
def fragile(theta: Theta, task: Task, rng: np.random.Generator, *, once_in: str = "") -> None:
    """Act at random; one episode of all that share a folder ends its process in the middle."""
    for _ in task:
        if once_in and task.n_taken == task.n_steps // 2 and not list(Path(once_in).iterdir()):
            (Path(once_in) / "died").touch()
            os._exit(3)
        task.step(int(rng.integers(task.interface.n_actions)))


class DeltaRule(StepLearner):
    """Learn the worth of each action, whatever is observed."""

    prior: float = 1.0

    def space(self, interface: Interface) -> ParameterSpace:
        return ParameterSpace.of(hyperparameters(interface, kind=self.kind))

    def begin(self, theta: Theta, interface: Interface, rng: np.random.Generator) -> None:
        self.theta, self.rng = theta, rng
        self.worth = np.full(interface.n_actions, self.prior)

    def act(self, observation: Any) -> int:
        random = self.rng.random() < self.theta.epsilon
        self.action = int(self.rng.integers(self.worth.size) if random else self.worth.argmax())
        return self.action

    def observe(self, feedback: float) -> None:
        self.worth[self.action] += self.theta.eta * (feedback - self.worth[self.action])
