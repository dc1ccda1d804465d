"""Rule (b) of the published bandits: the value of an action is the posterior mean of its chance.

    v = (wins + α) / (choices + α + β)

the mean of Beta(α + wins, β + losses) (Bohnstingl et al. 2019; repository
Neuromorphic_Hardware_learns_to_learn, hardware/mab/mab.c, ``update_weights_mean``). The processor
has no division that a program should rely on; here it is restoring division, one subtraction for
each bit of the quotient.
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
    VALUE_BITS,
    ActionValues,
    action_values,
    code_low,
    reward_u16,
    write_value,
    write_values,
)
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import CYCLES_PER_INSTRUCTION

COUNT_BITS = 8
"""Counts are in 1/256, so that a prior may be a fraction of a choice."""


class PosteriorMemory(NamedTuple):
    """Memory of the rule; counts include the prior and are in 1/256.

    Attributes:
        values: values of actions.
        won_u32: (n_states · n_actions,) uint32 rewards and α.
        tried_u32: (n_states · n_actions,) uint32 choices, α and β.
    """

    values: ActionValues
    won_u32: NDArray[np.uint32]
    tried_u32: NDArray[np.uint32]


class PosteriorMean(Settings):
    """The value of an action is the posterior mean of its chance to pay."""

    kind: Literal["posterior_mean"] = "posterior_mean"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = ()
    compiled_bytes: ClassVar[int] = 4040  # benchmarks/chip/code_size.py

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return α, β and the code of a value of 0."""
        return (
            Real(0.05, 8, 1, scale="log", name="alpha", description="α, imagined rewards"),
            Real(0.05, 8, 1, scale="log", name="beta", description="β, imagined failures"),
            code_low(),
        )

    def cycles(self, n_actions: int) -> int:
        """Return the processor's cycles of an update, most of them of the division."""
        return CYCLES_PER_INSTRUCTION * (230 + 9 * n_actions)

    def memory(self, theta: Mapping[str, float], interface: Interface) -> PosteriorMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_pairs, unit = n_states * n_actions, 1 << COUNT_BITS
        won = max(round(theta["alpha"] * unit), 1)
        tried = won + max(round(theta["beta"] * unit), 1)
        return PosteriorMemory(
            action_values(n_states, n_actions, won / tried, theta["code_low"]),
            np.full(n_pairs, won, dtype=np.uint32),
            np.full(n_pairs, tried, dtype=np.uint32),
        )


@part
def quotient_u16(numerator: int, denominator: int) -> int:
    """Return a fraction in [0, 1] as 65536 parts, rounded down, at most 65535."""
    if numerator >= denominator:
        return MAX_VALUE_U16
    quotient, rest = 0, numerator
    for _ in range(VALUE_BITS):
        rest <<= 1
        quotient <<= 1
        if rest >= denominator:
            rest -= denominator
            quotient |= 1
    return quotient


def begin(core: Core, memory: PosteriorMemory) -> None:
    """Write the initial values into the synapses."""
    write_values(core, memory.values)


def decided(core: Core, memory: PosteriorMemory, step: int, state: int, action: int) -> None:
    """Wait for the reward."""


def rewarded(core: Core, memory: PosteriorMemory, state: int, action: int, signal_q7: int) -> None:
    """Count the choice and its reward, and write their quotient."""
    pair = state * memory.values.n_actions_u8 + action
    reward = (reward_u16(signal_q7) + (1 << (COUNT_BITS - 1))) >> COUNT_BITS
    won = int(memory.won_u32[pair]) + reward
    tried = int(memory.tried_u32[pair]) + (1 << COUNT_BITS)
    memory.won_u32[pair], memory.tried_u32[pair] = won, tried
    memory.values.value_u16[pair] = quotient_u16(won, tried)
    write_value(core, memory.values, state, action)


register(PosteriorMemory, begin=begin, decided=decided, rewarded=rewarded)
