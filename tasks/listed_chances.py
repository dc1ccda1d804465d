"""Bandits whose chances change, as lists with the chances of each step.

Tables that hold such a walk would need a state for each step, and grow with the square of their
number. A list grows with the number itself, and the task remains the very same for all learners.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from spikeloop.tasks.base import FloatArray, Interface, TaskBatch
from spikeloop.tasks.tabular import TabularTasks, tables_of


@dataclass(frozen=True)
class ListedChances:
    """A batch of bandits with one observation and a feedback of 1 or 0.

    Attributes:
        interface: of the family.
        chance: (n_tasks, n_steps, n_listed) chance that the feedback of an arm is 1 in each step,
            for all arms, or for the first one of two whose chances sum to 1.
        expected: (n_tasks, n_steps, n_arms) expected rewards, of which the return is the sum; None
            where that is the sum of the feedback.
    """

    interface: Interface
    chance: FloatArray
    expected: FloatArray | None = None

    @property
    def n_tasks(self) -> int:
        """Return the number of tasks."""
        return len(self.chance)

    @property
    def chance_of_arms(self) -> FloatArray:
        """Return (n_tasks, n_arms, n_steps) chances of all arms."""
        listed = self.chance.swapaxes(1, 2)
        if listed.shape[1] == self.interface.n_actions:
            return listed
        return np.concatenate([listed, 1.0 - listed], axis=1)

    @property
    def rewards(self) -> FloatArray:
        """Return (n_tasks, n_arms, n_steps, 2) rewards of pulls, by their feedback, 0 or 1."""
        shape = (*self.chance_of_arms.shape, 2)
        if self.expected is None:
            return np.broadcast_to(np.array([0.0, 1.0]), shape)
        return np.broadcast_to(self.expected.swapaxes(1, 2)[..., None], shape)


@runtime_checkable
class HasListedChances(Protocol):
    """A batch whose tasks can also be given as lists of chances."""

    def listed_chances(self) -> ListedChances:
        """Return the tasks with their interface; its ``n_listed`` says how long a row is."""
        ...


def tables_or_chances_of(tasks: TaskBatch, learner: str) -> TabularTasks | ListedChances:
    """Return a batch as tables or as lists of chances, for the learner of that name.

    Raises:
        ValueError: it has neither.
    """
    if isinstance(tasks, HasListedChances):
        return tasks.listed_chances()
    return tables_of(tasks, learner)
