"""One step of the 32 neurons: noise, exact integration, threshold, reset, refractory time.

The loop has no branches, only selects, so that the compiler turns it into vector instructions.
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

# Weight codes. An input that decays for ever would reach subnormal numbers, on which processors are
# a hundred times slower; below this it cannot move the membrane's float32 any more.
NEGLIGIBLE = np.float32(1e-9)


@part
def step_neurons(
    analog: NDArray[np.float32],
    lanes: NDArray[np.uint32],
    spiked: NDArray[np.uint8],
    spiked_words: NDArray[np.uint64],
) -> bool:
    """Moves all neurons on by one step and says whether any fired.

    V ← clip(V·e^(−h/τ_m) + leak + drives + noise, supply range); at or above threshold the neuron
    fires and is held at reset for its refractory steps. Synaptic inputs decay throughout.

    Args:
        analog: (14 · 32,) state and coefficients; V, inputs and refractory steps left are updated.
        lanes: (32,) noise generators, updated.
        spiked: (32,) written: 1 where the neuron fired.
        spiked_words: (4,) the same memory.
    """
    for j in range(N_NEURONS):
        lane = xorshift32(lanes[j])
        lanes[j] = lane
        i_exc, i_inh = analog[I_EXC + j], analog[I_INH + j]
        # Summed apart from V, whose way from one step to the next decides the speed.
        push = (
            analog[LEAK + j]
            + i_exc * analog[DRIVE_EXC + j]
            + i_inh * analog[DRIVE_INH + j]
            + np.float32(np.int32(lane)) * analog[NOISE + j]
        )
        v = analog[V + j] * analog[DECAY_V + j] + push
        v = ZERO if v < ZERO else v
        left = analog[REFRACTORY + j]
        v = analog[V_RESET + j] if left > ZERO else v
        fires = v >= analog[V_THRESH + j]
        left = left - ONE
        left = ZERO if left < ZERO else left
        v = V_MAX if v > V_MAX else v
        analog[V + j] = analog[V_RESET + j] if fires else v
        analog[REFRACTORY + j] = analog[REFRACTORY_STEPS + j] if fires else left
        i_exc = i_exc * analog[DECAY_EXC + j]
        i_inh = i_inh * analog[DECAY_INH + j]
        analog[I_EXC + j] = ZERO if i_exc < NEGLIGIBLE else i_exc
        analog[I_INH + j] = ZERO if i_inh < NEGLIGIBLE else i_inh
        spiked[j] = fires
    any_spike = spiked_words[0] | spiked_words[1] | spiked_words[2] | spiked_words[3]
    return bool(any_spike != 0)
