"""From physical neuron settings to the coefficients of one exact exponential step.

Between events a neuron with leak and two exponential synaptic inputs obeys

    τ_m dV/dt = E − V + g (I_exc − r I_inh),    τ_x dI_x/dt = −I_x,

whose solution over a step h is linear in (V, I_exc, I_inh); these coefficients are exact (Rotter
and Diesmann 1999, "Exact digital simulation of time-invariant linear systems"), so the step limits
only the grid on which spikes and events lie. Synaptic inputs are kept in weight codes: an event
through weight w adds w.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.limits import (
    MAX_WEIGHT_U6,
    N_NEURONS,
    STATE_GAP_U10,
    V_LEAK_U10,
    V_MAX_V,
    V_RESET_U10,
    V_THRESH_U10,
    VOLT_PER_CODE,
)

# Rows of a chip's analog block: a flat float32 array of 14 rows of 32 neurons. One array at
# constant offsets lets the compiler see that rows do not overlap, and so vectorise the step.
V, I_EXC, I_INH, REFRACTORY = (row * N_NEURONS for row in range(4))
DECAY_V, LEAK, DRIVE_EXC, DRIVE_INH, DECAY_EXC, DECAY_INH = (
    row * N_NEURONS for row in range(4, 10)
)
V_THRESH, V_RESET, REFRACTORY_STEPS, NOISE = (row * N_NEURONS for row in range(10, 14))
ANALOG_SIZE = 14 * N_NEURONS


class Circuit(Settings):
    """Analog settings of the chip: what its bias codes and the board's voltages come to.

    The heights of post-synaptic potentials are our choice, since no published figure is known.

    A state neuron must keep reverberating through its own synapse of weight 63, from reset (118
    codes below leak) to threshold (100 above), so one such event lifts it by a little over 218.

    An action neuron sums the events of many state spikes, and its weight decides *when* it crosses
    its threshold. The first to fire ends the race, but only after the router's delay of 1 µs, so
    the crossing times of different weights must differ by more than that. They do if one event is
    a small part of the 176 codes to threshold; if a single spike were enough, nearly all actions
    would fire together, and the agent would hardly learn. With 25 codes, weights below about 20 do
    not fire within the 20 µs of a decision, and two or three of eight high weights do.
    """

    step_s: float = Field(default=1e-7, gt=0, le=1e-6, description="integration step, s")
    tau_mem_s: float = Field(default=10e-6, gt=0, le=2e-3, description="membrane time constant, s")
    tau_exc_s: float = Field(default=1.8e-6, gt=0, le=1e-4, description="excitatory synapse, s")
    tau_inh_s: float = Field(default=1.8e-6, gt=0, le=1e-4, description="inhibitory synapse, s")
    v_leak_u10: int = Field(default=V_LEAK_U10, ge=0, le=1023, description="leak code")
    v_thresh_u10: int = Field(default=V_THRESH_U10, ge=0, le=1023, description="threshold code")
    v_reset_u10: int = Field(default=V_RESET_U10, ge=0, le=1023, description="reset code")
    state_gap_u10: int = Field(
        default=STATE_GAP_U10, ge=1, le=1023, description="state neurons: threshold above leak"
    )
    refractory_s: float = Field(default=4e-6, ge=0, le=1e-3, description="refractory time, s")
    state_refractory_s: float = Field(
        default=2e-7, ge=0, le=1e-3, description="refractory time of state neurons, s"
    )
    state_psp_u10: float = Field(
        default=240.0,
        ge=0,
        description="state neurons: peak potential of an event of weight 63, codes",
    )
    action_psp_u10: float = Field(
        default=25.0, ge=0, description="the same of action neurons, codes"
    )
    psp_inh_u10: float = Field(
        default=327.0, ge=0, description="the same of an inhibitory event, codes"
    )
    noise_V: float = Field(
        default=0.02, ge=0, le=1, description="stationary SD of the membrane's temporal noise, V"
    )


@dataclass(frozen=True)
class Neurons:
    """Physical values of the 32 neurons, each (32,) float64.

    Attributes:
        tau_mem_s: membrane time constant.
        tau_exc_s: time constant of the excitatory synaptic input.
        tau_inh_s: time constant of the inhibitory synaptic input.
        v_leak_V: leak potential.
        v_thresh_V: threshold.
        v_reset_V: potential after a spike and while refractory.
        refractory_s: how long the membrane is held at reset.
        exc_V: membrane drive of one weight code, before filtering by the membrane.
        inh_V: the same for inhibition, positive.
        noise_V: stationary standard deviation of the membrane at rest.
    """

    tau_mem_s: FloatArray
    tau_exc_s: FloatArray
    tau_inh_s: FloatArray
    v_leak_V: FloatArray
    v_thresh_V: FloatArray
    v_reset_V: FloatArray
    refractory_s: FloatArray
    exc_V: FloatArray
    inh_V: FloatArray
    noise_V: FloatArray


def membrane_response(time_s: float, tau_mem_s: float, tau_syn_s: float) -> float:
    """Membrane potential ``time_s`` after a synaptic drive of 1 V sets in and decays, from rest.

    τ_s/(τ_s − τ_m) (e^(−t/τ_s) − e^(−t/τ_m)), written so that equal constants are no exception.
    """
    x = time_s / tau_mem_s - time_s / tau_syn_s
    growth = math.expm1(x) / x if x != 0 else 1.0
    return time_s / tau_mem_s * math.exp(-time_s / tau_mem_s) * growth


def peak_response(tau_mem_s: float, tau_syn_s: float) -> float:
    """The largest value of ``membrane_response``."""
    if tau_mem_s == tau_syn_s:
        return membrane_response(tau_mem_s, tau_mem_s, tau_syn_s)
    peak_s = math.log(tau_mem_s / tau_syn_s) * tau_mem_s * tau_syn_s / (tau_mem_s - tau_syn_s)
    return membrane_response(peak_s, tau_mem_s, tau_syn_s)


def neurons(circuit: Circuit, n_states: int) -> Neurons:
    """The 32 neurons of an ideal chip, of which the first ``n_states`` code states."""
    state = np.arange(N_NEURONS) < n_states
    ones = np.ones(N_NEURONS)
    v_thresh_u10 = np.where(
        state, circuit.v_leak_u10 + circuit.state_gap_u10, circuit.v_thresh_u10 * ones
    )
    volt = VOLT_PER_CODE / MAX_WEIGHT_U6
    psp_u10 = np.where(state, circuit.state_psp_u10, circuit.action_psp_u10)
    exc_V = psp_u10 * volt / peak_response(circuit.tau_mem_s, circuit.tau_exc_s)
    inh_V = circuit.psp_inh_u10 * volt / peak_response(circuit.tau_mem_s, circuit.tau_inh_s)
    return Neurons(
        tau_mem_s=circuit.tau_mem_s * ones,
        tau_exc_s=circuit.tau_exc_s * ones,
        tau_inh_s=circuit.tau_inh_s * ones,
        v_leak_V=circuit.v_leak_u10 * VOLT_PER_CODE * ones,
        v_thresh_V=v_thresh_u10 * VOLT_PER_CODE,
        v_reset_V=circuit.v_reset_u10 * VOLT_PER_CODE * ones,
        refractory_s=np.where(state, circuit.state_refractory_s, circuit.refractory_s),
        exc_V=exc_V,
        inh_V=inh_V * ones,
        noise_V=circuit.noise_V * ones,
    )


def analog_block(cells: Neurons, step_s: float) -> NDArray[np.float32]:
    """(14 · 32,) float32: resting state and step coefficients of the neurons, row after row.

    Noise enters as one uniform increment a step, a signed 32-bit integer times ``NOISE``. Its
    variance is (1 − e^(−2h/τ_m)) of the stationary one, so that the membrane, which sums about
    τ_m/h of them, has the wanted deviation and a distribution close to Gaussian.
    """
    block = np.zeros(ANALOG_SIZE, dtype=np.float32)

    def put(row: int, values: FloatArray | list[float]) -> None:
        block[row : row + N_NEURONS] = values

    decay = [math.exp(-step_s / tau) for tau in cells.tau_mem_s]
    put(V, cells.v_leak_V)
    put(DECAY_V, decay)
    # From the decay as rounded to float32, or rounding would shift the resting potential.
    put(LEAK, (1.0 - block[DECAY_V : DECAY_V + N_NEURONS].astype(np.float64)) * cells.v_leak_V)
    for row, drive_V, sign, tau_syn_s, decay_row in (
        (DRIVE_EXC, cells.exc_V, 1.0, cells.tau_exc_s, DECAY_EXC),
        (DRIVE_INH, cells.inh_V, -1.0, cells.tau_inh_s, DECAY_INH),
    ):
        response = [
            membrane_response(step_s, *taus)
            for taus in zip(cells.tau_mem_s, tau_syn_s, strict=True)
        ]
        put(row, sign * drive_V * response)
        put(decay_row, [math.exp(-step_s / tau) for tau in tau_syn_s])
    # A threshold above the supply is never reached; the step relies on this when it clips V.
    put(V_THRESH, np.where(cells.v_thresh_V > V_MAX_V, np.inf, cells.v_thresh_V))
    put(V_RESET, cells.v_reset_V)
    put(REFRACTORY_STEPS, np.rint(cells.refractory_s / step_s))
    uniform_sd = 2.0**32 / math.sqrt(12.0)
    put(NOISE, cells.noise_V * np.sqrt(1.0 - np.square(decay)) / uniform_sd)
    return block
