"""The joints between a family of tasks and everything that learns them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SeedArray = NDArray[np.uint64]


@dataclass(frozen=True)
class Interface:
    """What a learner sees of every task of a family.

    Attributes:
        n_observations: number of discrete observations, or length of an observation vector.
        n_actions: number of discrete actions, or length of an action vector.
        actions: whether an action is an index or a real vector.
        n_steps: steps of one life.
    """

    n_observations: int
    n_actions: int
    actions: Literal["discrete", "continuous"]
    n_steps: int


@dataclass(frozen=True)
class References:
    """Expected return of the two policies that fix the score's scale, one pair per task.

    Attributes:
        random: (n_tasks,) expected return of the uniformly random policy: score 0.
        optimal: (n_tasks,) expected return of the optimal policy: score 1.
    """

    random: FloatArray
    optimal: FloatArray


class TaskBatch(Protocol):
    """A fixed set of drawn problems. Owns no generator: playing it needs the learner's seeds."""

    @property
    def n_tasks(self) -> int:
        """Number of tasks in the batch."""
        ...

    def __getitem__(self, tasks: slice) -> "TaskBatch":
        """The tasks of a slice, as a batch of its own."""
        ...

    def references(self) -> References:
        """Returns of the random and the optimal policy, over the very horizon and start used."""
        ...


class TaskFamily(Protocol):
    """A distribution of tasks. Implementations are frozen settings with a ``kind``."""

    @property
    def kind(self) -> str:
        """The name under which configuration files choose the family."""
        ...

    @property
    def interface(self) -> Interface:
        """What every task of the family looks like from outside."""
        ...

    def sample(self, n_tasks: int, rng: np.random.Generator) -> TaskBatch:
        """Draws ``n_tasks`` tasks; the same generator state gives the same tasks."""
        ...

    def model_dump(self, *, mode: Literal["json"]) -> Mapping[str, Any]:
        """The settings as plain values, as pydantic writes them."""
        ...
