"""The TD program as it was published, faults included, so that their effect can be shown.

After Neuromorphic_Hardware_learns_to_learn, hardware/mdp/PPU/PPU.c. It is SARSA in scalar integers,
with four peculiarities that ``td_lambda`` does not share:

- The published file is compiled without traces (``traces = False``, its PLAST 2), although λ is
  passed. The scalar build with traces (``traces = True``, PLAST 3) differs in more than traces:
  it shifts the change by 21 bits instead of 14, as if a trace of 1 were 128, and clamps a result
  below 0 to 0. A trace grows by 1 at a visit and decays after its use by γλe >> 14, which truncates
  1 to 0. Since γ w' + 64 r of at most 16129 times η of at most 127 stays below 2²¹, an update never
  raises a weight: it leaves it or takes 1 off. Every update writes the whole table to the synapses,
  which undoes the last rescaling.
- A table entry is an unsigned byte. Without traces, a result below 0 wraps to a large byte.
- Weights are clamped to 63 by an unsigned comparison when they are written to a synapse, so that a
  wrapped value becomes 63: an agent whose value falls below 0 is reset to optimism. The table
  itself is not clamped.
- Rescaling reads the synapses back into the table, and writes rescaled weights to the synapses
  only: the table keeps the old ones until the next rescaling.

Arithmetic: δ = γ_Q7 w' − 128 w + 64 r_Q7 in 1/128 codes; w ← (2¹⁴ w + η_Q7 δ) >> 14 without
traces and w ← max(0, 2²¹ w + η_Q7 δ e) >> 21 with them, by arithmetic shifts. Rescaling multiplies
by a slope in 1/1024, truncated, and adds an offset from the upper end.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.chip.memory import COMPILED_PUBLISHED_BYTES
from spikeloop.workers.kernels import part
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import synapse, weight_code
from spikeloop.workers.plasticity.td import TdCommon, TdSettings

ONE_STEP_SHIFT, TRACES_SHIFT = 14, 21
SLOPE_BITS = 10
"""Fractional bits of the slope with which weights are rescaled."""


class PublishedMemory(NamedTuple):
    """Memory of the published program.

    Attributes:
        td: what ``td_lambda`` keeps too.
        table_u8: (n_states · n_actions,) uint8 weights in codes, not clamped to 6 bits.
        trace: (n_states · n_actions,) int8 traces, integers.
        lower_u6: weight onto which rescaling maps a state's least one.
        upper_u6: weight onto which it maps the largest one.
        traces: 1 if traces are kept, 0 for the one-step rule.
    """

    td: TdCommon
    table_u8: NDArray[np.uint8]
    trace: NDArray[np.int8]
    lower_u6: int
    upper_u6: int
    traces: int


class TdPublished(TdSettings):
    """The published TD program, with its faults; for comparison, never a default."""

    kind: Literal["td_published"] = "td_published"
    compiled_bytes: ClassVar[int] = COMPILED_PUBLISHED_BYTES
    traces: bool = Field(
        default=False,
        description="the build with traces, which never raises a weight; not the published one",
    )

    def memory(self, theta: Mapping[str, float], interface: Interface) -> PublishedMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_pairs = n_states * n_actions
        return PublishedMemory(
            td=self.common(theta, interface),
            table_u8=np.full(n_pairs, weight_code(theta["initial_weight"]), dtype=np.uint8),
            trace=np.zeros(n_pairs, dtype=np.int8),
            lower_u6=weight_code(theta["weight_lower"]),
            upper_u6=weight_code(theta["weight_upper"]),
            traces=int(self.traces),
        )


def begin(core: Core, memory: PublishedMemory) -> None:
    """Write the initial weights."""
    for pair in range(memory.table_u8.size):
        write_pair(core, memory, pair)


def decided(core: Core, memory: PublishedMemory, step: int, state: int, action: int) -> None:
    """Update the previous pair, now that the action that followed it is known."""
    td, table, trace = memory.td, memory.table_u8, memory.trace
    pair = state * td.n_actions + action
    last = td.last[0]
    if last >= 0:
        value, next_value = np.int64(table[last]), np.int64(table[pair])
        delta = td.gamma_q7 * next_value - 128 * value + 64 * td.last[1]
        if memory.traces:
            trace[last] += 1
            for i in range(trace.size):
                learn_pair(core, memory, i, delta * trace[i], TRACES_SHIFT)
                trace[i] = (td.gamma_q7 * td.lambda_q7 * trace[i]) >> 14
        else:
            learn_pair(core, memory, last, delta, ONE_STEP_SHIFT)
        if step % td.rescale_period == 0:
            rescale(core, memory)
    td.last[0] = pair


def rewarded(core: Core, memory: PublishedMemory, state: int, action: int, signal_q7: int) -> None:
    """Keep the feedback until the next decision."""
    memory.td.last[1] = signal_q7


@part
def learn_pair(core: Core, memory: PublishedMemory, pair: int, delta: int, bits: int) -> None:
    """Change one table entry by η δ / 2 ** ``bits`` and write it to its synapse.

    A result below 0 wraps around in its byte in the one-step build and becomes 0 in that with
    traces.
    """
    moved = (np.int64(memory.table_u8[pair]) << bits) + memory.td.eta_q7 * delta
    if memory.traces:
        moved = max(moved, np.int64(0))
    memory.table_u8[pair] = (moved >> bits) & 0xFF
    write_pair(core, memory, pair)


@part
def write_pair(core: Core, memory: PublishedMemory, pair: int) -> None:
    """Write an entry to its synapse, clamped by an unsigned comparison."""
    n_actions = memory.td.n_actions
    index = synapse(pair // n_actions, pair % n_actions, memory.td.n_states)
    core.weight_u6[index] = min(int(memory.table_u8[pair]), MAX_WEIGHT_U6)


@part
def rescale(core: Core, memory: PublishedMemory) -> None:
    """Map each state's [min, max] of its synapses onto [lower, upper]; equal ones become upper."""
    n_states, n_actions = memory.td.n_states, memory.td.n_actions
    for state in range(n_states):
        least, most = np.int64(MAX_WEIGHT_U6), np.int64(0)
        for action in range(n_actions):
            weight = core.weight_u6[synapse(state, action, n_states)]
            memory.table_u8[state * n_actions + action] = weight
            least, most = min(least, np.int64(weight)), max(most, np.int64(weight))
        slope, offset = np.int64(0), np.int64(memory.upper_u6) << SLOPE_BITS
        if most > least:
            span = (memory.upper_u6 - memory.lower_u6) << SLOPE_BITS
            slope = span // (most - least)
            offset -= slope * most
        for action in range(n_actions):
            index = synapse(state, action, n_states)
            weight = np.int64(core.weight_u6[index])
            core.weight_u6[index] = (slope * weight + offset) >> SLOPE_BITS
            if weight == least < most:
                core.weight_u6[index] = memory.lower_u6


register(PublishedMemory, begin=begin, decided=decided, rewarded=rewarded)
