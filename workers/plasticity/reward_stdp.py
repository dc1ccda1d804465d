"""Reward-modulated STDP: correlation seen by the sensors times the reward above its running mean.

After a decision in state s the program reads the causal branch of that state's row of synapses: one
pair, nearly at Δt = 0, in each synapse whose action neuron fired, because the state neuron fires
about every microsecond until an action neuron fires. With c, this reading without its offset, and
reward R,

    e ← λ e;  e(s, ·) ← e(s, ·) + c − mean of c over the actions;  w ← clip(w + η (R − b) e)

after which the baseline b moves towards R by a fixed part. Δw = η (R − b) c is the rule of Pong on
this chip, with η = 0.125 and b half-way to R at each trial (Wunderlich et al. 2019; model-sw-pong,
``pang.py``). Two parts are ours. The trace e lets it learn from delayed reward, as in GPOMDP
(Baxter and Bartlett 2001). The subtracted mean is meant to keep the weights of a state together:
without it nothing keeps them from drifting until none of its action neurons fires, or all do. How
much it contributes has not been measured.

One baseline serves the whole episode. One for each state is not offered: it would vary less, but
could take the credit for leading to a good state from the action that led there. That is untested.

Formats. A row is 32 lanes of bytes. A weight has 13 bits: 6 in its synapse, 7 more in the
processor's memory; joined they are a halfword that saturates by itself at the largest weight. A
trace is a signed byte in 1/16 LSB of correlation. A pair is 0.2 to 2 LSB (``correlation``) and the
noise of a reading about 1 (``cadc``), so several ``readings`` are summed, as are those of the empty
sensors before the episode; of the difference the lowest bit is dropped as noise, as does the STDP
example of brainscales2-demos. All is rounded, since truncation would pull every weight down.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.ppu.scalar_unit import add_i16, mul_q7_i16, saturate_i16, sub_i16
from spikeloop.workers.chip.ppu.vector_arithmetic import (
    add_fraction,
    add_modulo,
    mac_fraction,
    mul_fraction,
    shift,
    shift_right_fraction,
    sub_fraction,
    sub_modulo,
)
from spikeloop.workers.chip.ppu.vector_unit import EQ, LT, Bytes, Halfwords, compare, select, splat
from spikeloop.workers.chip.sensors import reset_row
from spikeloop.workers.kernels import routine
from spikeloop.workers.parameter_types import Parameter, Real
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import (
    FRACTION_BITS,
    REWARD_SHIFT,
    VALUE_ONE,
    initial_weight,
    q7,
    weight_code,
)
from spikeloop.workers.plasticity.row_updates import (
    Scratch,
    new_scratch,
    pack_row,
    row_slice,
    sum_readings,
    unpack_row,
)

SPARE = 8 - FRACTION_BITS
"""Unused bits of a byte of a weight; a halfword of weight has twice as many at its lower end."""

HALF_FRACTION = 1 << (2 * SPARE - 1)
"""Half of a weight's last bit, in a halfword."""

HALF_CODE_U7 = 1 << (FRACTION_BITS - 1)
"""Weights start in the middle of their code, as far from the next one as from the one before."""

TRACE_DOUBLINGS = 13
"""One reading's units of 2 LSB become 32 of a trace, in a halfword's upper byte."""

ETA_SHIFT = 12
ETA_ONE = 4096 / VALUE_ONE * (1 << ETA_SHIFT)
"""One code a LSB. In halfwords, a LSB of trace is 4096 and a code of weight 512, so the Q15 factor
that makes one of the other is 4096; the reward's error, which it multiplies, is in 1/8128."""


