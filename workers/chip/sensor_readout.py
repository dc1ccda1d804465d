"""Conversions of the column ADC: one row of correlation sensors at a time."""

import math

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.cadc import MAX_CODE_U8, Adc
from spikeloop.workers.chip.core import ADC_LANE, Core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.noise import xorshift32
from spikeloop.workers.kernels import part

BYTE, S8, S16, S24 = np.uint32(255), np.uint32(8), np.uint32(16), np.uint32(24)

# Mean and standard deviation of the sum of four random bytes.
BYTES_MEAN = np.float32(4 * 255 / 2)
BYTES_SD = np.float32(math.sqrt(4 * (256**2 - 1) / 12))


@part
def reading_noise(random: NDArray[np.uint32]) -> np.float32:
    """Return the next number of a nearly normal law of mean 0 and variance 1, within ±3.45.

    It is the standardised sum of the four bytes of the generator's next number.
    """
    x = xorshift32(random[0])
    random[0] = x
    total = (x & BYTE) + ((x >> S8) & BYTE) + ((x >> S16) & BYTE) + (x >> S24)
    return np.float32((np.float32(total) - BYTES_MEAN) / BYTES_SD)


@part
def convert(adc: Adc, branch: int, column: int, charge: np.float32, noise: np.float32) -> np.uint8:
    """Return the 8-bit code of a charge in LSB: offset + gain · charge + noise, rounded half up."""
    level = (
        adc.offset_lsb[branch, column] + adc.gain[branch, column] * charge + adc.noise_lsb * noise
    )
    return np.uint8(min(max(math.floor(np.float64(level) + 0.5), 0), MAX_CODE_U8))


@part
def read_row(core: Core, row: int, codes_u8: NDArray[np.uint8]) -> None:
    """Convert both branches of a row's 32 sensors into (2, 32) codes; the charges stay as they are.

    64 numbers are drawn from the ADC's noise generator.
    """
    random = core.lanes[ADC_LANE:]
    for column in range(N_NEURONS):
        for branch in range(2):
            charge = core.sensors.charge[branch, row * N_NEURONS + column]
            noise = reading_noise(random)
            codes_u8[branch, column] = convert(core.adc, branch, column, charge, noise)
