"""The environment as the plasticity processor holds it: tables of integers, one draw a step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.tabular import TabularTasks

FULL = 65535
"""Transition probabilities go to the chip as integers scaled to this."""


class Environment(NamedTuple):
    """One Markov decision process.

    Attributes:
        cumulative_u16: (n_actions, n_states, n_states) cumulative probabilities · 65535.
        reward_q7: (n_actions, n_states, n_states) int8, the reward · 127 that the agent sees.
        reward: (n_actions, n_states, n_states) the true reward, which makes up the return.
        start_state: state in which a life begins.
    """

    cumulative_u16: NDArray[np.uint16]
    reward_q7: NDArray[np.int8]
    reward: FloatArray
    start_state: int


def environments(tasks: TabularTasks) -> list[Environment]:
    """The tasks of a batch, one by one. Successors of probability 0 stay impossible."""
    cumulative = np.cumsum(tasks.transition, axis=-1)
    cumulative_u16 = np.rint(cumulative / cumulative[..., -1:] * FULL).astype(np.uint16)
    reward_q7 = np.rint(tasks.reward * 127).astype(np.int8)
    return [
        Environment(
            cumulative_u16[task],
            reward_q7[task],
            tasks.reward[task].copy(),  # kernels are compiled for arrays of their own
            int(tasks.start_state[task]),
        )
        for task in range(tasks.n_tasks)
    ]