class StdpMemory(NamedTuple):
    """Constants and memory of reward-modulated STDP; rows are those of the state neurons.

    Attributes:
        n_states: states, of neurons 0 to n_states − 1.
        n_actions: actions, of the neurons that follow.
        initial_u6: all weights from states to actions at first.
        fraction_u7: (32 · n_states,) uint8 the weights' bits below the code.
        trace: (32 · n_states,) int8 eligibility in 1/16 LSB; 0 outside the actions' columns.
        offset: (32 · n_states,) int16 sums of readings of the empty sensors.
        baseline: (1,) int16 expected reward, of which 1 is 8128.
        actions: (32,) int8, 1 in the actions' columns and 0 elsewhere.
        scratch: rows of lanes.
        readings: conversions of a row that are summed.
        doublings: of a sum without its lowest bit, which bring a trace into the upper byte.
        mean_q15: 1 / n_actions.
        eta_u16: learning rate; one code per LSB is ``ETA_ONE``.
        trace_decay_q7: λ.
        baseline_rate_q7: part of the distance to the reward by which the baseline moves.
        chosen_only: 1 if only the chosen action is credited, 0 for all that fired.
    """

    n_states: int
    n_actions: int
    initial_u6: int
    fraction_u7: NDArray[np.uint8]
    trace: Bytes
    offset: Halfwords
    baseline: Halfwords
    actions: Bytes
    scratch: Scratch
    readings: int
    doublings: int
    mean_q15: int
    eta_u16: int
    trace_decay_q7: int
    baseline_rate_q7: int
    chosen_only: int


class RewardStdp(Settings):
    """Reward-modulated STDP from the correlation sensors, with a trace and a running baseline."""

    kind: Literal["reward_stdp"] = "reward_stdp"
    compiled_bytes: ClassVar[int] = 5156  # benchmarks/chip/code_size.py
    uses_sensors: ClassVar[bool] = True
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = ()
    readings: Literal[1, 2, 4, 8, 16, 32] = Field(
        default=8, description="conversions of a row that are added up at each decision"
    )
    credit: Literal["fired", "chosen"] = Field(
        default="fired",
        description="whether correlation counts of every action, or only of the one that was taken",
    )

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return η, λ, the baseline's rate and the initial weight.

        Pong's η is 0.125 and its baseline's rate 0.5; but its trials have 20 stimuli and
        correlations of up to 128, while here a trial is one pair. η |R − b| saturates at 8.
        """
        return (
            Real(
                0.05,
                20,
                4,
                "code/LSB",
                "log",
                name="learning_rate",
                description="weight change by correlation and reward above the baseline",
            ),
            Real(0, 0.99, 0.2, name="trace_decay", description="λ, what is left of a trace a step"),
            Real(
                0.01,
                1,
                0.1,
                name="baseline_rate",
                scale="log",
                description="part of the way to the reward that the baseline goes",
            ),
            initial_weight(),
        )

    def cycles(self, n_actions: int) -> int:
        """State no time of an update."""
        return 0

    def memory(self, theta: Mapping[str, float], interface: Interface) -> StdpMemory:
        """Return the memory at the start of an episode; the offsets are measured when it begins."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_synapses = n_states * N_NEURONS
        actions = np.zeros(N_NEURONS, dtype=np.int8)
        actions[n_states : n_states + n_actions] = 1
        return StdpMemory(
            n_states=n_states,
            n_actions=n_actions,
            initial_u6=weight_code(theta["initial_weight"]),
            fraction_u7=np.full(n_synapses, HALF_CODE_U7, dtype=np.uint8),
            trace=np.zeros(n_synapses, dtype=np.int8),
            offset=np.zeros(n_synapses, dtype=np.int16),
            baseline=np.zeros(1, dtype=np.int16),
            actions=actions,
            scratch=new_scratch(),
            readings=self.readings,
            doublings=TRACE_DOUBLINGS - (self.readings.bit_length() - 1),
            mean_q15=round(2**15 / n_actions),
            eta_u16=round(theta["learning_rate"] * ETA_ONE),
            trace_decay_q7=q7(theta["trace_decay"]),
            baseline_rate_q7=q7(theta["baseline_rate"]),
            chosen_only=int(self.credit == "chosen"),
        )


def begin(core: Core, memory: StdpMemory) -> None:
    """Write the initial weights and measure the offsets of the state neurons' rows.

    The memory is too small for the offsets of all rows.
    """
    for row in range(memory.n_states):
        weights = core.weight_u6[row_slice(row)]
        weights[memory.n_states : memory.n_states + memory.n_actions] = memory.initial_u6
        reset_row(core.sensors, row)
        sum_readings(core, memory.scratch, row, memory.readings, memory.offset[row_slice(row)])


