"""Settings, state and mismatch of the correlation sensors of the synapses.

Each synapse holds two capacitors. A pair of spikes at a distance of Δt adds amplitude · e^(−Δt/τ)
to one of them: to the causal one if the event came before the neuron's spike, to the anticausal one
if it came after (Friedmann et al. 2017, IEEE TBioCAS 11:128). The column ADC reads the capacitors
(``cadc``), and the plasticity processor resets them. What happens at an event is in ``sensors``;
this module does not import numba.

Units. Charge is kept in codes of an ideal ADC (LSB), above the reading of an empty capacitor. Two
board voltages of 12 bits set the sensors of the whole chip, ``syn_v_ramp`` the time constant and
``syn_v_store`` the amplitude; the full code 4095 gives the shortest time constant and amplitude 0
(haldls, DLSv2 board defaults). How codes translate into seconds and LSB is not known of the
prototype, so the two quantities themselves are the settings here. Defaults and the range of the
amplitude are the targets and ranges to which the full BrainScaleS-2 can be calibrated (calix,
``spiking/correlation.py``). The time constant may be longer than the 30 µs there, since Friedmann
et al. name tens to hundreds of µs.

Magnitudes of the mismatch are our choice, for want of a published figure: 20 % for what the two
branches of a synapse have in common, within the 20 to 30 % that its neurons show (``mismatch``),
and 10 % for their difference. Calibration leaves 30 % of the former, calix' acceptance rule, and
all of the latter: calix reports a strong asymmetry of the branches on many synapses that nothing
can remove, because the calibration bits act on both at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.portable import power
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.limits import N_NEURONS, N_SYNAPSES
from spikeloop.workers.chip.mismatch import Mismatch, Pattern, deviations

NEVER = -1
"""Step of an event that has not happened."""

MAX_CALIBRATION_U4 = 15


class Correlation(Settings):
    """Settings of all correlation sensors of a chip.

    Steps of the calibration codes and the limit of the capacitor are our choice. The limit takes a
    reading from the nominal empty one of 40 to 200, near the end of the range 30 to 210 that calix
    trusts.
    """

    tau_s: float = Field(
        default=5e-6, ge=2e-6, le=500e-6, description="time constant at calibration code 0, s"
    )
    amplitude_lsb: float = Field(
        default=0.5, ge=0.2, le=2.0, description="charge of a pair at Δt = 0, calibration code 0"
    )
    tau_calibration: float = Field(
        default=0.15, ge=0, lt=1, description="part of τ that one step of its code takes off"
    )
    amplitude_calibration: float = Field(
        default=0.15, ge=0, lt=1, description="part of the amplitude that one step takes off"
    )
    saturation_lsb: float = Field(
        default=160.0, gt=0, le=255, description="charge at which a capacitor is full"
    )


class Sensors(NamedTuple):
    """All sensors of one chip as arguments of kernels; a synapse's index is row · 32 + column.

    The first index of an array of both branches is 0 for causal, event-before-spike pairs, and 1
    for anticausal, spike-before-event pairs.

    Attributes:
        enabled: 1, or 0 for a chip whose programs do without.
        charge: (2, 1024) float32 LSB in [0, ``saturation``].
        amplitude: (2, 1024) float32 charge of a pair at Δt = 0, LSB.
        rate: (2, 1024) float32 inverse time constant, 1/step.
        last_pre: (1024,) int64 step of the last event that the synapse answered, or ``NEVER``.
        last_post: (32,) int64 step of the last spike of the column's neuron, or ``NEVER``.
        saturation: float32 charge at which a capacitor is full, LSB.
    """

    enabled: int
    charge: NDArray[np.float32]
    amplitude: NDArray[np.float32]
    rate: NDArray[np.float32]
    last_pre: NDArray[np.int64]
    last_post: NDArray[np.int64]
    saturation: np.float32


@dataclass(frozen=True)
class SensorSpread:
    """Relative standard deviations over the synapses of a chip.

    Attributes:
        tau: of the time constant, common to both branches.
        amplitude: of the amplitude, common to both branches.
        asymmetry: of half the difference between the branches, for both quantities.
    """

    tau: float
    amplitude: float
    asymmetry: float


UNCALIBRATED_SENSORS = SensorSpread(tau=0.20, amplitude=0.20, asymmetry=0.10)
CALIBRATED_SENSORS = SensorSpread(tau=0.06, amplitude=0.06, asymmetry=0.10)


def new_sensors(
    correlation: Correlation,
    step_s: float,
    calibration_u4: NDArray[np.uint8],
    chip: int,
    mismatch: Mismatch,
) -> Sensors:
    """Return the empty sensors of one particular chip.

    The low two of a synapse's calibration bits are the code of the time constant, the high two that
    of the amplitude (which is which is our choice). The higher the code, the shorter the time
    constant and the smaller the amplitude (haldls, DLSv2 synapse), of both branches.

    Raises:
        ValueError: ``calibration_u4`` is not (1024,) integers in [0, 15].
    """
    codes = np.asarray(calibration_u4)
    if codes.shape != (N_SYNAPSES,) or codes.min() < 0 or codes.max() > MAX_CALIBRATION_U4:
        raise ValueError(
            f"calibration_u4 must be ({N_SYNAPSES},) integers in [0, {MAX_CALIBRATION_U4}], "
            f"got shape {codes.shape} in [{codes.min()}, {codes.max()}]"
        )
    spread = CALIBRATED_SENSORS if mismatch == "calibrated" else UNCALIBRATED_SENSORS
    draws = deviations(chip, mismatch, Pattern.SENSORS, (4, N_SYNAPSES))
    tau, amplitude, tau_asymmetry, amplitude_asymmetry = draws
    asymmetry = np.array([[1.0], [-1.0]]) * spread.asymmetry

    shorter = np.array([power(1 - correlation.tau_calibration, code) for code in range(4)])
    smaller = np.array([power(1 - correlation.amplitude_calibration, code) for code in range(4)])
    tau_steps = correlation.tau_s / step_s * shorter[codes & 3]
    pair_lsb = correlation.amplitude_lsb * smaller[codes >> 2]
    # Cut at three deviations, both are at least a tenth.
    tau_steps = tau_steps * (1 + spread.tau * tau + asymmetry * tau_asymmetry)
    pair_lsb = pair_lsb * (1 + spread.amplitude * amplitude + asymmetry * amplitude_asymmetry)
    return disabled_sensors()._replace(
        enabled=1,
        amplitude=pair_lsb.astype(np.float32),
        rate=(1 / tau_steps).astype(np.float32),
        saturation=np.float32(correlation.saturation_lsb),
    )


def disabled_sensors() -> Sensors:
    """Return the sensors of a chip that does without: empty, and never called by the router."""
    charge, amplitude, rate = np.zeros((3, 2, N_SYNAPSES), dtype=np.float32)
    return Sensors(
        enabled=0,
        charge=charge,
        amplitude=amplitude,
        rate=rate,
        last_pre=np.full(N_SYNAPSES, NEVER, dtype=np.int64),
        last_post=np.full(N_NEURONS, NEVER, dtype=np.int64),
        saturation=np.float32(0),
    )
