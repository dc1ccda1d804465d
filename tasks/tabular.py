"""Markov decision processes as tables, shared by every family with few states and actions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, ProgramPlay
from spikeloop.tasks.references.finite_horizon import optimal_return, random_return


def require_tables(interface: Interface, learner: str) -> None:
    """ValueError if a family says that its tasks are not given as tables, which a learner reads."""
    if interface.tables is False:
        raise ValueError(f"{learner} needs tasks given as tables, as random_mdp and maze are")


@dataclass(frozen=True)
class TabularTasks:
    """A batch of finite Markov decision processes.

    Attributes:
        transition: (n_tasks, n_actions, n_states, n_states) probability of the successor (last
            axis) given action and state; every row sums to 1.
        reward: (n_tasks, n_actions, n_states, n_states) reward of that transition: what returns
            and references are made of.
        start_state: (n_tasks,) state in which an episode begins.
        n_steps: steps of one episode; there is no reset within it.
        signal: like ``reward``, what the agent is told of that transition; None where it is told
            the reward itself. Learners read it as ``feedback``.
        feedback_range: where what the agent is told lies, over the whole family.
    """

    transition: FloatArray
    reward: FloatArray
    start_state: IntArray
    n_steps: int
    signal: FloatArray | None = None
    feedback_range: tuple[float, float] = (0.0, 1.0)

    @property
    def interface(self) -> Interface:
        """Discrete states and actions."""
        return Interface(
            self.n_states,
            self.n_actions,
            "discrete",
            self.n_steps,
            feedback_range=self.feedback_range,
        )

    @property
    def feedback(self) -> FloatArray:
        """(n_tasks, n_actions, n_states, n_states) what the agent is told of a transition."""
        return self.reward if self.signal is None else self.signal

    @property
    def n_tasks(self) -> int:
        """Number of tasks in the batch."""
        return len(self.transition)

    @property
    def n_actions(self) -> int:
        """Number of actions, the same in every state."""
        return int(self.transition.shape[1])

    @property
    def n_states(self) -> int:
        """Number of states."""
        return int(self.transition.shape[2])

    def __getitem__(self, tasks: slice) -> "TabularTasks":
        """The tasks of a slice, as a batch of its own."""
        return TabularTasks(
            self.transition[tasks],
            self.reward[tasks],
            self.start_state[tasks],
            self.n_steps,
            None if self.signal is None else self.signal[tasks],
            self.feedback_range,
        )

    def expected_reward(self) -> FloatArray:
        """(n_tasks, n_actions, n_states) expected reward of an action in a state."""
        expected: FloatArray = (self.transition * self.reward).sum(axis=-1)
        return expected

    def references(self) -> References:
        """Exact expected returns of the uniform and the optimal policy over ``n_steps``."""
        tables = (self.transition, self.expected_reward(), self.start_state, self.n_steps)
        return References(random=random_return(*tables), optimal=optimal_return(*tables))

    def program(self) -> "TabularProgram":
        """The rules."""
        return TabularProgram()

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """``start_state``, ``reward`` and ``feedback``, and how probabilities of successors add up.

        ``cumulative`` is (n_tasks, n_actions, n_states, n_states), and from the last possible
        successor on 2: above every luck, even one that single precision rounds to 1. So no
        successor of probability 0 is ever reached.
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

    def play(self, task: IntArray) -> ProgramPlay:
        """Begins episodes side by side, each in the start state of its task."""
        return ProgramPlay.begin(self, task)


@dataclass(frozen=True)
class TabularProgram:
    """The rules of Markov decision processes as tables.

    In single precision a luck close to the border between two successors may fall to the other
    side, with a probability below 1e-7 for each border of a row.
    """

    def to_noise(self, uniform: FloatArray) -> FloatArray:
        """The uniform numbers themselves."""
        return uniform

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """Each episode in the start state of its task; its ``place`` is the state it is in."""
        return {"task": task, "place": arrays["start_state"][task]}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """The states."""
        return state["place"]

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Draws successors by inversion: the first whose cumulative probability exceeds luck."""
        row = state["task"], actions, state["place"]
        passed = arrays["cumulative"][row] <= noise[:, None]
        successor = passed.sum(axis=-1, dtype=state["place"].dtype)
        there = (*row, successor)
        return {**state, "place": successor}, arrays["reward"][there], arrays["feedback"][there]
