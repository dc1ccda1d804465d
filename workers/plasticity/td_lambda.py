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
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.ppu.scalar_unit import (
    add_i8,
    add_i16,
    decayed_i8,
    mul_q7_i8,
    mul_q7_i16,
    sub_i16,
)
from spikeloop.workers.kernels import part
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import (
    MAX_TABLE,
    MAX_TRACE_Q7,
    REWARD_SHIFT,
    q7,
    table_weight,
    value_parameters,
    write_table,
)
from spikeloop.workers.space import Parameter, Real


class TdMemory(NamedTuple):
    """Constants and memory of SARSA(λ) with periodic rescaling.

    Attributes:
        n_states: states, of neurons 0 to n_states − 1.
        n_actions: actions, of the neurons that follow.
        table: (n_states · n_actions,) int16 weights.
        trace_q7: (n_states · n_actions,) int8 traces.
        last: (2,) int64 the pair whose update is due, −1 for none, and its feedback.
        gamma_q7: discount.
        lambda_q7: trace decay.
        eta_q7: learning rate.
        scale_q7: factor on the feedback, 128 for 1.
        weight_lower: table value onto which rescaling maps a state's least weight.
        weight_upper: table value onto which it maps the largest one.
        rescale_period: decisions between two rescalings, at least 1.
    """

    n_states: int
    n_actions: int
    table: NDArray[np.int16]
    trace_q7: NDArray[np.int8]
    last: NDArray[np.int64]
    gamma_q7: int
    lambda_q7: int
    eta_q7: int
    scale_q7: int
    weight_lower: int
    weight_upper: int
    rescale_period: int


class TdLambda(Settings):
    """SARSA(λ) in saturating integers, as intended: rounded, clamped, one table."""

    kind: Literal["td_lambda"] = "td_lambda"
    portable: ClassVar[bool] = True  # the same bits on every processor
    search_trace_decay: bool = Field(
        default=False, description="whether λ is a hyperparameter or ``trace_decay``"
    )
    trace_decay: float = Field(default=0.5, ge=0, le=1, description="λ when it is not searched")
    search_reward_scale: bool = Field(
        default=False, description="whether the reward's scale is a hyperparameter, or 1"
    )

    @property
    def uses_sensors(self) -> bool:
        """Return False: the program reads spike counters only."""
        return False

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the published hyperparameters, then λ and the reward's scale where searched.

        The published scale lets a weight of 63.5 stand for a value of 1. Values reach 1/(1 − γ), so
        that is enough for a small γ only; a smaller scale makes room for larger values.
        """
        searched = value_parameters(interface.n_steps)
        if self.search_trace_decay:
            searched += (Real("trace_decay", 0, 1, self.trace_decay, description="λ"),)
        if self.search_reward_scale:
            searched += (Real("reward_scale", 0.1, 1, 1, description="what a reward counts"),)
        return searched

    def memory(self, theta: Mapping[str, float], n_states: int, n_actions: int) -> TdMemory:
        """Return the memory at the start of an episode."""
        n_pairs = n_states * n_actions
        return TdMemory(
            n_states=n_states,
            n_actions=n_actions,
            table=np.full(n_pairs, table_weight(theta["initial_weight"]), dtype=np.int16),
            trace_q7=np.zeros(n_pairs, dtype=np.int8),
            last=np.array([-1, 0], dtype=np.int64),
            gamma_q7=q7(theta["gamma"]),
            lambda_q7=q7(theta.get("trace_decay", self.trace_decay)),
            eta_q7=q7(theta["eta"]),
            scale_q7=round(128 * theta.get("reward_scale", 1.0)),
            weight_lower=table_weight(theta["weight_lower"]),
            weight_upper=table_weight(theta["weight_upper"]),
            rescale_period=max(1, round(theta["rescale_period"])),
        )


def begin(core: Core, memory: TdMemory) -> None:
    """Write the initial weights."""
    write_table(core, memory.table, memory.n_states, memory.n_actions)


def decided(core: Core, memory: TdMemory, step: int, state: int, action: int) -> None:
    """Update the previous pair, now that the action that followed it is known."""
    pair = state * memory.n_actions + action
    if memory.last[0] >= 0:
        update_integer(
            memory.table,
            memory.trace_q7,
            memory.last[0],
            pair,
            memory.last[1],
            memory.gamma_q7,
            memory.lambda_q7,
            memory.eta_q7,
        )
        if step % memory.rescale_period == 0:
            rescale_integer(
                memory.table,
                memory.n_states,
                memory.n_actions,
                memory.weight_lower,
                memory.weight_upper,
            )
        write_table(core, memory.table, memory.n_states, memory.n_actions)
    memory.last[0] = pair


def rewarded(core: Core, memory: TdMemory, state: int, action: int, signal_q7: int) -> None:
    """Keep the feedback until the next decision."""
    memory.last[1] = mul_q7_i16(signal_q7, memory.scale_q7)


register(TdMemory, begin=begin, decided=decided, rewarded=rewarded)


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
    """Make one update after the next action is known, in saturating 8- and 16-bit arithmetic.

    Args:
        table: (n_states · n_actions,) weights in 1/128 codes, updated.
        trace_q7: (n_states · n_actions,) traces, updated.
        pair: state · n_actions + action that got the reward.
        next_pair: the same of the state and action that followed.
        reward_q7: reward · 127, in a signed halfword.
        gamma_q7: discount · 128, at most 127.
        lambda_q7: trace decay · 128, at most 127.
        eta_q7: learning rate · 128, at most 127.
    """
    target = add_i16(reward_q7 << REWARD_SHIFT, mul_q7_i16(table[next_pair], gamma_q7))
    step = mul_q7_i16(sub_i16(target, table[pair]), eta_q7)
    decay_q7 = mul_q7_i8(gamma_q7, lambda_q7)
    for i in range(table.size):
        trace = decayed_i8(trace_q7[i], decay_q7)
        if i == pair:
            trace = add_i8(trace, MAX_TRACE_Q7)
        trace_q7[i] = trace
        value = add_i16(table[i], mul_q7_i16(step, trace))
        table[i] = min(max(value, 0), MAX_TABLE)


@part
def rescale_integer(
    table: NDArray[np.int16], n_states: int, n_actions: int, lower: int, upper: int
) -> None:
    """Map each state's [min, max] onto [lower, upper], rounded; equal values become ``upper``."""
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
