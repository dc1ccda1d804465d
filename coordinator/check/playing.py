"""Play episodes of a batch of tasks with given actions and random numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.check.promises import CannotCheck, difference
from spikeloop.tasks.base import (
    Chooser,
    FloatArray,
    HasOptimalPolicy,
    HasRandomPolicy,
    IntArray,
    Interface,
    TaskBatch,
)

MAX_COMPARED_STEPS = 100
"""Steps of an episode that are compared number by number."""


@dataclass(frozen=True)
class Script:
    """The actions and random numbers of episodes, drawn beforehand.

    Attributes:
        actions: (n_steps, n_episodes) indices, or (n_steps, n_episodes, n_actions) vectors.
        uniforms: (n_steps, n_episodes) in [0, 1).
    """

    actions: NDArray[Any]
    uniforms: FloatArray

    @classmethod
    def draw(cls, interface: Interface, n_episodes: int, seed: int) -> "Script":
        """Draw random actions for at most ``MAX_COMPARED_STEPS`` steps."""
        rng = np.random.default_rng(seed)
        shape = min(interface.n_steps, MAX_COMPARED_STEPS), n_episodes
        return cls(random_actions(interface, shape, rng), rng.random(shape))

    def of(self, episodes: IntArray) -> "Script":
        """The script of some of the episodes, in this order."""
        return Script(self.actions[:, episodes], self.uniforms[:, episodes])


@dataclass(frozen=True)
class Trace:
    """All that was observed and paid in episodes, (n_steps, n_episodes, ...) each."""

    observations: NDArray[Any]
    rewards: FloatArray
    feedback: FloatArray

    def of(self, episodes: IntArray) -> "Trace":
        """The trace of some of the episodes, in this order."""
        return Trace(*(array[:, episodes] for array in vars(self).values()))

    def difference(self, other: "Trace") -> str:
        """Say in what two traces differ, or ""."""
        for name, array in vars(self).items():
            if found := difference(array, getattr(other, name)):
                return f"{name}: {found}"
        return ""


def trace(tasks: TaskBatch, task: IntArray, script: Script) -> Trace:
    """Play a script; ``task`` (n_episodes,) is the task of each episode."""
    play = tasks.play(task)
    observations, rewards, feedback = [], [], []
    for actions, uniforms in zip(script.actions, script.uniforms, strict=True):
        observations.append(np.array(play.observe()))
        reward, own_feedback = play.step(actions, uniforms)
        rewards.append(np.array(reward))
        feedback.append(np.array(own_feedback))
    return Trace(np.stack(observations), np.stack(rewards), np.stack(feedback))


def random_actions(
    interface: Interface, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[Any]:
    """Draw uniformly random actions: indices, or vectors within ``action_range``."""
    if interface.actions == "discrete":
        return rng.integers(interface.n_actions, size=shape)
    low, high = interface.action_range
    return rng.uniform(low, high, (*shape, interface.n_actions))


def reference_policy(tasks: TaskBatch, reference: str, rng: np.random.Generator) -> Chooser:
    """The policy behind a reference, "random" or "optimal".

    Raises:
        CannotCheck: the batch does not say which policy that is.
    """
    interface, batch = tasks.interface, type(tasks).__name__
    if reference == "optimal":
        if not isinstance(tasks, HasOptimalPolicy):
            raise CannotCheck(f"{batch} has no method optimal_policy that could be played")
        return tasks.optimal_policy()
    if isinstance(tasks, HasRandomPolicy):
        return tasks.random_policy()
    if interface.feedback == "target":
        raise CannotCheck(
            f"what {batch} answers without learning is not known: it has no method random_policy"
        )
    return lambda step, task, observed: random_actions(interface, task.shape, rng)


def play_policy(
    tasks: TaskBatch, policy: Chooser, n_episodes: int, rng: np.random.Generator
) -> FloatArray:
    """Play whole episodes of a policy, and return (n_tasks, n_episodes) returns."""
    task = np.repeat(np.arange(tasks.n_tasks), n_episodes)
    play, returns = tasks.play(task), np.zeros(task.size)
    for step in range(tasks.interface.n_steps):
        actions = policy(step, task, play.observe())
        rewards, _ = play.step(actions, rng.random(task.size))
        returns += rewards
    return returns.reshape(tasks.n_tasks, n_episodes)
