"""Markov decision processes as tables, shared by every family with few states and actions."""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, References
from spikeloop.tasks.references.finite_horizon import optimal_return, random_return


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
    """

    transition: FloatArray
    reward: FloatArray
    start_state: IntArray
    n_steps: int
    signal: FloatArray | None = None

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
        )

    def expected_reward(self) -> FloatArray:
        """(n_tasks, n_actions, n_states) expected reward of an action in a state."""
        expected: FloatArray = np.einsum("tasn,tasn->tas", self.transition, self.reward)
        return expected

    def references(self) -> References:
        """Exact expected returns of the uniform and the optimal policy over ``n_steps``."""
        tables = (self.transition, self.expected_reward(), self.start_state, self.n_steps)
        return References(random=random_return(*tables), optimal=optimal_return(*tables))
