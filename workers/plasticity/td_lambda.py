"""SARSA(λ) with periodic rescaling, in the plasticity processor's integers.

After the transition (s, a, r, s', a'), with the action a' that was really chosen,

    δ = r + γ w(s', a') − w(s, a);  e ← γλ e, e(s, a) = 1;  w ← clip(w + η δ e)

(Rummery and Niranjan 1994; replacing traces, Singh and Sutton 1996). The published chip program
(Neuromorphic_Hardware_learns_to_learn, PPU/PPU.c) names it TD(λ). Weights are values: a reward of 1
is worth 63.5 weight codes, and since weights are unsigned 6-bit numbers, values are in [0, 0.992].

This is the rule as intended; ``td_published`` is the program as it was published, and
``learners.tabular`` has the rule in floating point. Number formats are in ``program``. A trace
saturates at 127/128 when its pair is visited, which makes it a replacing trace. Its decay is
truncated, since a rounded one would stop short of 0 and credit every pair without end. All other
products are rounded, since truncation would pull every value down by half a unit at every step.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.chip.ppu.scalar_unit import (
    add_i8,
    add_i16,
    decayed_i8,
    mul_q7_i8,
    mul_q7_i16,
    sub_i16,
)
from spikeloop.workers.kernels import part
from spikeloop.workers.parameter_types import Parameter, Real
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import FRACTION_BITS, REWARD_SHIFT, synapse, weight_code
from spikeloop.workers.plasticity.td import TdCommon, TdSettings

MAX_TABLE = MAX_WEIGHT_U6 << FRACTION_BITS
MAX_TRACE_Q7 = 127


class TdMemory(NamedTuple):
    """Memory of SARSA(λ) with periodic rescaling.

    Attributes:
        td: what ``td_published`` keeps too.
        table: (n_states · n_actions,) int16 weights in 1/128 codes.
        trace_q7: (n_states · n_actions,) int8 traces.
        scale_q7: factor on the feedback, 128 for 1.
        weight_lower: table value onto which rescaling maps a state's least weight.
        weight_upper: table value onto which it maps the largest one.
    """

    td: TdCommon
    table: NDArray[np.int16]
    trace_q7: NDArray[np.int8]
    scale_q7: int
    weight_lower: int
    weight_upper: int


class TdLambda(TdSettings):
    """SARSA(λ) in saturating integers, as intended: rounded, clamped, one table."""

    kind: Literal["td_lambda"] = "td_lambda"
    compiled_bytes: ClassVar[int] = 4808  # benchmarks/chip/code_size.py
    search_reward_scale: bool = Field(
        default=False, description="whether the reward's scale is a hyperparameter, or 1"
    )

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the published hyperparameters, then λ and the reward's scale where searched.

        The published scale lets a weight of 63.5 stand for a value of 1. Values reach 1/(1 − γ), so
        that is enough for a small γ only; a smaller scale makes room for larger values.
        """
        scale = Real(0.1, 1, 1, name="reward_scale", description="what a reward counts")
        searched = super().parameters(interface)
        return (*searched, scale) if self.search_reward_scale else searched

    def memory(self, theta: Mapping[str, float], interface: Interface) -> TdMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_pairs = n_states * n_actions
        return TdMemory(
            td=self.common(theta, interface),
            table=np.full(n_pairs, table_weight(theta["initial_weight"]), dtype=np.int16),
            trace_q7=np.zeros(n_pairs, dtype=np.int8),
            scale_q7=round(128 * theta.get("reward_scale", 1.0)),
            weight_lower=table_weight(theta["weight_lower"]),
            weight_upper=table_weight(theta["weight_upper"]),
        )


def table_weight(weight: float) -> int:
    """Return the nearest 6-bit weight, in the table's unit."""
    return weight_code(weight) << FRACTION_BITS


def begin(core: Core, memory: TdMemory) -> None:
    """Write the initial weights."""
    write_table(core, memory)


def decided(core: Core, memory: TdMemory, step: int, state: int, action: int) -> None:
    """Update the previous pair, now that the action that followed it is known."""
    pair = state * memory.td.n_actions + action
    last = memory.td.last
    if last[0] >= 0:
        update(memory, last[0], pair, last[1])
        if step % memory.td.rescale_period == 0:
            rescale(memory)
        write_table(core, memory)
    last[0] = pair


def rewarded(core: Core, memory: TdMemory, state: int, action: int, signal_q7: int) -> None:
    """Keep the feedback until the next decision."""
    memory.td.last[1] = mul_q7_i16(signal_q7, memory.scale_q7)


register(TdMemory, begin=begin, decided=decided, rewarded=rewarded)


@part
def update(memory: TdMemory, pair: int, next_pair: int, reward_q7: int) -> None:
    """Make one update after the next action is known, in saturating 8- and 16-bit arithmetic.

    Args:
        memory: table and traces are updated.
        pair: state · n_actions + action that got the reward.
        next_pair: the same of the state and action that followed.
        reward_q7: reward · 127, in a signed halfword.
    """
    td, table, trace_q7 = memory.td, memory.table, memory.trace_q7
    target = add_i16(reward_q7 << REWARD_SHIFT, mul_q7_i16(table[next_pair], td.gamma_q7))
    step = mul_q7_i16(sub_i16(target, table[pair]), td.eta_q7)
    decay_q7 = mul_q7_i8(td.gamma_q7, td.lambda_q7)
    for i in range(table.size):
        trace = decayed_i8(trace_q7[i], decay_q7)
        if i == pair:
            trace = add_i8(trace, MAX_TRACE_Q7)
        trace_q7[i] = trace
        value = add_i16(table[i], mul_q7_i16(step, trace))
        table[i] = min(max(value, 0), MAX_TABLE)


@part
def rescale(memory: TdMemory) -> None:
    """Map each state's [min, max] onto [lower, upper], rounded; equal values become ``upper``."""
    table, lower, upper = memory.table, memory.weight_lower, memory.weight_upper
    for first in range(0, table.size, memory.td.n_actions):
        after = first + memory.td.n_actions
        least = most = np.int64(table[first])
        for i in range(first + 1, after):
            least, most = min(least, np.int64(table[i])), max(most, np.int64(table[i]))
        span = most - least
        for i in range(first, after):
            if span == 0:
                table[i] = upper
            else:
                table[i] = lower + ((table[i] - least) * (upper - lower) + span // 2) // span


@part
def write_table(core: Core, memory: TdMemory) -> None:
    """Copy the table into the synapses from states to actions."""
    td = memory.td
    for state in range(td.n_states):
        for action in range(td.n_actions):
            value = int(memory.table[state * td.n_actions + action])
            core.weight_u6[synapse(state, action, td.n_states)] = synapse_weight(value)


@part
def synapse_weight(table_value: int) -> int:
    """Return the 6-bit weight for a table value: rounded and clamped."""
    half = 1 << (FRACTION_BITS - 1)
    return min(max((table_value + half) >> FRACTION_BITS, 0), MAX_WEIGHT_U6)
