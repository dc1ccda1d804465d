"""Coefficients of exact exponential steps, from the neurons' physical values.

Between events a neuron with leak and two exponential synaptic inputs obeys

    τ_m dV/dt = E − V + U_exc I_exc − U_inh I_inh,    τ_x dI_x/dt = −I_x,

whose solution over a step h is linear in (V, I_exc, I_inh); these coefficients are exact (Rotter
and Diesmann 1999, "Exact digital simulation of time-invariant linear systems"), so the step limits
only the grid on which spikes and events lie. Synaptic inputs I are kept in weight codes, to which
an event adds weight · pulse length · gain; U (``NeuronConstants.exc_V``, ``inh_V``) converts them
to volts.

There are two sets of coefficients, for one step and for a stride of many steps. The emulator takes
strides where it can prove that no neuron fires or reaches the supply within (``can_stride``).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import exp, expm1, log
from spikeloop.workers.chip.capmem import LARGE_CAPACITOR_F, NeuronConstants
from spikeloop.workers.chip.limits import N_NEURONS, V_MAX_V

# Rows of a chip's analog block, a flat float32 array of rows of 32 neurons, from which kernels load
# vectors at constant offsets (``simd``).
V, I_EXC, I_INH, REFRACTORY = (row * N_NEURONS for row in range(4))
DECAY_V, LEAK, DRIVE_EXC, DRIVE_INH, DECAY_EXC, DECAY_INH, NOISE = (
    row * N_NEURONS for row in range(4, 11)
)
V_LEAK, V_THRESH, V_RESET, REFRACTORY_STEPS = (row * N_NEURONS for row in range(11, 15))
# What is added to the rows of a step's coefficients gives those of a stride's.
STEP, STRIDE = 0, 11 * N_NEURONS
# The bounds that allow a stride.
PEAK_EXC, PEAK_INH, CEILING, FLOOR, HOLD, HOLD_INH = (row * N_NEURONS for row in range(22, 28))
ANALOG_SIZE = 28 * N_NEURONS

STRIDE_S = 1e-6
"""Length of a stride: the spike interval of the decision protocol, and about the router's delay."""

NOISE_TAU_MEM_S = 10e-6
"""Membrane time constant at which the noise of the settings is meant: that of the circuit."""

LARGEST_NOISE = 2.0**31
UNIFORM_SD = 2.0**32 / math.sqrt(12.0)


def membrane_response(time_s: ArrayLike, tau_mem_s: ArrayLike, tau_syn_s: ArrayLike) -> Any:
    """Return the membrane potential after a synaptic drive of 1 V sets in at time 0 and decays.

    τ_s/(τ_s − τ_m) (e^(−t/τ_s) − e^(−t/τ_m)), written so that equal constants are no exception.
    """
    by_mem = np.divide(time_s, tau_mem_s)
    x = by_mem - np.divide(time_s, tau_syn_s)
    growth = np.where(x == 0, 1.0, expm1(x) / np.where(x == 0, 1.0, x))
    return by_mem * exp(-by_mem) * growth


def peak_time_s(tau_mem_s: ArrayLike, tau_syn_s: ArrayLike) -> Any:
    """Return the time at which ``membrane_response`` is largest."""
    mem, syn = np.asarray(tau_mem_s), np.asarray(tau_syn_s)
    apart = np.where(mem == syn, 1.0, mem - syn)
    return np.where(mem == syn, mem, log(mem / syn) * mem * syn / apart)[()]


def peak_response(tau_mem_s: ArrayLike, tau_syn_s: ArrayLike) -> Any:
    """Return the largest value of ``membrane_response``."""
    return membrane_response(peak_time_s(tau_mem_s, tau_syn_s), tau_mem_s, tau_syn_s)


def stride_steps(step_s: float) -> int:
    """Return the steps of one stride; 1 where steps are too long for strides to gain anything."""
    return max(1, round(STRIDE_S / step_s))


