"""Markov decision processes as tables, shared by all families with few states and actions."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import (
    Chooser,
    FloatArray,
    IntArray,
    Interface,
    References,
    TaskBatch,
)
from spikeloop.tasks.program import Arrays, ProgramBatch, TaskProgram
from spikeloop.tasks.references.finite_horizon import (
    optimal_actions,
    optimal_return,
    random_return,
)


def require_tables(interface: Interface, learner: str) -> None:
    """Raise ValueError if a family gives neither the tables that a learner reads nor chances."""
    if interface.tables is False and not interface.n_listed:
        raise ValueError(f"{learner} needs tasks given as tables, as random_mdp and maze are")


def tables_of(tasks: TaskBatch, learner: str) -> "TabularTasks":
    """Return a batch as tables, for the learner of that name.

    Raises:
        ValueError: it has none.
    """
    if isinstance(tasks, TabularTasks):
        return tasks
    if isinstance(tasks, HasTables):
        return tasks.tables()
    raise ValueError(f"{learner} needs tasks given as tables, got {type(tasks).__name__}")


@dataclass(frozen=True)
class TabularTasks(ProgramBatch):
    """A batch of finite Markov decision processes.

    Attributes:
        transition: (n_tasks, n_actions, n_states, n_states) probability of the successor (last
            axis) given action and state; every row sums to 1.
        reward: (n_tasks, n_actions, n_states, n_states) reward of that transition, of which returns
            and references are sums.
        start_state: (n_tasks,) state in which an episode starts.
        n_steps: steps of one episode; there is no reset within it.
        observation: what a learner observes in each state, a number from 0 on; empty where each
            state is its own observation.
        signal: feedback for that transition, like ``reward``; None where it is the reward itself.
            Learners read it as ``feedback``.
        feedback_range: range of the feedback over the whole family.
        feedback_values: all values of the feedback in ascending order where they are few.
        map_u8: (n_tasks, height, width) uint8 the same tasks as maps where they are mazes
            (``maze``), which take less memory: 0 for a free field, 1 for a wall, 2 for the goal.
        map_feedback: feedback at a wall or the border, and at the goal.
        first_random: (n_tasks,) word at which the generator of the chip's processor begins in an
            episode, where the processor has drawn it with the task; None: from the episode's seed.
    """

    transition: FloatArray
    reward: FloatArray
    start_state: IntArray
    n_steps: int
    observation: tuple[int, ...] = ()
    signal: FloatArray | None = None
    feedback_range: tuple[float, float] = (0.0, 1.0)
    feedback_values: tuple[float, ...] = ()
    map_u8: NDArray[np.uint8] | None = None
    map_feedback: tuple[float, float] = (0.0, 0.0)
    first_random: IntArray | None = None

    @property
    def interface(self) -> Interface:
        """Return an interface with discrete states and actions."""
        return Interface(
            self.n_observations,
            self.n_actions,
            "discrete",
            self.n_steps,
            feedback_range=self.feedback_range,
            feedback_values=self.feedback_values,
            n_states=self.n_states if self.observation else None,
            grid=None if self.map_u8 is None else self.map_u8.shape[1:],
        )

    @property
    def feedback(self) -> FloatArray:
        """Return (n_tasks, n_actions, n_states, n_states) feedback for a transition."""
        return self.reward if self.signal is None else self.signal

    @property
    def n_actions(self) -> int:
        """Return the number of actions, which is the same in every state."""
        return int(self.transition.shape[1])

    @property
    def n_states(self) -> int:
        """Return the number of states."""
        return int(self.transition.shape[2])

    @property
    def n_observations(self) -> int:
        """Return the number of observations."""
        return max(self.observation) + 1 if self.observation else self.n_states

    def observations(self) -> IntArray:
        """Return (n_states,) the observation of each state."""
        return np.array(self.observation or range(self.n_states), dtype=np.int64)

    def expected_reward(self) -> FloatArray:
        """Return (n_tasks, n_actions, n_states) expected rewards of actions in states."""
        expected: FloatArray = (self.transition * self.reward).sum(axis=-1)
        return expected

    def references(self) -> References:
        """Return exact expected returns of the uniform and the optimal policy over ``n_steps``.

        The optimal policy sees the state itself, whatever is observed of it.
        """
        tables = (self.transition, self.expected_reward(), self.start_state, self.n_steps)
        return References(random=random_return(*tables), optimal=optimal_return(*tables))

    def optimal_policy(self) -> Chooser:
        """Return the policy of the largest expected return over the steps that are left.

        It is given the states themselves, also where some look the same.
        """
        actions = optimal_actions(self.transition, self.expected_reward(), self.n_steps)
        return lambda step, task, state: actions[step, task, state]

    def program(self) -> "TabularProgram":
        """Return the rules."""
        return TabularProgram(self.observation)

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """Return ``start_state``, ``reward``, ``feedback`` and cumulative probabilities.

        ``cumulative`` is (n_tasks, n_actions, n_states, n_states). From the last possible successor
        on it is 2, above every random number, even one that single precision rounds to 1, so that
        no successor of probability 0 is ever reached.
        """
        cumulative = np.cumsum(self.transition, axis=-1)
        # Dividing makes the last possible successor's entry, and all after it, exactly 1.
        cumulative /= cumulative[..., -1:]
        cumulative[cumulative == 1.0] = 2.0
        return {
            "start_state": self.start_state,
            "cumulative": cumulative,
            "reward": self.reward,
            "feedback": self.feedback,
        }


@dataclass(frozen=True)
class TabularProgram(TaskProgram):
    """The rules of Markov decision processes as tables.

    In single precision a random number close to the border between two successors may fall on the
    other side, with a probability below 1e-7 for each border of a row.

    Attributes:
        observation: of each state; empty where each state is its own observation.
    """

    observation: tuple[int, ...] = ()

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """Put each episode into the start state of its task; ``place`` is the current state."""
        return {"task": task, "place": arrays["start_state"][task]}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """Return the observations of the current states."""
        place = state["place"]
        if not self.observation:
            return place
        return xp.asarray(self.observation, dtype=place.dtype)[place]

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Draw successors by inversion: the first with a cumulative probability above a number."""
        row = state["task"], actions, state["place"]
        passed = arrays["cumulative"][row] <= noise[:, None]
        successor = passed.sum(axis=-1, dtype=state["place"].dtype)
        there = (*row, successor)
        return {**state, "place": successor}, arrays["reward"][there], arrays["feedback"][there]


@runtime_checkable
class HasTables(Protocol):
    """A batch whose tasks can also be given as tables."""

    def tables(self) -> TabularTasks:
        """Return the tasks as tables, with the interface, rewards and references of the batch."""
        ...
