"""Tasks of your own for a spiking network: a cue in the first step, asked for in the last one.

The rules are a program over an array library ``xp``: NumPy plays them, and the network's compiled
code contains them. So what depends on values is written with ``xp.where``, never with ``if``, and
nothing is assigned into arrays.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import Chooser, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, FamilyBatch, TaskProgram
from spikeloop.tasks.settings import Settings


class Recall(Settings):
    """Each task has its cue, an action; only that action in the last step pays 1."""

    n_cues: int = Field(default=2, ge=2, le=100, description="cues, and actions")
    n_steps: int = Field(default=5, ge=2, le=1000, description="decisions of one episode")

    @property
    def kind(self) -> str:
        """Whose name messages bear."""
        return "recall"

    @property
    def interface(self) -> Interface:
        """Observation 0 is nothing, the others are cues; rewards are 0 or 1, so two channels."""
        return Interface(
            self.n_cues + 1, self.n_cues, "discrete", self.n_steps, feedback_values=(0.0, 1.0)
        )

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "RecallTasks":
        """Draws cues; more tasks begin with the same ones."""
        return RecallTasks(self, (rng.random(n_tasks) * self.n_cues).astype(np.int64))


@dataclass(frozen=True)
class RecallTasks(FamilyBatch[Recall]):
    """A batch: (n_tasks,) cues, beside the settings of their family."""

    cue: IntArray

    def references(self) -> References:
        """Exact expected returns of random actions (score 0) and of the cue (score 1)."""
        return References(np.full(self.n_tasks, 1 / self.family.n_cues), np.ones(self.n_tasks))

    def optimal_policy(self) -> Chooser:
        """What earns the optimal reference, so that `spikeloop check` can simulate it."""
        return lambda step, task, observed: self.cue[task]

    def program(self) -> "RecallProgram":
        """The rules: the same for all tasks of the family."""
        return RecallProgram(self.family.n_steps)


@dataclass(frozen=True)
class RecallProgram(TaskProgram):
    """The rules. Compiled code depends on the fields of this class, so they are plain values."""

    n_steps: int

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """Which task each episode is for, and how many steps are done."""
        return {"task": task, "done": xp.zeros_like(task)}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """The cue in the first step, then 0."""
        return xp.where(state["done"] == 0, arrays["cue"][state["task"]] + 1, 0)

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """The new state, the reward, and the feedback: here the reward."""
        right = actions == arrays["cue"][state["task"]]
        last = state["done"] == self.n_steps - 1
        reward = xp.where(last & right, 1.0, 0.0)
        return {**state, "done": state["done"] + 1}, reward, reward
