"""Protocols between families of tasks and everything that learns them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SeedArray = NDArray[np.uint64]

Feedback = Literal["own", "unrelated"]
"""Whether the feedback of a decision is that of the task, or a negative control that says nothing
of what the decision earns."""

Chooser: TypeAlias = Callable[[int, IntArray, Any], Any]
"""A fixed policy: the actions of episodes, from the step that is to come, the (n_episodes,) task of
each, and what each observes; of tables whose states look the same, the state itself."""


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
        feedback: what a learner gets as feedback after a step: a reward, or the target of its
            answer.
        feedback_range: usual range of the feedback; encoders are spread over it.
        feedback_values: all values of the feedback in ascending order where they are few, else
            empty.
        tables: whether tasks are given as tables (``tabular.HasTables``); learners that read tables
            refuse a family that says False before a run starts. None if that is not known.
        n_listed: how many chances a task lists for each step where it is given so in place of
            tables (``listed_chances.ListedChances``): one for each arm, or one for two arms whose
            chances sum to 1; 0 elsewhere.
        n_states: number of states of the tables, where some of them have the same observation; None
            where each state has its own.
        grid: height and width where states are the fields of a maze, given as a map too
            (``TabularTasks.map_u8``); None elsewhere.
        optimum: "exact" where ``References.optimal`` is the highest expected return that there is;
            "estimate" where it is another mark, such as that of a good policy, which learners may
            exceed: then scores above 1 raise no warning.
        n_latents: how many numbers that define a task training may use as targets, although the
            learner does not see them: ``latents`` of a program's arrays (``tasks/program.py``).
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
    n_listed: int = 0
    n_states: int | None = None
    grid: tuple[int, int] | None = None
    n_latents: int = 0
    optimum: Literal["exact", "estimate"] = "exact"


@dataclass(frozen=True)
class References:
    """Expected returns of the two policies that fix the scale of scores, one pair per task.

    Attributes:
        random: (n_tasks,) expected return without learning, score 0: that of the uniformly random
            policy or, where the feedback is a target, of always answering the targets' mean.
        optimal: (n_tasks,) expected return of the optimal policy, score 1.
    """

    random: FloatArray
    optimal: FloatArray


class Play(Protocol):
    """Episodes in progress, side by side; row k belongs to the k-th episode.

    The numbers of an episode depend only on its own task, actions and random numbers.
    """

    def observe(self) -> IntArray | FloatArray:
        """Return (n_episodes,) indices of observations, or (n_episodes, n_observations) vectors."""
        ...

    def step(
        self, actions: IntArray | FloatArray, uniforms: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Advance every episode by one step.

        Args:
            actions: (n_episodes,) indices, or (n_episodes, n_actions) vectors.
            uniforms: (n_episodes,) uniform random numbers in [0, 1), one for each episode's step.

        Returns:
            (n_episodes,) rewards, which returns are sums of, and (n_episodes,) feedback to the
            learners.
        """
        ...


class TaskBatch(Protocol):
    """A fixed set of sampled tasks without a random generator of its own."""

    @property
    def n_tasks(self) -> int:
        """Return the number of tasks."""
        ...

    @property
    def interface(self) -> Interface:
        """Return the interface that all tasks share, which is the family's."""
        ...

    def __getitem__(self, tasks: slice) -> "TaskBatch":
        """Return the tasks of a slice as a batch."""
        ...

    def references(self) -> References:
        """Return the reference returns over the same horizon and start as episodes have."""
        ...

    def play(self, task: IntArray) -> Play:
        """Start episodes side by side; ``task`` (n_episodes,) is the task of each episode."""
        ...


@runtime_checkable
class HasBaselines(Protocol):
    """A batch that knows further policies to compare learners with."""

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Return (n_tasks,) expected returns of each policy, by its name in tables.

        ``rng`` serves policies whose return can only be estimated.
        """
        ...


@runtime_checkable
class HasOptimalPolicy(Protocol):
    """A batch that can play its optimal policy, so that the reference can be simulated."""

    def optimal_policy(self) -> Chooser:
        """Return the policy whose expected returns are ``References.optimal``."""
        ...


@runtime_checkable
class HasRandomPolicy(Protocol):
    """A batch whose random reference is that of another policy than uniformly random actions."""

    def random_policy(self) -> Chooser:
        """Return the policy whose expected returns are ``References.random``."""
        ...


class TaskFamily(Protocol):
    """A distribution of tasks. Implementations are frozen settings with a ``kind``."""

    @property
    def kind(self) -> str:
        """Return the name by which configuration files choose the family."""
        ...

    @property
    def interface(self) -> Interface:
        """Return the interface of every task of the family."""
        ...

    def sample(self, n_tasks: int, rng: np.random.Generator) -> TaskBatch:
        """Sample tasks; the same generator state gives the same tasks."""
        ...

    def model_dump(self, *, mode: Literal["json"]) -> Mapping[str, Any]:
        """Return the settings as plain values, as pydantic writes them."""
        ...
