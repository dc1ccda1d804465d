"""The environment as tables of integers in the plasticity processor, with one draw per step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.tabular import TabularTasks

FULL = 65535
"""Transition probabilities are scaled to this integer."""

REWARD_ONE_Q7 = 127
"""A reward of 1 in Q7."""

SIGNAL_RANGE_Q7 = (-256, 255)
"""Range of the feedback in Q7, about -2 to 2, which is one bit more than a byte."""


class Environment(NamedTuple):
    """One Markov decision process.

    Attributes:
        cumulative_u16: (n_actions, n_states, n_states) cumulative probabilities · 65535.
        signal_q7: (n_actions, n_states, n_states) int16 feedback · 127.
        reward: (n_actions, n_states, n_states) rewards of which the return is the sum.
        start_state: state in which an episode starts.
    """

    cumulative_u16: NDArray[np.uint16]
    signal_q7: NDArray[np.int16]
    reward: FloatArray
    start_state: int


def environments(tasks: TabularTasks) -> list[Environment]:
    """Return the tasks of a batch, one by one. Successors of probability 0 stay impossible.

    Raises:
        ValueError: the feedback is larger than its number format holds.
    """
    cumulative = np.cumsum(tasks.transition, axis=-1)
    cumulative_u16 = np.rint(cumulative / cumulative[..., -1:] * FULL).astype(np.uint16)
    feedback_q7 = np.rint(tasks.feedback * REWARD_ONE_Q7)
    least, most = SIGNAL_RANGE_Q7
    if not ((feedback_q7 >= least) & (feedback_q7 <= most)).all():
        raise ValueError(
            f"the chip's rewards must be in [{least}, {most}] / {REWARD_ONE_Q7}, got "
            f"{tasks.feedback.min():g} to {tasks.feedback.max():g}"
        )
    signal_q7 = feedback_q7.astype(np.int16)
    return [
        Environment(
            cumulative_u16[task],
            signal_q7[task],
            tasks.reward[task].copy(),  # kernels are compiled for arrays of their own
            int(tasks.start_state[task]),
        )
        for task in range(tasks.n_tasks)
    ]
