"""One step of the 32 neurons: noise, exact integration, threshold, reset, refractory time.

The loop has no branches, only selects, so that the compiler turns it into vector instructions; it
is bound by their number, not by memory. Integers are cast back to 32 bits after each operation,
because numba widens them and that would halve the vectors.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.analog import (
    DECAY_EXC,
    DECAY_INH,
    DECAY_V,
    DRIVE_EXC,
    DRIVE_INH,
    I_EXC,
    I_INH,
    LEAK,
    NOISE,
    REFRACTORY,
    REFRACTORY_STEPS,
    V_RESET,
    V_THRESH,
    V,
)
from spikeloop.workers.chip.compiling import part
from spikeloop.workers.chip.limits import N_NEURONS, V_MAX_V
from spikeloop.workers.chip.noise import xorshift32

ZERO, ONE, V_MAX = np.float32(0), np.float32(1), np.float32(V_MAX_V)
NO_SPIKE = np.uint32(0)
FIRED = np.uint32(1)

# Weight codes. An input that decays for ever would reach subnormal numbers, on which processors are
# a hundred times slower; below this it cannot move the membrane's float32 any more.
NEGLIGIBLE = np.float32(1e-9)


@part
def step_neurons(
    analog: NDArray[np.float32], lanes: NDArray[np.uint32], spiked: NDArray[np.uint32]
) -> bool:
    """Moves all neurons on by one step and says whether any fired.

    V ← clip(V·e^(−h/τ_m) + leak + drives + noise, supply range); at or above threshold the neuron
    fires and is held at reset for its refractory steps. Synaptic inputs decay throughout.

    Args:
        analog: (14 · 32,) state and coefficients; V, inputs and refractory steps left are updated.
        lanes: (32,) noise generators, updated.
        spiked: (32,) written: 1 where the neuron fired.
    """
    any_fired = NO_SPIKE
    for j in range(N_NEURONS):
        lane = xorshift32(lanes[j])
        lanes[j] = lane
        i_exc, i_inh = analog[I_EXC + j], analog[I_INH + j]
        v = (
            analog[V + j] * analog[DECAY_V + j]
            + analog[LEAK + j]
            + i_exc * analog[DRIVE_EXC + j]
            + i_inh * analog[DRIVE_INH + j]
            + np.float32(np.int32(lane)) * analog[NOISE + j]
        )
        v = ZERO if v < ZERO else v
        v = V_MAX if v > V_MAX else v
        left = analog[REFRACTORY + j]  # negative once it is over, which costs nothing to keep
        v = analog[V_RESET + j] if left > ZERO else v
        fires = v >= analog[V_THRESH + j]
        analog[V + j] = analog[V_RESET + j] if fires else v
        analog[REFRACTORY + j] = analog[REFRACTORY_STEPS + j] if fires else left - ONE
        analog[I_EXC + j] = i_exc * analog[DECAY_EXC + j]
        analog[I_INH + j] = i_inh * analog[DECAY_INH + j]
        spiked[j] = FIRED if fires else NO_SPIKE
        any_fired = np.uint32(any_fired | spiked[j])
    return bool(any_fired != NO_SPIKE)


@part
def flush_inputs(analog: NDArray[np.float32]) -> None:
    """Sets synaptic inputs to zero that have decayed to nothing."""
    for i in range(I_EXC, I_INH + N_NEURONS):
        analog[i] = ZERO if analog[i] < NEGLIGIBLE else analog[i]
