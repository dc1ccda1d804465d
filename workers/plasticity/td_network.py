"""A small network that computes the change of TD learning: an evolved rule for many states.

After the transition (s, a, r, s', a'), with the action a' that was really chosen, the network gets
what a TD error is made of, and its output takes the place of η δ. Every pair with a trace changes:

    e ← κ e, e(s, a) = 1;  w ← w + e Σ_j u_j h_j / 64  with
    h_j = σ(V_j · (r, w(s, a), w(s', a'), e, t) + b_j)

SARSA(λ) (``td_lambda``) is the case in which the output is η (r + γ w(s', a') − w(s, a)), with
κ = γ λ; whether evolution finds it is the question. The network is that of ``plasticity_network``,
in the same formats: inputs Q12, the feedback up to ±2, so that with seven hidden units a sum of
inputs stays below 7 · 2¹² · 2¹⁵ < 2³⁰. Traces are Q7 bytes whose decay is truncated, so that they
reach 0; pairs without a trace cost nothing.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.ppu.scalar_unit import decayed_i8
from spikeloop.workers.kernels import routine
from spikeloop.workers.plasticity.action_values import (
    MAX_VALUE_U16,
    VALUE_BITS,
    ActionValues,
    action_values,
    code_low,
    initial_value,
    write_values,
)
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.plasticity_network import (
    FRACTION_BITS,
    ONE_Q12,
    RANGE,
    SHARE_BITS,
    evaluate,
    sigmoid_q15,
    weights_q12,
)
from spikeloop.workers.plasticity.program import q7
from spikeloop.workers.space import Parameter, Real, Weights

N_INPUTS, N_HIDDEN = 5, 7
FEEDBACK, OWN, NEXT, TRACE, TIME = range(N_INPUTS)
N_POINTS = 257
TRACE_BITS = 7
MAX_TRACE_Q7 = 127


class TdNetworkMemory(NamedTuple):
    """The network, with the names of ``plasticity_network``, and what it keeps of each pair.

    Attributes:
        values: values of actions.
        decay_q7: κ.
        trace_q7: (n_states · n_actions,) int8 traces.
        last: (2,) int64 the pair whose update is due, −1 for none, and its feedback.
        n_inputs_u8: inputs.
        n_hidden_u8: hidden units.
        hidden_q12: (n_hidden · n_inputs,) int16 V, a row for each hidden unit.
        bias_q12: (n_hidden,) int16 b.
        output_q12: (n_hidden,) int16 u.
        second_output_q12: (0,) int16, since there is no second output.
        sigmoid_q15: (257,) int16 table of σ.
        point_bits_u8: distance of two points of the table, as a power of 2 in Q12.
        saturates_u1: 0, since there is a table.
        share_q24: share of an episode that a step is.
        time_u32: (1,) uint32 share of the episode that is over, in Q24.
        inputs_q12: (5,) int32 scratch.
        change_q16: (1,) int32 scratch: the output.
        second_change_q15: (1,) int32 scratch.
    """

    values: ActionValues
    decay_q7: int
    trace_q7: NDArray[np.int8]
    last: NDArray[np.int64]
    n_inputs_u8: int
    n_hidden_u8: int
    hidden_q12: NDArray[np.int16]
    bias_q12: NDArray[np.int16]
    output_q12: NDArray[np.int16]
    second_output_q12: NDArray[np.int16]
    sigmoid_q15: NDArray[np.int16]
    point_bits_u8: int
    saturates_u1: int
    share_q24: int
    time_u32: NDArray[np.uint32]
    inputs_q12: NDArray[np.int32]
    change_q16: NDArray[np.int32]
    second_change_q15: NDArray[np.int32]


class TdNetwork(Settings):
    """A network in the place of the TD error; its weights are hyperparameters."""

    kind: Literal["td_network"] = "td_network"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = (
        *("hidden_q12", "bias_q12", "output_q12", "sigmoid_q15"),
    )
    compiled_bytes: ClassVar[int] = 4988  # benchmarks/chip/code_size.py

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the weights V, b, u, the decay of traces, the initial value and its code."""
        return (
            Weights((N_HIDDEN, N_INPUTS), 1.0, name="hidden_weights", description="V"),
            Weights((N_HIDDEN,), 1.0, name="hidden_bias", description="b"),
            Weights((N_HIDDEN,), 1.0, name="output_weights", description="u"),
            Real(0, 1, 0.25, name="trace_decay", description="κ, what a step leaves of a trace"),
            initial_value(),
            code_low(),
        )

    def cycles(self, n_actions: int) -> int:
        """State no time of an update, like the other programs for Markov decision processes.

        Each pair with a trace takes about 580 instructions (``benchmarks/chip/instructions.py``),
        which would be 12 µs at two cycles each.
        """
        return 0

    def memory(self, theta: Mapping[str, float], interface: Interface) -> TdNetworkMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        return TdNetworkMemory(
            values=action_values(n_states, n_actions, theta["initial_value"], theta["code_low"]),
            decay_q7=q7(theta["trace_decay"]),
            trace_q7=np.zeros(n_states * n_actions, dtype=np.int8),
            last=np.array([-1, 0], dtype=np.int64),
            n_inputs_u8=N_INPUTS,
            n_hidden_u8=N_HIDDEN,
            hidden_q12=weights_q12(theta, "hidden_weights", N_HIDDEN * N_INPUTS),
            bias_q12=weights_q12(theta, "hidden_bias", N_HIDDEN),
            output_q12=weights_q12(theta, "output_weights", N_HIDDEN),
            second_output_q12=np.zeros(0, dtype=np.int16),
            sigmoid_q15=sigmoid_q15(N_POINTS),
            point_bits_u8=(2 * RANGE * ONE_Q12 // (N_POINTS - 1)).bit_length() - 1,
            saturates_u1=0,
            share_q24=round((1 << SHARE_BITS) / interface.n_steps),
            time_u32=np.zeros(1, dtype=np.uint32),
            inputs_q12=np.zeros(N_INPUTS, dtype=np.int32),
            change_q16=np.zeros(1, dtype=np.int32),
            second_change_q15=np.zeros(1, dtype=np.int32),
        )


def begin(core: Core, memory: TdNetworkMemory) -> None:
    """Write the initial values into the synapses."""
    write_values(core, memory.values)


def decided(core: Core, memory: TdNetworkMemory, step: int, state: int, action: int) -> None:
    """Update for the previous pair, now that the action that followed it is known."""
    pair = state * memory.values.n_actions_u8 + action
    if memory.last[0] >= 0:
        update(memory, memory.last[0], pair, memory.last[1])
        write_values(core, memory.values)
    memory.last[0] = pair
    memory.time_u32[0] = min(int(memory.time_u32[0]) + memory.share_q24, 1 << SHARE_BITS)


def rewarded(core: Core, memory: TdNetworkMemory, state: int, action: int, signal_q7: int) -> None:
    """Keep the feedback until the next decision."""
    memory.last[1] = signal_q7


@routine
def update(memory: TdNetworkMemory, pair: int, next_pair: int, signal_q7: int) -> None:
    """Change the values of all pairs with a trace.

    All inputs but the trace are read before any value changes.
    """
    values_u16, trace_q7, x = memory.values.value_u16, memory.trace_q7, memory.inputs_q12
    x[FEEDBACK] = signal_q7 << (FRACTION_BITS - TRACE_BITS)
    x[OWN] = int(values_u16[pair]) >> (VALUE_BITS - FRACTION_BITS)
    x[NEXT] = int(values_u16[next_pair]) >> (VALUE_BITS - FRACTION_BITS)
    x[TIME] = int(memory.time_u32[0]) >> (SHARE_BITS - FRACTION_BITS)
    for i in range(trace_q7.size):
        trace = decayed_i8(int(trace_q7[i]), memory.decay_q7)
        if i == pair:
            trace = MAX_TRACE_Q7
        trace_q7[i] = trace
        if trace > 0:
            x[TRACE] = trace << (FRACTION_BITS - TRACE_BITS)
            evaluate(memory, 0)
            gated = int(memory.change_q16[0]) * trace
            change = (gated + (1 << (TRACE_BITS - 1))) >> TRACE_BITS
            values_u16[i] = min(max(int(values_u16[i]) + change, 0), MAX_VALUE_U16)


register(TdNetworkMemory, begin=begin, decided=decided, rewarded=rewarded)
