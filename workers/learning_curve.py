"""The bins of an inner-loop learning curve."""

import numpy as np

from spikeloop.tasks.base import IntArray
from spikeloop.workers.base import N_CURVE_BINS


def bin_lengths(n_steps: int) -> IntArray:
    """Return the (n_bins,) steps in each bin; step t belongs to bin t · n_bins // n_steps."""
    n_bins = min(N_CURVE_BINS, n_steps)
    return np.bincount(np.arange(n_steps) * n_bins // n_steps)
