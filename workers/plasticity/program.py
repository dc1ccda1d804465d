"""What a plasticity program holds in the processor's memory, and its number formats.

Weights are halfwords in 1/128 codes; a value of 1 is 8128 of them, the reward's Q7 byte shifted by
6 bits, as in the published program. Rates, rewards and traces are Q7 bytes, which end at 127/128.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.space import Real

FRACTION_BITS = 7
REWARD_SHIFT = 6
REWARD_ONE_Q7 = 127
MAX_TABLE = MAX_WEIGHT_U6 << FRACTION_BITS
MAX_TRACE_Q7 = 127
VALUE_ONE = REWARD_ONE_Q7 << REWARD_SHIFT


def q7(value: float) -> int:
    """The Q7 byte nearest to a value in [0, 1]; 1 becomes 127/128."""
    if not 0 <= value <= 1:
        raise ValueError(f"value must be in [0, 1], got {value}")
    return min(round(value * 128), 127)


def table_weight(weight_codes: float) -> int:
    """The 6-bit weight nearest to so many codes, in the table's unit."""
    weight_u6 = round(weight_codes)
    if not 0 <= weight_u6 <= MAX_WEIGHT_U6:
        raise ValueError(f"weight must be in [0, {MAX_WEIGHT_U6}], got {weight_codes}")
    return weight_u6 << FRACTION_BITS


SHORTEST_RESCALE = 0.0129
"""Shortest published rescaling period, as a fraction of a life."""


def rescale_period(n_steps: int) -> Real:
    """The hyperparameter of how often weights are rescaled, with its published range.

    Args:
        n_steps: steps of a life.
    """
    return Real(
        "rescale_period",
        SHORTEST_RESCALE * n_steps,
        n_steps,
        (SHORTEST_RESCALE + 1) / 2 * n_steps,
        "step",
        description="steps between two rescalings",
    )


class Program(NamedTuple):
    """Constants and memory of SARSA(λ) with periodic rescaling.

    Attributes:
        table: (n_states · n_actions,) int16 weights.
        trace_q7: (n_states · n_actions,) int8 traces.
        random: (1,) int64 state of the 32-bit linear congruential generator.
        gamma_q7: discount.
        lambda_q7: trace decay.
        eta_q7: learning rate.
        weight_lower: table value on which rescaling puts a state's least weight.
        weight_upper: table value on which it puts the largest one.
        rescale_period: decisions between two rescalings, at least 1.
    """

    table: NDArray[np.int16]
    trace_q7: NDArray[np.int8]
    random: NDArray[np.int64]
    gamma_q7: int
    lambda_q7: int
    eta_q7: int
    weight_lower: int
    weight_upper: int
    rescale_period: int


def program(
    n_pairs: int,
    *,
    gamma: float,
    trace_decay: float,
    eta: float,
    initial_weight: float,
    weight_lower: float,
    weight_upper: float,
    rescale_period: float,
) -> Program:
    """A program at the start of a life; weights in codes, the period in decisions."""
    return Program(
        table=np.full(n_pairs, table_weight(initial_weight), dtype=np.int16),
        trace_q7=np.zeros(n_pairs, dtype=np.int8),
        random=np.zeros(1, dtype=np.int64),
        gamma_q7=q7(gamma),
        lambda_q7=q7(trace_decay),
        eta_q7=q7(eta),
        weight_lower=table_weight(weight_lower),
        weight_upper=table_weight(weight_upper),
        rescale_period=max(1, round(rescale_period)),
    )
