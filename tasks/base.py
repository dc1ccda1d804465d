"""The joints between a family of tasks and everything that learns them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

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
        n_steps: steps of one episode.
        observations: whether an observation is an index or a real vector.
        observation_range: least and largest value of each element of an observation vector.
        action_range: least and largest value of each element of an action vector.
        feedback: what a learner is told after a step: a reward, or the target it should have given.
        feedback_range: where that usually lies; encoders are spread over it.
        feedback_values: all values that it can have, in ascending order, where they are few; else
            none.
        tables: False says that tasks are never given as tables (``TabularTasks``), so that learners
            which read tables refuse the family before anything is run; None says nothing.
        n_latents: how many numbers of a task training may ask for, though nobody tells the learner:
            ``latents`` of a program's arrays (``tasks/program.py``). 0: none are named.
    """

    n_observations: int
    n_actions: int
    actions: Literal["discrete", "continuous"]
    n_steps: int
    observations: Literal["discrete", "continuous"] = "discrete"
    observation_range: tuple[float, float] = (0.0, 1.0)
    action_range: tuple[float, float] = (0.0, 1.0)
    feedback: Literal["reward", "target"] = "reward"
    feedback_range: tuple[float, float] = (0.0, 1.0)
    feedback_values: tuple[float, ...] = ()
    tables: bool | None = None
    n_latents: int = 0


@dataclass(frozen=True)
class References:
    """Expected return of the two policies that fix the score's scale, one pair per task.

    Attributes:
        random: (n_tasks,) expected return without learning: score 0. It is that of the uniformly
            random policy, or where targets are told, of always answering their mean.
        optimal: (n_tasks,) expected return of the optimal policy: score 1.
    """

    random: FloatArray
    optimal: FloatArray


class Play(Protocol):
    """Episodes under way, side by side; row k belongs to the k-th episode.

    An episode's numbers depend on its own task, actions and luck only, never on its neighbours.
    """

    def observe(self) -> IntArray | FloatArray:
        """(n_episodes,) index of what each sees now, or (n_episodes, n_observations) vector."""
        ...

    def step(
        self, actions: IntArray | FloatArray, uniforms: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Lets every episode take one step.

        Args:
            actions: (n_episodes,) indices, or (n_episodes, n_actions) vectors.
            uniforms: (n_episodes,) uniform random numbers in [0, 1), of which a step needs one
                each.

        Returns:
            (n_episodes,) rewards, which returns are sums of, and (n_episodes,) what each learner is
            told.
        """
        ...


class TaskBatch(Protocol):
    """A fixed set of drawn problems. Owns no generator: playing it needs the learner's seeds."""

    @property
    def n_tasks(self) -> int:
        """Number of tasks in the batch."""
        ...

    @property
    def interface(self) -> Interface:
        """What every task of the batch looks like from outside, which is the family's."""
        ...

    def __getitem__(self, tasks: slice) -> "TaskBatch":
        """The tasks of a slice, as a batch of its own."""
        ...

    def references(self) -> References:
        """Returns of the random and the optimal policy, over the very horizon and start used."""
        ...

    def play(self, task: IntArray) -> Play:
        """Begins episodes side by side.

        Args:
            task: (n_episodes,) which task of the batch each episode is for.
        """
        ...


@runtime_checkable
class HasBaselines(Protocol):
    """A batch that knows further policies to measure learners against."""

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """(n_tasks,) expected return of each policy, by its name for tables.

        Args:
            rng: for policies whose return can only be estimated.
        """
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