def decided(core: Core, memory: StdpMemory, step: int, state: int, action: int) -> None:
    """Decay all traces, add the correlation of the state's row, and reset its sensors."""
    scratch = memory.scratch
    splat(memory.trace_decay_q7, scratch.constant)
    for row in range(memory.n_states):
        trace = memory.trace[row_slice(row)]
        # One unit more for negative traces: rounded down, they would never reach 0.
        unpack_row(trace, scratch.zero, 0, scratch.lanes)
        shift(scratch.lanes, -15, scratch.lanes)
        shift(scratch.lanes, 8, scratch.lanes)
        mac_fraction(trace, scratch.constant, scratch.lanes, trace)

    sum_readings(core, scratch, state, memory.readings, scratch.total)
    reset_row(core.sensors, state)
    to_correlation(memory, memory.offset[row_slice(state)], scratch.correlation)
    select(memory.actions, EQ, scratch.correlation, scratch.zero, scratch.correlation)
    if memory.chosen_only:
        credited = scratch.correlation[memory.n_states + action]
        splat(0, scratch.correlation)
        scratch.correlation[memory.n_states + action] = credited
    subtract_mean(memory, scratch.correlation)
    trace = memory.trace[row_slice(state)]
    add_fraction(trace, scratch.correlation, trace)


@routine
def to_correlation(memory: StdpMemory, offset: Halfwords, correlation: Bytes) -> None:
    """Convert ``scratch.total`` minus the offset, without its lowest bit, to units of a trace."""
    scratch = memory.scratch
    sub_modulo(scratch.total, offset, scratch.total)
    splat(1, scratch.lanes)
    add_modulo(scratch.total, scratch.lanes, scratch.total)
    shift_right_fraction(scratch.total, 1, scratch.total)
    for _ in range(memory.doublings):
        add_fraction(scratch.total, scratch.total, scratch.total)
    pack_row(scratch.total, 0, correlation, scratch.constant)


@routine
def subtract_mean(memory: StdpMemory, correlation: Bytes) -> None:
    """Subtract the mean over the actions from their columns."""
    scratch = memory.scratch
    total = 0
    for column in range(memory.n_states, memory.n_states + memory.n_actions):
        total += int(correlation[column])
    splat((total * memory.mean_q15 + (1 << 14)) >> 15, scratch.constant)
    select(memory.actions, EQ, scratch.constant, scratch.zero, scratch.constant)
    sub_fraction(correlation, scratch.constant, correlation)


def rewarded(core: Core, memory: StdpMemory, state: int, action: int, signal_q7: int) -> None:
    """Change all weights by their traces and the reward above the baseline; move the baseline."""
    error = sub_i16(signal_q7 << REWARD_SHIFT, int(memory.baseline[0]))
    step = mul_q7_i16(error, memory.baseline_rate_q7)
    memory.baseline[0] = add_i16(int(memory.baseline[0]), step)
    half = 1 << (ETA_SHIFT - 1)
    factor_q15 = saturate_i16((error * memory.eta_u16 + half) >> ETA_SHIFT)
    for row in range(memory.n_states):
        learn_row(core, memory, row, factor_q15)


@routine
def learn_row(core: Core, memory: StdpMemory, row: int, factor_q15: int) -> None:
    """Add factor times trace to a row's weights, rounded and saturating."""
    scratch = memory.scratch
    change, weight = scratch.lanes, scratch.total
    unpack_row(memory.trace[row_slice(row)], scratch.zero, 0, change)
    splat(factor_q15, scratch.condition)
    mul_fraction(change, scratch.condition, change)

    weight_u6, fraction_u7 = core.weight_u6[row_slice(row)], memory.fraction_u7[row_slice(row)]
    unpack_row(weight_u6, fraction_u7, SPARE, weight)
    add_fraction(weight, change, weight)
    splat(HALF_FRACTION, change)
    add_fraction(weight, change, weight)
    compare(weight, scratch.condition)
    splat(0, change)
    select(scratch.condition, LT, weight, change, weight)
    pack_row(weight, SPARE, weight_u6, fraction_u7)


register(StdpMemory, begin=begin, decided=decided, rewarded=rewarded)