def analog_block(cells: NeuronConstants, step_s: float, noise_V: float) -> NDArray[np.float32]:
    """Return the resting state and the coefficients of the neurons, (28 · 32,) float32.

    ``noise_V`` is the stationary standard deviation that a membrane of the nominal time constant
    and capacitor has at rest (``stationary_noise_V``).

    Noise enters as one uniform increment per step or stride of length h, a signed 32-bit integer
    times ``NOISE``. Its variance is (1 − e^(−2h/τ_m)) of the stationary one, so
    that the membrane, which sums about τ_m/h of them, has the wanted deviation and a distribution
    close to Gaussian.
    """
    block = np.zeros(ANALOG_SIZE, dtype=np.float32)

    def put(row: int, values: FloatArray | list[float]) -> None:
        block[row : row + N_NEURONS] = values

    # A threshold above the supply is never reached, one at its lower end always: steps compare
    # before they clip V.
    v_thresh_V = np.where(cells.v_thresh_V > V_MAX_V, np.inf, cells.v_thresh_V)
    v_thresh_V = np.where(v_thresh_V <= 0, -np.inf, v_thresh_V)
    put(V, cells.v_leak_V)
    put(V_LEAK, cells.v_leak_V)
    put(V_THRESH, v_thresh_V)
    put(V_RESET, cells.v_reset_V)
    put(REFRACTORY_STEPS, np.rint(cells.refractory_s / step_s))

    n_steps = stride_steps(step_s)
    stride_s = n_steps * step_s
    sd_V = stationary_noise_V(cells, noise_V)
    step = _coefficients(cells, step_s, sd_V)
    stride = _coefficients(cells, stride_s, sd_V)
    for i in range(len(step)):
        put(STEP + DECAY_V + i * N_NEURONS, step[i])
        put(STRIDE + DECAY_V + i * N_NEURONS, stride[i])

    # Bounds on what small steps could do within a stride: noise always at its largest, synaptic
    # inputs as they are when it begins, seen through the part of their response that fits in.
    _, leak, _, drive_inh, _, _, noise = step
    noise_V_step = noise * LARGEST_NOISE
    noise_V_stride = noise_V_step * n_steps
    for row, drive_V, tau_syn_s in (
        (PEAK_EXC, cells.exc_V, cells.tau_exc_s),
        (PEAK_INH, cells.inh_V, cells.tau_inh_s),
    ):
        taus_s = cells.tau_mem_s, tau_syn_s
        until_s = np.minimum(stride_s, peak_time_s(*taus_s))
        put(row, drive_V * membrane_response(until_s, *taus_s))
    put(CEILING, np.minimum(v_thresh_V, V_MAX_V) - noise_V_stride)
    put(FLOOR, noise_V_stride)
    put(HOLD, leak + noise_V_step)
    put(HOLD_INH, -drive_inh * stride[5])
    return block


def stationary_noise_V(cells: NeuronConstants, noise_V: float) -> FloatArray:
    """Return (32,) standard deviations of the membranes at rest, under the same white current.

    σ² = S τ_m / (2 C²) for a current of spectral density S, the same for all neurons; it is
    ``noise_V`` at the nominal 10 µs and 2.36 pF.
    """
    sd_V: FloatArray = (
        noise_V
        * np.sqrt(cells.tau_mem_s / NOISE_TAU_MEM_S)
        * (LARGE_CAPACITOR_F / cells.capacitor_F)
    )
    return sd_V


def _coefficients(cells: NeuronConstants, time_s: float, noise_V: FloatArray) -> list[FloatArray]:
    """Return decay of V, leak, both drives, decays of both inputs and noise, (32,) each.

    The leak is computed from the decay as rounded to float32; otherwise rounding would shift the
    resting potential.
    """
    decay = exp(-time_s / cells.tau_mem_s)
    rounded = decay.astype(np.float32).astype(np.float64)
    return [
        decay,
        (1.0 - rounded) * cells.v_leak_V,
        cells.exc_V * membrane_response(time_s, cells.tau_mem_s, cells.tau_exc_s),
        -cells.inh_V * membrane_response(time_s, cells.tau_mem_s, cells.tau_inh_s),
        exp(-time_s / cells.tau_exc_s),
        exp(-time_s / cells.tau_inh_s),
        noise_V * np.sqrt(1.0 - decay**2) / UNIFORM_SD,
    ]
