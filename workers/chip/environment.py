"""The environment as the plasticity processor holds it: tables of integers, one draw a step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.tabular import TabularTasks

FULL = 65535
"""Transition probabilities go to the chip as integers scaled to this."""

REWARD_ONE_Q7 = 127
"""A reward of 1 in Q7."""

SIGNAL_RANGE_Q7 = (-256, 255)
"""What an agent can be told, in Q7: about -2 to 2, one bit more than a byte."""


class Environment(NamedTuple):
    """One Markov decision process.

    Attributes:
        cumulative_u16: (n_actions, n_states, n_states) cumulative probabilities · 65535.
        signal_q7: (n_actions, n_states, n_states) int16, what the agent is told · 127.
        reward: (n_actions, n_states, n_states) the true reward, which makes up the return.
        start_state: state in which an episode begins.
    """

    cumulative_u16: NDArray[np.uint16]
    signal_q7: NDArray[np.int16]
    reward: FloatArray
    start_state: int


def environments(tasks: TabularTasks) -> list[Environment]:
    """The tasks of a batch, one by one. Successors of probability 0 stay impossible.

    Raises:
        ValueError: the agent would be told more than its number format holds.
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
