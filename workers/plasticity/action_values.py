"""Values of actions that rules for bandits keep, and the synapses that hold them.

A value is a fraction of 2¹⁶ in an unsigned halfword, 65535 for 1. The synapse from state s to
action a gets the code

    w(s, a) = low + value (63 − low) / 2¹⁶, rounded.

``low`` is a hyperparameter of the hardware: the choice among action neurons is noisy, and the
fewer codes a unit of value is worth, the more it explores.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.kernels import part
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.plasticity.program import synapse

VALUE_BITS = 16
MAX_VALUE_U16 = (1 << VALUE_BITS) - 1
RATE_BITS = 15
MAX_LOW_U6 = 48
LOW_U6 = 32
"""The least code of the published program, which writes half a value's bits and 32
(Neuromorphic_Hardware_learns_to_learn, hardware/mab/mab.c)."""

PER_Q7 = 517
"""65536 / 127, rounded up, so that a reward of 1, 127 in Q7, is a value of 1."""


class ActionValues(NamedTuple):
    """What these rules have in common.

    Attributes:
        n_states_u8: states, of neurons 0 to n_states − 1.
        n_actions_u8: actions, of the neurons that follow.
        low_u6: code of a value of 0.
        value_u16: (n_states · n_actions,) uint16 values.
    """

    n_states_u8: int
    n_actions_u8: int
    low_u6: int
    value_u16: NDArray[np.uint16]


def action_values(n_states: int, n_actions: int, initial: float, low: float) -> ActionValues:
    """Return values that are all ``initial``, in [0, 1], with the code ``low`` for a value of 0."""
    value_u16 = min(round(initial * (1 << VALUE_BITS)), MAX_VALUE_U16)
    values = np.full(n_states * n_actions, value_u16, dtype=np.uint16)
    return ActionValues(n_states, n_actions, round(low), values)


def code_low() -> Real:
    """Return the hyperparameter of the code of a value of 0."""
    return Real(
        0, MAX_LOW_U6, LOW_U6, "code", name="code_low", description="weight of a value of 0"
    )


def initial_value() -> Real:
    """Return the hyperparameter of the initial value; the published one is 0.75."""
    return Real(0, 1, 0.75, name="initial_value", description="all values at first")


def rate_q15(rate: float) -> int:
    """Return the Q15 halfword nearest to a rate in [0, 1]."""
    return round(rate * (1 << RATE_BITS))


@part
def reward_u16(signal_q7: int) -> int:
    """Return the value of a reward in Q7, 0 for what is below 0."""
    return min(max(signal_q7 * PER_Q7, 0), MAX_VALUE_U16)


@part
def towards(value: int, target: int, rate: int) -> int:
    """Return a value that has moved towards another one by a Q15 rate, rounded half up."""
    return value + ((rate * (target - value) + (1 << (RATE_BITS - 1))) >> RATE_BITS)


def others_q16(n_actions: int) -> int:
    """Return 1 / (n_actions − 1) in Q16, rounded down.

    So its product with the sum of the other values stays below 2³².
    """
    return min((1 << VALUE_BITS) // max(n_actions - 1, 1), MAX_VALUE_U16)


@part
def sum_of_state(values: ActionValues, state: int) -> int:
    """Return the sum of the values of a state's actions."""
    total = 0
    for pair in range(state * values.n_actions_u8, (state + 1) * values.n_actions_u8):
        total += int(values.value_u16[pair])
    return total


@part
def change_value(values: ActionValues, pair: int, change: int) -> None:
    """Add to a value, which saturates."""
    value = int(values.value_u16[pair]) + change
    values.value_u16[pair] = min(max(value, 0), MAX_VALUE_U16)


@part
def write_value(core: Core, values: ActionValues, state: int, action: int) -> None:
    """Write the code of a value into its synapse."""
    value = int(values.value_u16[state * values.n_actions_u8 + action])
    span = value * (MAX_WEIGHT_U6 - values.low_u6) + (1 << (VALUE_BITS - 1))
    weight = values.low_u6 + (span >> VALUE_BITS)
    core.weight_u6[synapse(state, action, values.n_states_u8)] = weight


@part
def write_values(core: Core, values: ActionValues) -> None:
    """Write the codes of all values."""
    for state in range(values.n_states_u8):
        for action in range(values.n_actions_u8):
            write_value(core, values, state, action)
