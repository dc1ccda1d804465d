"""The TD program as it was published, faults included, so that their effect can be shown.

After Neuromorphic_Hardware_learns_to_learn, hardware/mdp/PPU/PPU.c. It is SARSA in scalar integers,
with four peculiarities that ``td_lambda`` does not share:

- Traces, where compiled in, are integers with increment 1 and cap 127 that decay by
  γλe >> 14, which truncates 1 to 0: a trace is gone after one step. The published file is compiled
  without traces at all (``traces = False``), although λ is passed.
- A table entry is an unsigned byte. A result below 0 wraps to a large byte.
- Weights are clamped to 63 by an unsigned comparison when they are written to a synapse, so that a
  wrapped value becomes 63: an agent whose value falls below 0 is reset to optimism. The table
  itself is not clamped.
- Rescaling reads the synapses back into the table, and writes rescaled weights to the synapses
  only: the table keeps the old ones until the next rescaling.

Arithmetic: δ = γ_Q7 w' − 128 w + 64 r_Q7 in 1/128 codes; w ← (16384 w + η_Q7 δ e) >> 14, an
arithmetic shift.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.kernels import part
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import q7, synapse, value_parameters, weight_code
from spikeloop.workers.space import Parameter, Real

MAX_TRACE = 127


class PublishedMemory(NamedTuple):
    """Constants and memory of the published program.

    Attributes:
        n_states: states, of neurons 0 to n_states − 1.
        n_actions: actions, of the neurons that follow.
        table_u8: (n_states · n_actions,) uint8 weights in codes, not clamped to 6 bits.
        trace: (n_states · n_actions,) int8 traces, integers.
        last: (2,) int64 the pair whose update is due, −1 for none, and its feedback.
        gamma_q7: discount.
        lambda_q7: trace decay.
        eta_q7: learning rate.
        lower_u6: weight onto which rescaling maps a state's least one.
        upper_u6: weight onto which it maps the largest one.
        rescale_period: decisions between two rescalings, at least 1.
        traces: 1 if traces are kept, 0 for the one-step rule.
    """

    n_states: int
    n_actions: int
    table_u8: NDArray[np.uint8]
    trace: NDArray[np.int8]
    last: NDArray[np.int64]
    gamma_q7: int
    lambda_q7: int
    eta_q7: int
    lower_u6: int
    upper_u6: int
    rescale_period: int
    traces: int


class TdPublished(Settings):
    """The published TD program, with its faults; for comparison, never a default."""

    kind: Literal["td_published"] = "td_published"
    portable: ClassVar[bool] = True  # the same bits on every processor
    traces: bool = Field(
        default=False, description="the build with (truncating) traces, not the published one"
    )
    search_trace_decay: bool = Field(
        default=False, description="whether λ is a hyperparameter or ``trace_decay``"
    )
    trace_decay: float = Field(default=0.5, ge=0, le=1, description="λ when it is not searched")

    @property
    def uses_sensors(self) -> bool:
        """Return False: the program reads spike counters only."""
        return False

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the published hyperparameters, then λ where it is searched."""
        searched = value_parameters(interface.n_steps)
        if self.search_trace_decay:
            searched += (Real("trace_decay", 0, 1, self.trace_decay, description="λ"),)
        return searched

    def memory(self, theta: Mapping[str, float], n_states: int, n_actions: int) -> PublishedMemory:
        """Return the memory at the start of an episode."""
        n_pairs = n_states * n_actions
        return PublishedMemory(
            n_states=n_states,
            n_actions=n_actions,
            table_u8=np.full(n_pairs, weight_code(theta["initial_weight"]), dtype=np.uint8),
            trace=np.zeros(n_pairs, dtype=np.int8),
            last=np.array([-1, 0], dtype=np.int64),
            gamma_q7=q7(theta["gamma"]),
            lambda_q7=q7(theta.get("trace_decay", self.trace_decay)),
            eta_q7=q7(theta["eta"]),
            lower_u6=weight_code(theta["weight_lower"]),
            upper_u6=weight_code(theta["weight_upper"]),
            rescale_period=max(1, round(theta["rescale_period"])),
            traces=int(self.traces),
        )


def begin(core: Core, memory: PublishedMemory) -> None:
    """Write the initial weights."""
    for pair in range(memory.table_u8.size):
        write_pair(core, memory, pair)


def decided(core: Core, memory: PublishedMemory, step: int, state: int, action: int) -> None:
    """Update the previous pair, now that the action that followed it is known."""
    pair = state * memory.n_actions + action
    last = memory.last[0]
    if last >= 0:
        delta = (
            memory.gamma_q7 * np.int64(memory.table_u8[pair])
            - 128 * np.int64(memory.table_u8[last])
            + 64 * memory.last[1]
        )
        if memory.traces:
            for i in range(memory.trace.size):
                memory.trace[i] = (memory.gamma_q7 * memory.lambda_q7 * memory.trace[i]) >> 14
            memory.trace[last] = min(memory.trace[last] + 1, MAX_TRACE)
            for i in range(memory.trace.size):
                if memory.trace[i] != 0:
                    learn_pair(core, memory, i, delta * memory.trace[i])
        else:
            learn_pair(core, memory, last, delta)
        if step % memory.rescale_period == 0:
            rescale(core, memory)
    memory.last[0] = pair


def rewarded(core: Core, memory: PublishedMemory, state: int, action: int, signal_q7: int) -> None:
    """Keep the feedback until the next decision."""
    memory.last[1] = signal_q7


@part
def learn_pair(core: Core, memory: PublishedMemory, pair: int, delta: int) -> None:
    """Change one table entry, wrapping around in its byte, and write it to its synapse."""
    moved = (16384 * np.int64(memory.table_u8[pair]) + memory.eta_q7 * delta) >> 14
    memory.table_u8[pair] = moved & 0xFF
    write_pair(core, memory, pair)


@part
def write_pair(core: Core, memory: PublishedMemory, pair: int) -> None:
    """Write an entry to its synapse, clamped by an unsigned comparison."""
    index = synapse(pair // memory.n_actions, pair % memory.n_actions, memory.n_states)
    core.weight_u6[index] = min(int(memory.table_u8[pair]), MAX_WEIGHT_U6)


@part
def rescale(core: Core, memory: PublishedMemory) -> None:
    """Map each state's [min, max] of its synapses onto [lower, upper]; equal ones become upper."""
    for state in range(memory.n_states):
        least, most = np.int64(MAX_WEIGHT_U6), np.int64(0)
        for action in range(memory.n_actions):
            weight = core.weight_u6[synapse(state, action, memory.n_states)]
            memory.table_u8[state * memory.n_actions + action] = weight
            least, most = min(least, np.int64(weight)), max(most, np.int64(weight))
        span = most - least
        for action in range(memory.n_actions):
            index = synapse(state, action, memory.n_states)
            rescaled = np.int64(memory.upper_u6)
            if span > 0:
                above = np.int64(core.weight_u6[index]) - least
                rescaled = memory.lower_u6 + above * (memory.upper_u6 - memory.lower_u6) // span
            core.weight_u6[index] = rescaled


register(PublishedMemory, begin=begin, decided=decided, rewarded=rewarded)
