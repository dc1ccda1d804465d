"""SARSA(λ) with periodic rescaling, in the plasticity processor's integers and in floating point.

After the transition (s, a, r, s', a'), with the action a' that was really chosen,

    δ = r + γ w(s', a') − w(s, a);  e ← γλ e, e(s, a) = 1;  w ← clip(w + η δ e)

(Rummery and Niranjan 1994; replacing traces, Singh and Sutton 1996). The published chip program
(Neuromorphic_Hardware_learns_to_learn, PPU/PPU.c) names it TD(λ). Weights are values: a reward of 1
is worth 63.5 weight codes, and since weights are unsigned 6-bit numbers, values live in [0, 0.992].

This is the rule as intended. The program as published truncates its traces to nothing after one
step, lets weights below 0 wrap around to 63, and keeps a table that rescaling does not reach.

Number formats of the integer rule are in ``program``. A trace saturates at 127/128 when its pair is
visited, which is what makes it a replacing trace. Products are rounded, not truncated, since
truncation would pull every value down by half a unit at every step.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.compiling import part
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.chip.ppu import add_i8, add_i16, mul_q7_i8, mul_q7_i16, sub_i16
from spikeloop.workers.plasticity.program import (
    FRACTION_BITS,
    MAX_TABLE,
    MAX_TRACE_Q7,
    REWARD_SHIFT,
)


@part
def synapse_weight(table_value: int) -> int:
    """The 6-bit weight that a table value is written to its synapse as: rounded, clamped."""
    half = 1 << (FRACTION_BITS - 1)
    return min(max((table_value + half) >> FRACTION_BITS, 0), MAX_WEIGHT_U6)


@part
def update_integer(
    table: NDArray[np.int16],
    trace_q7: NDArray[np.int8],
    pair: int,
    next_pair: int,
    reward_q7: int,
    gamma_q7: int,
    lambda_q7: int,
    eta_q7: int,
) -> None:
    """One update after the next action is known, in saturating 8- and 16-bit arithmetic.

    Args:
        table: (n_states · n_actions,) weights in 1/128 codes, updated.
        trace_q7: (n_states · n_actions,) traces, updated.
        pair: state · n_actions + action that earned the reward.
        next_pair: the same of the state and action that followed.
        reward_q7: reward · 127.
        gamma_q7: discount · 128, at most 127.
        lambda_q7: trace decay · 128, at most 127.
        eta_q7: learning rate · 128, at most 127.
    """
    target = add_i16(reward_q7 << REWARD_SHIFT, mul_q7_i16(table[next_pair], gamma_q7))
    step = mul_q7_i16(sub_i16(target, table[pair]), eta_q7)
    decay_q7 = mul_q7_i8(gamma_q7, lambda_q7)
    for i in range(table.size):
        trace = mul_q7_i8(trace_q7[i], decay_q7)
        if i == pair:
            trace = add_i8(trace, MAX_TRACE_Q7)
        trace_q7[i] = trace
        value = add_i16(table[i], mul_q7_i16(step, trace))
        table[i] = min(max(value, 0), MAX_TABLE)


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
    """The same update in floating point; values are clipped to [low, high]."""
    step = eta * (reward + gamma * table[next_pair] - table[pair])
    for i in range(table.size):
        trace[i] *= gamma * trace_decay
        if i == pair:
            trace[i] = 1.0
        table[i] = min(max(table[i] + step * trace[i], low), high)


@part
def rescale_integer(
    table: NDArray[np.int16], n_states: int, n_actions: int, lower: int, upper: int
) -> None:
    """Maps each state's [min, max] onto [lower, upper], rounded; all equal gives ``upper``."""
    for state in range(n_states):
        first = state * n_actions
        least = most = np.int64(table[first])
        for i in range(first + 1, first + n_actions):
            least, most = min(least, np.int64(table[i])), max(most, np.int64(table[i]))
        span = most - least
        for i in range(first, first + n_actions):
            if span == 0:
                table[i] = upper
            else:
                table[i] = lower + ((table[i] - least) * (upper - lower) + span // 2) // span


@part
def rescale_float(
    table: NDArray[np.float64], n_states: int, n_actions: int, lower: float, upper: float
) -> None:
    """The same in floating point."""
    for state in range(n_states):
        first = state * n_actions
        least = most = table[first]
        for i in range(first + 1, first + n_actions):
            least, most = min(least, table[i]), max(most, table[i])
        span = most - least
        for i in range(first, first + n_actions):
            table[i] = upper if span == 0 else lower + (table[i] - least) * (upper - lower) / span
