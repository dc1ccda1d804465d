"""Markov decision processes as tables, shared by every family with few states and actions."""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Interface, References
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
        start_state: (n_tasks,) state in which a life begins.
        n_steps: steps of one life; there is no reset within it.
        signal: like ``reward``, what the agent is told of that transition; None where it is told
            the reward itself. Learners read it as ``told``.
        told_range: where what the agent is told lies, over the whole family.
    """

    transition: FloatArray
    reward: FloatArray
    start_state: IntArray
    n_steps: int
    signal: FloatArray | None = None
    told_range: tuple[float, float] = (0.0, 1.0)

    @property
    def interface(self) -> Interface:
        """Discrete states and actions."""
        return Interface(
            self.n_states, self.n_actions, "discrete", self.n_steps, told_range=self.told_range
        )

    @property
    def told(self) -> FloatArray:
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
            self.told_range,
        )

    def expected_reward(self) -> FloatArray:
        """(n_tasks, n_actions, n_states) expected reward of an action in a state."""
        expected: FloatArray = np.einsum("tasn,tasn->tas", self.transition, self.reward)
        return expected

    def references(self) -> References:
        """Exact expected returns of the uniform and the optimal policy over ``n_steps``."""
        tables = (self.transition, self.expected_reward(), self.start_state, self.n_steps)
        return References(random=random_return(*tables), optimal=optimal_return(*tables))

    def play(self, task: IntArray) -> "TabularPlay":
        """Begins lives side by side, each in the start state of its task."""
        cumulative = np.cumsum(self.transition, axis=-1)
        # Dividing makes the last possible successor's entry exactly 1, above every draw.
        cumulative /= cumulative[..., -1:]
        return TabularPlay(cumulative, self.reward, self.told, task, self.start_state[task])


@dataclass
class TabularPlay:
    """Lives in Markov decision processes.

    Attributes:
        cumulative: (n_tasks, n_actions, n_states, n_states) successors' probabilities, summed up.
        reward: as in ``TabularTasks``.
        told: as in ``TabularTasks``.
        task: (n_lives,) whose task it is.
        state: (n_lives,) where each life is.
    """

    cumulative: FloatArray
    reward: FloatArray
    told: FloatArray
    task: IntArray
    state: IntArray

    def observe(self) -> IntArray:
        """The states."""
        return self.state

    def step(
        self, actions: IntArray | FloatArray, luck: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Draws successors by inversion: the first whose cumulative probability exceeds luck."""
        row = self.task, actions, self.state
        successor = (self.cumulative[row] <= luck[:, None]).sum(axis=-1)
        self.state = successor
        return self.reward[(*row, successor)], self.told[(*row, successor)]
