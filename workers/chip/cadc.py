"""Settings of the parallel column ADC (CADC) and the mismatch of its channels.

The ADC has 8 bits and two channels per column, one for each branch of the correlation sensors
(haldls, DLSv2). The conversion itself is in ``sensor_readout``; this module does not import numba.

Sign. Here correlation *raises* the code, as it does in the plasticity program that was written for
the prototype: it adds causal reading minus offset to the weights and subtracts the same of the
anticausal reading (libnux, ``examples/stdp.cpp``). On the full BrainScaleS-2 correlation lowers the
code from an empty reading of 120 or more (calix, ``correlation_measurement.py``), so rules taken
over from there must change sign.

Magnitudes. calix trusts codes from 30 to 210 and expects offsets of uncalibrated channels to
spread by less than 20 codes, readings of calibrated ones by less than 3; 10 and 1.5 are our choice
within that. It does not calibrate the gain of single channels, for which 3 % is our choice. No
figure of the temporal noise is known; 1 LSB, our choice, is the size at which the published
programs' habit of dropping the lowest bit makes sense (libnux and brainscales2-demos).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.mismatch import Mismatch, Pattern, deviations

MAX_CODE_U8 = 255

OFFSET_SPREAD_LSB = 10.0
CALIBRATED_OFFSET_SPREAD_LSB = 1.5
GAIN_SPREAD = 0.03


class AdcSettings(Settings):
    """Settings of the column ADC."""

    offset_lsb: float = Field(
        default=40.0, ge=30, le=210, description="nominal code of an empty capacitor"
    )
    noise_lsb: float = Field(
        default=1.0, ge=0, le=20, description="SD of the temporal noise of one reading, LSB"
    )


class Adc(NamedTuple):
    """The 64 channels as arguments of kernels; row 0 of an array is causal, row 1 anticausal.

    Attributes:
        offset_lsb: (2, 32) float32 code of an empty capacitor, before rounding.
        gain: (2, 32) float32 codes per LSB of charge.
        noise_lsb: float32 standard deviation of the temporal noise.
    """

    offset_lsb: NDArray[np.float32]
    gain: NDArray[np.float32]
    noise_lsb: np.float32


def new_adc(settings: AdcSettings, chip: int, mismatch: Mismatch) -> Adc:
    """Return the column ADC of one particular chip."""
    offset, gain = deviations(chip, mismatch, Pattern.ADC, (2, 2, N_NEURONS))
    calibrated = mismatch == "calibrated"
    spread_lsb = CALIBRATED_OFFSET_SPREAD_LSB if calibrated else OFFSET_SPREAD_LSB
    return Adc(
        offset_lsb=(settings.offset_lsb + spread_lsb * offset).astype(np.float32),
        gain=(1 + GAIN_SPREAD * gain).astype(np.float32),
        noise_lsb=np.float32(settings.noise_lsb),
    )
