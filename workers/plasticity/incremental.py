"""Rule (a) of the published bandits: the value of the chosen action moves towards its reward.

    v ← v + η_a (r − v);  η_a ← κ η_a

with a learning rate for each action, which falls with its choices (Bohnstingl et al. 2019;
Neuromorphic_Hardware_learns_to_learn, hardware/mab/mab.c, ``update_weights_local``). The published
program keeps 32 bits of value and rate; here they are halfwords, and products are rounded.

The rule ``fictive`` (in its own file) shares the functions of this one.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.kernels import part
from spikeloop.workers.parameter_types import Parameter, Real
from spikeloop.workers.plasticity.action_values import (
    MAX_VALUE_U16,
    RATE_BITS,
    ActionValues,
    action_values,
    code_low,
    initial_value,
    rate_q15,
    reward_u16,
    towards,
    write_value,
    write_values,
)
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import CYCLES_PER_INSTRUCTION

MAX_RATE = 0.9


class IncrementalMemory(NamedTuple):
    """Memory of this rule and of ``fictive``.

    Attributes:
        values: values of actions.
        decay_q15: κ.
        fictive_q15: f, 0 without fictive updates.
        rate_q15: (n_states · n_actions,) uint16 learning rates.
    """

    values: ActionValues
    decay_q15: int
    fictive_q15: int
    rate_q15: NDArray[np.uint16]


class Incremental(Settings):
    """The value of the chosen action moves towards its reward, at a rate that falls."""

    kind: Literal["incremental"] = "incremental"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = ()
    compiled_bytes: ClassVar[int] = 4168  # benchmarks/chip/code_size.py

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return η, κ, the initial value and the code of a value of 0."""
        return (
            Real(0, MAX_RATE, MAX_RATE / 2, name="learning_rate", description="first η"),
            Real(0, 1, 0.9, name="rate_decay", description="κ, what a choice leaves of η"),
            initial_value(),
            code_low(),
        )

    def cycles(self, n_actions: int) -> int:
        """Return the processor's cycles of an update."""
        return CYCLES_PER_INSTRUCTION * (130 + 22 * n_actions)

    def memory(self, theta: Mapping[str, float], interface: Interface) -> IncrementalMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        rates = np.full(n_states * n_actions, rate_q15(theta["learning_rate"]), dtype=np.uint16)
        return IncrementalMemory(
            values=action_values(n_states, n_actions, theta["initial_value"], theta["code_low"]),
            decay_q15=rate_q15(theta["rate_decay"]),
            fictive_q15=rate_q15(theta.get("fictive", 0.0)),
            rate_q15=rates,
        )


def begin(core: Core, memory: IncrementalMemory) -> None:
    """Write the initial values into the synapses."""
    write_values(core, memory.values)


def decided(core: Core, memory: IncrementalMemory, step: int, state: int, action: int) -> None:
    """Wait for the reward."""


def rewarded(
    core: Core, memory: IncrementalMemory, state: int, action: int, signal_q7: int
) -> None:
    """Move the values of a state's actions and lower the learning rate of the chosen one."""
    values = memory.values
    n_actions, reward = values.n_actions_u8, reward_u16(signal_q7)
    pair = state * n_actions + action
    rate = int(memory.rate_q15[pair])
    values.value_u16[pair] = towards(int(values.value_u16[pair]), reward, rate)
    write_value(core, values, state, action)
    if memory.fictive_q15 > 0:
        fictive = scaled(rate, memory.fictive_q15)
        for other in range(n_actions):
            if other != action:
                pair_of_other = state * n_actions + other
                value = int(values.value_u16[pair_of_other])
                values.value_u16[pair_of_other] = towards(value, MAX_VALUE_U16 - reward, fictive)
                write_value(core, values, state, other)
    memory.rate_q15[pair] = scaled(rate, memory.decay_q15)


@part
def scaled(rate: int, factor: int) -> int:
    """Return the product of two Q15 numbers, rounded half up."""
    return (rate * factor + (1 << (RATE_BITS - 1))) >> RATE_BITS


register(IncrementalMemory, begin=begin, decided=decided, rewarded=rewarded)
