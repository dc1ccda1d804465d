"""Episodes of a fitted model in the tasks of a family."""

import numpy as np

from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.coordinator.interpretation.policy.fit import Fit
from spikeloop.coordinator.interpretation.policy.model import ChoiceModel, chance_of_arm_1, score_of
from spikeloop.tasks.base import TaskBatch


def simulate(model: ChoiceModel, fit: Fit, tasks: TaskBatch, rng: np.random.Generator) -> Choices:
    """Let a fitted model play an episode of each task.

    Args:
        model: the model.
        fit: its parameters.
        tasks: two-armed bandits.
        rng: for choices and rewards.
    """
    n, n_steps = tasks.n_tasks, tasks.interface.n_steps
    play, memory = tasks.play(np.arange(n)), model.start(n)
    arms, rewards = np.empty((n, n_steps), dtype=np.int64), np.empty((n, n_steps))
    for step in range(n_steps):
        chance = chance_of_arm_1(model.link, score_of(model, memory, fit.weights))
        arms[:, step] = rng.random(n) < chance
        _, rewards[:, step] = play.step(arms[:, step], rng.random(n))
        memory = model.learn(fit.learning, memory, arms[:, step], rewards[:, step])
    return Choices(arms, rewards)
