"""Dynamics of the neurons: small steps that may fire, and strides in which nothing can happen.

Neurons are vectors that stay in registers from step to step (``simd``). What limits the speed is
how long a membrane waits for its own value one step before, so as few operations as possible follow
one another on the way from one to the next: drives are summed first, and the limits of the membrane
are compared in parallel.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.analog import (
    CEILING,
    DECAY_EXC,
    DECAY_INH,
    DECAY_V,
    DRIVE_EXC,
    DRIVE_INH,
    FLOOR,
    HOLD,
    HOLD_INH,
    I_EXC,
    I_INH,
    LEAK,
    NOISE,
    PEAK_EXC,
    PEAK_INH,
    REFRACTORY,
    REFRACTORY_STEPS,
    STEP,
    STRIDE,
    V_LEAK,
    V_RESET,
    V_THRESH,
    V,
)
from spikeloop.workers.chip.limits import N_NEURONS, V_MAX_V
from spikeloop.workers.chip.noise import xorshift32_each
from spikeloop.workers.kernels import part
from spikeloop.workers.simd import Width, load, mask, select, store, to_float

ZERO, ONE, V_MAX = np.float32(0), np.float32(1), np.float32(V_MAX_V)
NO_SPIKE = np.uint32(0)

N_HALF = N_NEURONS // 2
HALF, ALL = Width(N_HALF), Width(N_NEURONS)
"""How many neurons are advanced, from the first; the others stay as they are."""

# Weight codes. An input that decays without end would reach subnormal numbers, on which processors
# are a hundred times slower; below this it cannot change the membrane's float32 any more.
NEGLIGIBLE = np.float32(1e-9)


class State(NamedTuple):
    """State of some neurons, a vector each.

    Attributes:
        v: membranes, V.
        i_exc: excitatory synaptic inputs, weight codes.
        i_inh: inhibitory ones.
        left: refractory steps that are left; counted on below 0, which saves a comparison.
        lane: noise generators, uint32.
    """

    v: Any
    i_exc: Any
    i_inh: Any
    left: Any
    lane: Any


class Coefficients(NamedTuple):
    """Coefficients of the same neurons for one step or one stride, a vector each (``analog``)."""

    decay_v: Any
    leak: Any
    drive_exc: Any
    drive_inh: Any
    decay_exc: Any
    decay_inh: Any
    noise: Any


@part
def load_state(analog: NDArray[np.float32], lanes: NDArray[np.uint32], width: Width) -> State:
    """Read the state of the first neurons."""
    return State(
        load(analog, V, width),
        load(analog, I_EXC, width),
        load(analog, I_INH, width),
        load(analog, REFRACTORY, width),
        load(lanes, 0, width),
    )


@part
def store_state(analog: NDArray[np.float32], lanes: NDArray[np.uint32], state: State) -> None:
    """Write the state of the first neurons."""
    store(analog, V, state.v)
    store(analog, I_EXC, state.i_exc)
    store(analog, I_INH, state.i_inh)
    store(analog, REFRACTORY, state.left)
    store(lanes, 0, state.lane)


@part
def load_coefficients(analog: NDArray[np.float32], length: int, width: Width) -> Coefficients:
    """Read the coefficients of the first neurons; ``length`` is ``STEP`` or ``STRIDE``."""
    return Coefficients(
        load(analog, length + DECAY_V, width),
        load(analog, length + LEAK, width),
        load(analog, length + DRIVE_EXC, width),
        load(analog, length + DRIVE_INH, width),
        load(analog, length + DECAY_EXC, width),
        load(analog, length + DECAY_INH, width),
        load(analog, length + NOISE, width),
    )


@part
def integrate(state: State, by: Coefficients) -> State:
    """Return the neurons after a step or stride, before threshold, reset and supply act on them.

    V·e^(−h/τ_m) + (leak + drives + noise). The synaptic inputs decay, the noise generators move on,
    and refractory steps stay as they are.
    """
    lane = xorshift32_each(state.lane)
    drive = by.leak + state.i_exc * by.drive_exc + state.i_inh * by.drive_inh
    v = state.v * by.decay_v + (drive + to_float(lane) * by.noise)
    return State(v, state.i_exc * by.decay_exc, state.i_inh * by.decay_inh, state.left, lane)


@part
def run_neurons(
    analog: NDArray[np.float32], lanes: NDArray[np.uint32], n_steps: int, width: Width
) -> tuple[int, np.uint32]:
    """Advance neurons by small steps up to the end of one in which any of them fires.

    The membrane stays within the supply's range. At or above threshold the neuron fires and is held
    at reset for its refractory steps. Synaptic inputs decay throughout.

    Args:
        analog: (28 · 32,) state and coefficients; V, inputs and refractory steps left are updated.
        lanes: (32,) noise generators, updated.
        n_steps: the most steps to take, at least 1.
        width: how many neurons are advanced.

    Returns:
        The steps taken, and the neurons that fired in the last of them, one bit each.
    """
    state, by = load_state(analog, lanes, width), load_coefficients(analog, STEP, width)
    v_thresh, v_reset = load(analog, V_THRESH, width), load(analog, V_RESET, width)
    refractory_steps = load(analog, REFRACTORY_STEPS, width)
    # A neuron whose threshold lies above the supply stays at the supply's end instead of firing.
    able = v_thresh <= V_MAX
    limit, end = select(able, v_thresh, V_MAX), select(able, v_reset, V_MAX)
    left_steps, fired = n_steps, NO_SPIKE
    while left_steps > 0 and fired == NO_SPIKE:
        after = integrate(state, by)
        held = after.left > ZERO
        # Compared before it is kept from falling below 0, so that neither waits for the other.
        above = after.v >= limit
        fires = above & able & ~held
        v = select(above, end, select(after.v < ZERO, ZERO, after.v))
        state = State(
            select(held, v_reset, v),
            after.i_exc,
            after.i_inh,
            select(fires, refractory_steps, after.left - ONE),
            after.lane,
        )
        fired = mask(fires)
        left_steps -= 1
    store_state(analog, lanes, state)
    return n_steps - left_steps, fired


@part
def step_neurons(analog: NDArray[np.float32], lanes: NDArray[np.uint32]) -> np.uint32:
    """Advance all neurons by one step and return those that fired, one bit each."""
    return run_neurons(analog, lanes, 1, ALL)[1]


@part
def can_stride(analog: NDArray[np.float32], n_steps: np.float32, width: Width) -> bool:
    """Tell whether ``n_steps`` small steps without events can be taken as one stride.

    True only if for every neuron that is advanced, with the largest noise in every step,

    - the membrane stays below threshold and the upper end of the supply;
    - it does not touch the lower end, or lies there and is held there throughout;
    - it is refractory throughout, or not at all.

    Then one stride has the effect of the small steps, apart from drawing their noise at once.
    """
    v, v_leak = load(analog, V, width), load(analog, V_LEAK, width)
    i_exc, i_inh = load(analog, I_EXC, width), load(analog, I_INH, width)
    left = load(analog, REFRACTORY, width)
    drive_exc = load(analog, DRIVE_EXC, width)
    highest = select(v > v_leak, v, v_leak) + i_exc * load(analog, PEAK_EXC, width)
    lowest = select(v < v_leak, v, v_leak) - i_inh * load(analog, PEAK_INH, width)
    pull = load(analog, HOLD, width) + i_exc * drive_exc - i_inh * load(analog, HOLD_INH, width)
    rises = highest >= load(analog, CEILING, width)
    held = left > ZERO
    sinks = ~held & (lowest <= load(analog, FLOOR, width)) & ((v > ZERO) | (pull >= ZERO))
    wakes = held & (left < n_steps)
    return bool(mask(rises | sinks | wakes) == NO_SPIKE)


@part
def stride_neurons(
    analog: NDArray[np.float32], lanes: NDArray[np.uint32], n_steps: np.float32, width: Width
) -> None:
    """Advance neurons by ``n_steps`` steps at once, where ``can_stride`` allows it."""
    state = load_state(analog, lanes, width)
    after = integrate(state, load_coefficients(analog, STRIDE, width))
    v = select(after.v < ZERO, ZERO, after.v)
    v = select(state.left > ZERO, load(analog, V_RESET, width), v)
    left = state.left - n_steps
    store_state(analog, lanes, State(v, after.i_exc, after.i_inh, left, after.lane))


@part
def flush_inputs(analog: NDArray[np.float32]) -> None:
    """Set synaptic inputs to zero that have decayed to a negligible size."""
    for i in range(I_EXC, I_INH + N_NEURONS):
        analog[i] = ZERO if analog[i] < NEGLIGIBLE else analog[i]
