"""A family without anything to be learned: what is left of a run is a function of Θ.

It is no row of ``FAMILIES``: a search over a plain function (``spikeloop.minimize``) uses it, so
that evaluations of a function are jobs like episodes of a learner.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spikeloop.tasks.base import IntArray, Interface, References
from spikeloop.tasks.program import Arrays, FamilyBatch, TaskProgram
from spikeloop.tasks.settings import Settings


class NoTask(Settings):
    """Tasks of one step, in which every action earns nothing."""

    kind: Literal["no_task"] = "no_task"

    @property
    def interface(self) -> Interface:
        """Return one observation, one action and one step."""
        return Interface(n_observations=1, n_actions=1, actions="discrete", n_steps=1, tables=False)

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "NoTasks":
        """Return tasks that differ in their number alone."""
        return NoTasks(self, np.arange(n_tasks))


@dataclass(frozen=True)
class NoTasks(FamilyBatch[NoTask]):
    """A batch of nothing.

    Attributes:
        number: (n_tasks,) of each task.
    """

    number: IntArray

    def references(self) -> References:
        """Return 0 and 1, so that a score is the return itself."""
        return References(np.zeros(self.n_tasks), np.ones(self.n_tasks))

    def program(self) -> "NoTaskProgram":
        """Return the rules."""
        return NoTaskProgram()


@dataclass(frozen=True)
class NoTaskProgram(TaskProgram):
    """The rules of tasks without rewards."""

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Return rewards and feedback of 0."""
        nothing = xp.zeros(state["task"].shape)
        return state, nothing, nothing
