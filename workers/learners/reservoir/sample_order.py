"""The order in which a teacher presents the samples of an episode."""

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray


def curriculum_order(curriculum: FloatArray, difficulty: FloatArray) -> IntArray:
    """Return orders between that in which samples were drawn and that of their difficulty.

    Samples come by (1 − |c|) · rank in time + |c| · rank in difficulty: easy ones first for c > 0,
    hard ones first for c < 0. Equal ones keep their order.

    Args:
        curriculum: (n_candidates,) c in [-1, 1].
        difficulty: (n_tasks, n_steps).

    Returns:
        (n_candidates · n_tasks, n_steps) index of each episode's next sample, candidates first.
    """
    n_steps = difficulty.shape[1]
    signed = np.sign(curriculum)[:, None, None] * difficulty
    rank = signed.argsort(axis=2, kind="stable").argsort(axis=2, kind="stable")
    share = np.abs(curriculum)[:, None, None]
    key = (1.0 - share) * np.arange(n_steps) + share * rank
    order: IntArray = key.argsort(axis=2, kind="stable").reshape(-1, n_steps)
    return order
