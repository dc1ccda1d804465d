"""How much of an episode is over, without division: shares of it are accumulated in Q24."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.kernels import part

SHARE_BITS = 24


class EpisodeTime(NamedTuple):
    """The time within an episode.

    Attributes:
        share_q24: share of an episode that a step is.
        time_u32: (1,) uint32 share of the episode that is over, in Q24.
    """

    share_q24: int
    time_u32: NDArray[np.uint32]


def episode_time(n_steps: int) -> EpisodeTime:
    """Return the time at the start of an episode of so many steps."""
    return EpisodeTime(round((1 << SHARE_BITS) / n_steps), np.zeros(1, dtype=np.uint32))


@part
def longer(share_u32: int, share_q24: int) -> int:
    """Return a share with that of one more step, at most 1."""
    return min(share_u32 + share_q24, 1 << SHARE_BITS)


@part
def pass_step(time: EpisodeTime) -> None:
    """Let a step be over."""
    time.time_u32[0] = longer(int(time.time_u32[0]), time.share_q24)
