"""SARSA(λ) with rescaling in floating point; ``plasticity.td_lambda`` has the equations."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.kernels import part


@part
def update_float(
    table: NDArray[np.float64],
    trace: NDArray[np.float64],
    pair: int,
    next_pair: int,
    reward: float,
    gamma: float,
    trace_decay: float,
    eta: float,
    low: float,
    high: float,
) -> None:
    """Make one update after the next action is known; values are clipped to [low, high]."""
    step = eta * (reward + gamma * table[next_pair] - table[pair])
    for i in range(table.size):
        trace[i] *= gamma * trace_decay
        if i == pair:
            trace[i] = 1.0
        table[i] = min(max(table[i] + step * trace[i], low), high)


@part
def rescale_float(
    table: NDArray[np.float64], n_states: int, n_actions: int, lower: float, upper: float
) -> None:
    """Map each state's [min, max] onto [lower, upper]; equal values become ``upper``."""
    for state in range(n_states):
        first = state * n_actions
        least = most = table[first]
        for i in range(first + 1, first + n_actions):
            least, most = min(least, table[i]), max(most, table[i])
        span = most - least
        for i in range(first, first + n_actions):
            table[i] = upper if span == 0 else lower + (table[i] - least) * (upper - lower) / span
