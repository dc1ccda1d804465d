"""One episode of the tabular reference: the chip's rule in floating point, greedy over values."""

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.noise import GOLDEN, splitmix64
from spikeloop.workers.kernels import emulator_kernel
from spikeloop.workers.learners.tabular.rule import rescale_float, update_float

S11 = np.uint64(11)
TO_UNIT = 2.0**-53


@emulator_kernel
def run_episode(
    table: FloatArray,
    trace: FloatArray,
    cumulative: FloatArray,
    reward: FloatArray,
    signal: FloatArray,
    state: int,
    gamma: float,
    trace_decay: float,
    eta: float,
    low: float,
    high: float,
    rescale_period: int,
    lower: float,
    upper: float,
    seed: np.uint64,
    n_steps: int,
    curve: FloatArray,
) -> None:
    """Run one episode; ``table``, ``trace`` and ``curve`` are updated."""
    n_actions, n_states, _ = reward.shape
    counter = np.uint64(seed)
    pair = -1
    feedback = 0.0
    for step in range(n_steps):
        # The greedy action; ties are broken uniformly, by keeping the k-th with chance 1/k.
        first = state * n_actions
        action = 0
        n_ties = 1
        for a in range(1, n_actions):
            if table[first + a] > table[first + action]:
                action, n_ties = a, 1
            elif table[first + a] == table[first + action]:
                n_ties += 1
                counter = np.uint64(counter + GOLDEN)
                if np.float64(splitmix64(counter) >> S11) * TO_UNIT * n_ties < 1.0:
                    action = a
        next_pair = first + action
        if pair >= 0:
            update_float(
                table, trace, pair, next_pair, feedback, gamma, trace_decay, eta, low, high
            )
            if rescale_period > 0 and step % rescale_period == 0:
                rescale_float(table, n_states, n_actions, lower, upper)
        counter = np.uint64(counter + GOLDEN)
        number = np.float64(splitmix64(counter) >> S11) * TO_UNIT
        successor = 0
        while number >= cumulative[action, state, successor]:
            successor += 1
        curve[step * curve.size // n_steps] += reward[action, state, successor]
        feedback = signal[action, state, successor]
        pair = next_pair
        state = successor
