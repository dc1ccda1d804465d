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
prototype, so the two quantities themselves are the settings here. Ranges and targets are those to
which the full BrainScaleS-2 can be calibrated (calix, ``spiking/correlation.py``).

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

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import power
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.limits import N_NEURONS, N_SYNAPSES
from spikeloop.workers.chip.mismatch import LARGEST_DEVIATION_SD

NEVER = -1
"""Step of an event that has not happened."""

MAX_CALIBRATION_U4 = 15

# A stream of its own of the chip's random numbers; ``mismatch`` has those without a key and with 2.
SENSOR_STREAM = 3


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

    Attributes:
        enabled: 1, or 0 for a chip whose programs do without.
        causal: (1024,) float32 charge of event-before-spike pairs, LSB in [0, ``saturation``].
        anticausal: (1024,) float32 the same of spike-before-event pairs.
        last_pre: (1024,) int64 step of the last event that the synapse answered, or ``NEVER``.
        last_post: (32,) int64 step of the last spike of the column's neuron, or ``NEVER``.
        amplitude_causal: (1024,) float32 charge of a pair at Δt = 0, LSB.
        amplitude_anticausal: (1024,) float32.
        rate_causal: (1024,) float32 inverse time constant, 1/step.
        rate_anticausal: (1024,) float32.
        saturation: float32 charge at which a capacitor is full, LSB.
    """

    enabled: int
    causal: NDArray[np.float32]
    anticausal: NDArray[np.float32]
    last_pre: NDArray[np.int64]
    last_post: NDArray[np.int64]
    amplitude_causal: NDArray[np.float32]
    amplitude_anticausal: NDArray[np.float32]
    rate_causal: NDArray[np.float32]
    rate_anticausal: NDArray[np.float32]
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


def sensor_deviations(chip: int) -> FloatArray:
    """Return (4, 1024) standard normal draws of a chip, cut at three deviations."""
    seed = np.random.SeedSequence(chip, spawn_key=(SENSOR_STREAM,))
    draws = np.random.Generator(np.random.Philox(seed)).standard_normal((4, N_SYNAPSES))
    return np.clip(draws, -LARGEST_DEVIATION_SD, LARGEST_DEVIATION_SD)


def new_sensors(
    correlation: Correlation,
    step_s: float,
    calibration_u4: NDArray[np.uint8],
    chip: int | None,
    *,
    calibrated: bool,
) -> Sensors:
    """Return the empty sensors of one particular chip.

    The low two of a synapse's calibration bits are the code of the time constant, the high two that
    of the amplitude (which is which is our choice). The higher the code, the shorter the time
    constant and the smaller the amplitude (haldls, DLSv2 synapse), of both branches.

    Args:
        correlation: settings of the whole chip.
        step_s: the chip's integration step.
        calibration_u4: (1024,) uint8 in [0, 15].
        chip: number of the chip, non-negative; None for one without mismatch.
        calibrated: whether its synapses have been brought to a common target.

    Raises:
        ValueError: the calibration bits have another shape or range.
    """
    codes = np.asarray(calibration_u4)
    if codes.shape != (N_SYNAPSES,) or codes.min() < 0 or codes.max() > MAX_CALIBRATION_U4:
        raise ValueError(
            f"calibration_u4 must be ({N_SYNAPSES},) integers in [0, {MAX_CALIBRATION_U4}], "
            f"got shape {codes.shape} in [{codes.min()}, {codes.max()}]"
        )
    spread = CALIBRATED_SENSORS if calibrated else UNCALIBRATED_SENSORS
    draws = np.zeros((4, N_SYNAPSES)) if chip is None else sensor_deviations(chip)
    tau, amplitude, tau_asymmetry, amplitude_asymmetry = draws

    shorter = np.array([power(1 - correlation.tau_calibration, code) for code in range(4)])
    smaller = np.array([power(1 - correlation.amplitude_calibration, code) for code in range(4)])
    tau_steps = correlation.tau_s / step_s * shorter[codes & 3]
    pair_lsb = correlation.amplitude_lsb * smaller[codes >> 2]

    def branch(sign: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return amplitudes and rates; cut at three deviations, both are at least a tenth."""
        asymmetry = sign * spread.asymmetry
        lsb = pair_lsb * (1 + spread.amplitude * amplitude + asymmetry * amplitude_asymmetry)
        steps = tau_steps * (1 + spread.tau * tau + asymmetry * tau_asymmetry)
        return lsb.astype(np.float32), (1 / steps).astype(np.float32)

    amplitude_causal, rate_causal = branch(+1.0)
    amplitude_anticausal, rate_anticausal = branch(-1.0)
    return disabled_sensors()._replace(
        enabled=1,
        amplitude_causal=amplitude_causal,
        amplitude_anticausal=amplitude_anticausal,
        rate_causal=rate_causal,
        rate_anticausal=rate_anticausal,
        saturation=np.float32(correlation.saturation_lsb),
    )


def disabled_sensors() -> Sensors:
    """Return the sensors of a chip that does without: empty, and never called by the router."""
    return Sensors(
        enabled=0,
        causal=np.zeros(N_SYNAPSES, dtype=np.float32),
        anticausal=np.zeros(N_SYNAPSES, dtype=np.float32),
        last_pre=np.full(N_SYNAPSES, NEVER, dtype=np.int64),
        last_post=np.full(N_NEURONS, NEVER, dtype=np.int64),
        amplitude_causal=np.zeros(N_SYNAPSES, dtype=np.float32),
        amplitude_anticausal=np.zeros(N_SYNAPSES, dtype=np.float32),
        rate_causal=np.zeros(N_SYNAPSES, dtype=np.float32),
        rate_anticausal=np.zeros(N_SYNAPSES, dtype=np.float32),
        saturation=np.float32(0),
    )
