"""The protocol of plasticity programs, and the number formats that programs share.

Weights are halfwords in 1/128 codes; a value of 1 is 8128 of them, the reward's Q7 byte shifted by
6 bits, as in the published program. Rates, rewards and traces are Q7 bytes, whose largest value is
127/128.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.environment import REWARD_ONE_Q7
from spikeloop.workers.chip.limits import INITIAL_WEIGHT_U6, MAX_WEIGHT_U6, N_NEURONS
from spikeloop.workers.kernels import part
from spikeloop.workers.space import Parameter, Real

FRACTION_BITS = 7
REWARD_SHIFT = 6
MAX_TABLE = MAX_WEIGHT_U6 << FRACTION_BITS
MAX_TRACE_Q7 = 127
VALUE_ONE = REWARD_ONE_Q7 << REWARD_SHIFT

SHORTEST_RESCALE = 0.0129
"""Shortest published rescaling period, as a fraction of an episode."""


class PlasticityProgram(Protocol):
    """A plasticity program: frozen settings with a ``kind``; ``hooks`` documents its functions."""

    @property
    def kind(self) -> str:
        """Return the name by which configuration files choose the program."""
        ...

    @property
    def uses_sensors(self) -> bool:
        """Tell whether the correlation sensors must be kept up to date for it."""
        ...

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return its part of the hyperparameters Θ."""
        ...

    def memory(self, theta: Mapping[str, float], n_states: int, n_actions: int) -> Any:
        """Return its memory at the start of an episode, a NamedTuple that is registered."""
        ...


def q7(value: float) -> int:
    """Return the Q7 byte nearest to a value in [0, 1]; 1 becomes 127/128."""
    if not 0 <= value <= 1:
        raise ValueError(f"value must be in [0, 1], got {value}")
    return min(round(value * 128), 127)


def weight_code(weight: float) -> int:
    """Return the nearest 6-bit weight."""
    weight_u6 = round(weight)
    if not 0 <= weight_u6 <= MAX_WEIGHT_U6:
        raise ValueError(f"weight must be in [0, {MAX_WEIGHT_U6}], got {weight}")
    return weight_u6


def table_weight(weight: float) -> int:
    """Return the nearest 6-bit weight, in the table's unit."""
    return weight_code(weight) << FRACTION_BITS


def rescale_period(n_steps: int) -> Real:
    """Return the hyperparameter of the rescaling period, with its published range."""
    return Real(
        "rescale_period",
        SHORTEST_RESCALE * n_steps,
        n_steps,
        (SHORTEST_RESCALE + 1) / 2 * n_steps,
        "step",
        description="steps between two rescalings",
    )


def value_parameters(n_steps: int) -> tuple[Parameter, ...]:
    """Return the hyperparameters of the value-learning programs, in the published order."""
    weight = MAX_WEIGHT_U6
    return (
        Real("gamma", 0, 1, 0.5, description="discount"),
        Real("eta", 0, 1, 0.5, description="learning rate"),
        Real("weight_lower", 0, weight, weight / 2, "code", description="rescaling: least weight"),
        Real(
            "weight_upper",
            "weight_lower",
            weight,
            0.75 * weight,
            "code",
            description="rescaling: largest weight",
        ),
        initial_weight(),
        rescale_period(n_steps),
    )


def initial_weight() -> Real:
    """Return the hyperparameter of the initial weight from states to actions."""
    return Real(
        "initial_weight",
        0,
        MAX_WEIGHT_U6,
        INITIAL_WEIGHT_U6,
        "code",
        description="all weights from states to actions at first",
    )


@part
def synapse(state: int, action: int, n_states: int) -> int:
    """Return the index of the synapse from a state neuron to an action neuron."""
    return state * N_NEURONS + n_states + action


@part
def synapse_weight(table_value: int) -> int:
    """Return the 6-bit weight for a table value: rounded and clamped."""
    half = 1 << (FRACTION_BITS - 1)
    return min(max((table_value + half) >> FRACTION_BITS, 0), MAX_WEIGHT_U6)


@part
def write_table(core: Core, table: NDArray[np.int16], n_states: int, n_actions: int) -> None:
    """Copy a table of weights into the synapses from states to actions."""
    for state in range(n_states):
        for action in range(n_actions):
            value = int(table[state * n_actions + action])
            core.weight_u6[synapse(state, action, n_states)] = synapse_weight(value)
