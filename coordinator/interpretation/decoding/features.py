"""Features of the spikes of one decision, of which decoders read.

``spikes`` are (n_time_steps, n_episodes, n_neurons); features are (n_episodes, n_features).
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray

COUNTS, BINS, LATENCIES, SHUFFLED = "counts", "bins", "first spikes", "bins, shuffled"


def counts(spikes: NDArray[np.bool_]) -> FloatArray:
    """Count the spikes of each neuron."""
    return np.asarray(spikes.sum(axis=0), dtype=np.float64)


def bins(spikes: NDArray[np.bool_]) -> FloatArray:
    """Return every time step of every neuron, 0 or 1."""
    return spikes.swapaxes(0, 1).reshape(spikes.shape[1], -1).astype(np.float64)


def latencies(spikes: NDArray[np.bool_]) -> FloatArray:
    """Return the time step of each neuron's first spike; that after the last if there is none."""
    first = np.where(spikes.any(axis=0), spikes.argmax(axis=0), len(spikes))
    return np.asarray(first, dtype=np.float64)


def shuffled(spikes: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Shuffle the time steps of each neuron in each episode: counts stay, times are lost."""
    return rng.permuted(spikes, axis=0)
