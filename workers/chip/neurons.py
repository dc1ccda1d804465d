"""Dynamics of the 32 neurons: small steps that may fire, and strides in which nothing can happen.

The loops have no branches, only selects, so that the compiler turns them into vector instructions;
their number of instructions limits the speed, not memory. Integers are cast back to 32 bits after
each operation, because numba widens them and that would halve the vectors.
"""

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
from spikeloop.workers.chip.noise import xorshift32
from spikeloop.workers.kernels import part

ZERO, ONE, V_MAX = np.float32(0), np.float32(1), np.float32(V_MAX_V)
NO_SPIKE = np.uint32(0)
FIRST_NEURON = np.uint32(1)

# Weight codes. An input that decays without end would reach subnormal numbers, on which processors
# are a hundred times slower; below this it cannot change the membrane's float32 any more.
NEGLIGIBLE = np.float32(1e-9)


@part
def integrate(
    analog: NDArray[np.float32], lanes: NDArray[np.uint32], j: int, length: int
) -> np.float32:
    """Return a neuron's membrane after a step or stride, if nothing holds or ends it.

    V·e^(−h/τ_m) + leak + drives + noise, not below 0. The synaptic inputs decay, and the noise
    generator moves on. ``length`` is ``STEP`` or ``STRIDE``.
    """
    lane = xorshift32(lanes[j])
    lanes[j] = lane
    i_exc, i_inh = analog[I_EXC + j], analog[I_INH + j]
    v = (
        analog[V + j] * analog[length + DECAY_V + j]
        + analog[length + LEAK + j]
        + i_exc * analog[length + DRIVE_EXC + j]
        + i_inh * analog[length + DRIVE_INH + j]
        + np.float32(np.int32(lane)) * analog[length + NOISE + j]
    )
    analog[I_EXC + j] = i_exc * analog[length + DECAY_EXC + j]
    analog[I_INH + j] = i_inh * analog[length + DECAY_INH + j]
    return ZERO if v < ZERO else v


@part
def step_neurons(analog: NDArray[np.float32], lanes: NDArray[np.uint32]) -> np.uint32:
    """Advance all neurons by one step and return those that fired, one bit each.

    The membrane stays within the supply's range. At or above threshold the neuron fires and is held
    at reset for its refractory steps. Synaptic inputs decay throughout.

    Args:
        analog: (28 · 32,) state and coefficients; V, inputs and refractory steps left are updated.
        lanes: (32,) noise generators, updated.
    """
    fired = NO_SPIKE
    for j in range(N_NEURONS):
        v = integrate(analog, lanes, j, STEP)
        v = V_MAX if v > V_MAX else v
        left = analog[REFRACTORY + j]  # negative once it is over, which costs nothing to keep
        held = left > ZERO
        v = analog[V_RESET + j] if held else v
        fires = (v >= analog[V_THRESH + j]) & (not held)
        analog[V + j] = analog[V_RESET + j] if fires else v
        analog[REFRACTORY + j] = analog[REFRACTORY_STEPS + j] if fires else left - ONE
        bit = np.uint32(FIRST_NEURON << np.uint32(j))
        fired = np.uint32(fired | (bit if fires else NO_SPIKE))
    return fired


@part
def can_stride(analog: NDArray[np.float32], n_steps: np.float32) -> bool:
    """Tell whether ``n_steps`` small steps without events can be taken as one stride.

    True only if for every neuron, with the largest noise in every step,

    - the membrane stays below threshold and the upper end of the supply;
    - it does not touch the lower end, or lies there and is held there throughout;
    - it is refractory throughout, or not at all.

    Then one stride has the effect of the small steps, apart from drawing their noise at once.
    """
    blocked = NO_SPIKE
    for j in range(N_NEURONS):
        v, v_leak = analog[V + j], analog[V_LEAK + j]
        i_exc, i_inh = analog[I_EXC + j], analog[I_INH + j]
        left = analog[REFRACTORY + j]
        highest = (v if v > v_leak else v_leak) + i_exc * analog[PEAK_EXC + j]
        lowest = (v if v < v_leak else v_leak) - i_inh * analog[PEAK_INH + j]
        pull = analog[HOLD + j] + i_exc * analog[DRIVE_EXC + j] - i_inh * analog[HOLD_INH + j]
        rises = highest >= analog[CEILING + j]
        free = left <= ZERO
        sinks = free & (lowest <= analog[FLOOR + j]) & ((v > ZERO) | (pull >= ZERO))
        wakes = (left > ZERO) & (left < n_steps)
        blocked = np.uint32(blocked | (FIRST_NEURON if rises | sinks | wakes else NO_SPIKE))
    return bool(blocked == NO_SPIKE)


@part
def stride_neurons(
    analog: NDArray[np.float32], lanes: NDArray[np.uint32], n_steps: np.float32
) -> None:
    """Advance all neurons by ``n_steps`` steps at once, where ``can_stride`` allows it."""
    for j in range(N_NEURONS):
        v = integrate(analog, lanes, j, STRIDE)
        left = analog[REFRACTORY + j]
        analog[V + j] = analog[V_RESET + j] if left > ZERO else v
        analog[REFRACTORY + j] = left - n_steps


@part
def flush_inputs(analog: NDArray[np.float32]) -> None:
    """Set synaptic inputs to zero that have decayed to a negligible size."""
    for i in range(I_EXC, I_INH + N_NEURONS):
        analog[i] = ZERO if analog[i] < NEGLIGIBLE else analog[i]
