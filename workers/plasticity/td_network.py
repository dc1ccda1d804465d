"""A small network that computes the change of TD learning: an evolved rule for many states.

After the transition (s, a, r, s', a'), with the action a' that was really chosen, the network gets
what a TD error is made of, and its output takes the place of η δ. Every pair with a trace changes:

    e ← κ e, e(s, a) = 1;  w ← w + e Σ_j u_j h_j / 64  with
    h_j = σ(V_j · (r, w(s, a), w(s', a'), e, t) + b_j)

SARSA(λ) (``td_lambda``) is the case in which the output is η (r + γ w(s', a') − w(s, a)), with
κ = γ λ; whether evolution finds it is the question. The network is that of ``plasticity_network``,
in the formats of ``small_network``; the feedback is up to ±2, so that a sum of inputs stays below
7 · 2¹² · 2¹⁵ < 2³⁰. Traces are Q7 bytes whose decay is truncated, so that they
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
from spikeloop.workers.parameter_types import Parameter, Real, Weights
from spikeloop.workers.plasticity.action_values import (
    VALUE_BITS,
    ActionValues,
    action_values,
    change_value,
    code_low,
    initial_value,
    write_values,
)
from spikeloop.workers.plasticity.episode_time import (
    SHARE_BITS,
    EpisodeTime,
    episode_time,
    pass_step,
)
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import q7
from spikeloop.workers.plasticity.small_network import (
    FRACTION_BITS,
    SmallNetwork,
    evaluate,
    small_network,
)

N_INPUTS, N_HIDDEN = 5, 7
FEEDBACK, OWN, NEXT, TRACE, TIME = range(N_INPUTS)
TRACE_BITS = 7
MAX_TRACE_Q7 = 127


class TdNetworkMemory(NamedTuple):
    """The network, and what it keeps of each pair.

    Attributes:
        values: values of actions.
        network: with 5 inputs and 7 hidden units.
        time: share of the episode that is over.
        decay_q7: κ.
        trace_q7: (n_states · n_actions,) int8 traces.
        last: (2,) int64 the pair whose update is due, −1 for none, and its feedback.
        change_q16: (1,) int32 scratch: the output.
        second_change_q15: (1,) int32 scratch.
    """

    values: ActionValues
    network: SmallNetwork
    time: EpisodeTime
    decay_q7: int
    trace_q7: NDArray[np.int8]
    last: NDArray[np.int64]
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
            network=small_network(theta, N_INPUTS, N_HIDDEN),
            time=episode_time(interface.n_steps),
            decay_q7=q7(theta["trace_decay"]),
            trace_q7=np.zeros(n_states * n_actions, dtype=np.int8),
            last=np.array([-1, 0], dtype=np.int64),
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
    pass_step(memory.time)


def rewarded(core: Core, memory: TdNetworkMemory, state: int, action: int, signal_q7: int) -> None:
    """Keep the feedback until the next decision."""
    memory.last[1] = signal_q7


@routine
def update(memory: TdNetworkMemory, pair: int, next_pair: int, signal_q7: int) -> None:
    """Change the values of all pairs with a trace.

    All inputs but the trace are read before any value changes.
    """
    values_u16, trace_q7, x = memory.values.value_u16, memory.trace_q7, memory.network.inputs_q12
    x[FEEDBACK] = signal_q7 << (FRACTION_BITS - TRACE_BITS)
    x[OWN] = int(values_u16[pair]) >> (VALUE_BITS - FRACTION_BITS)
    x[NEXT] = int(values_u16[next_pair]) >> (VALUE_BITS - FRACTION_BITS)
    x[TIME] = int(memory.time.time_u32[0]) >> (SHARE_BITS - FRACTION_BITS)
    for i in range(trace_q7.size):
        trace = decayed_i8(int(trace_q7[i]), memory.decay_q7)
        if i == pair:
            trace = MAX_TRACE_Q7
        trace_q7[i] = trace
        if trace > 0:
            x[TRACE] = trace << (FRACTION_BITS - TRACE_BITS)
            evaluate(memory.network, memory.change_q16, memory.second_change_q15, 0)
            gated = int(memory.change_q16[0]) * trace
            change_value(memory.values, i, (gated + (1 << (TRACE_BITS - 1))) >> TRACE_BITS)


register(TdNetworkMemory, begin=begin, decided=decided, rewarded=rewarded)
