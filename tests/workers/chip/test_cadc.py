"""The column ADC: transfer curve, ends of its range, and noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.chip_recording import ideal_neurons
from support.statistical_asserts import assert_frequencies

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.cadc import AdcSettings, new_adc
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.correlation import disabled_sensors
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, N_SYNAPSES
from spikeloop.workers.chip.mismatch import Mismatch
from spikeloop.workers.chip.sensor_readout import read_row


def charged(
    causal: FloatArray | float,
    anticausal: FloatArray | float = 0.0,
    noise_lsb: float = 0.0,
    mismatch: Mismatch = "off",
) -> Core:
    """Chip 20 with these charges in all synapses."""
    sensors = disabled_sensors()
    sensors.charge[0], sensors.charge[1] = causal, anticausal
    adc = new_adc(AdcSettings(noise_lsb=noise_lsb), 20, mismatch)
    return new_core(ideal_neurons(), sensors=sensors, adc=adc)


def read(core: Core, row: int = 0) -> NDArray[np.int64]:
    """(2, 32) codes of a row."""
    codes = np.zeros((2, N_NEURONS), dtype=np.uint8)
    read_row(core, row, codes)
    return codes.astype(np.int64)


def test_the_ideal_curve_is_the_rounded_sum_of_offset_and_charge_which_stays() -> None:
    lsb = np.stack([np.arange(N_SYNAPSES), np.arange(N_SYNAPSES)[::-1]]) / 4  # exact, to 255.75
    core = charged(*lsb)
    for row in range(N_ROWS):
        part = lsb[:, row * N_NEURONS : (row + 1) * N_NEURONS]
        np.testing.assert_array_equal(read(core, row), np.minimum(np.floor(40.5 + part), 255))
    np.testing.assert_array_equal(core.sensors.charge, lsb)


@pytest.mark.parametrize(
    ("charge", "code"), [(214.4, 254), (215.4, 255), (300.0, 255), (-40.0, 0), (-1e6, 0)]
)
def test_codes_stop_at_the_ends_of_eight_bits(charge: float, code: int) -> None:
    causal, anticausal = read(charged(charge))
    assert (causal == code).all() and (anticausal == 40).all()


def test_channels_have_their_own_offset_and_gain() -> None:
    core = charged(100.0, 50.0, mismatch="uncalibrated")
    codes = read(core, 9)
    charge = np.array([[100.0], [50.0]])
    level = core.adc.offset_lsb.astype(np.float64) + core.adc.gain * charge
    assert min(np.unique(row).size for row in codes) > 10
    assert (np.abs(codes - level) <= 0.5 + 1e-4).all()


def code_law(noise_lsb: float, level: float, codes: range) -> FloatArray:
    """Probabilities of codes, the outer two with all beyond, for a sum of four random bytes."""
    byte = np.full(256, 1 / 256)
    law = np.convolve(np.convolve(byte, byte), np.convolve(byte, byte))
    noise = (np.arange(law.size) - 510) / np.sqrt(4 * (256**2 - 1) / 12)
    drawn = np.clip(np.floor(level + noise_lsb * noise + 0.5), codes[0], codes[-1])
    return np.array([law[drawn == code].sum() for code in codes])


def test_codes_scatter_by_the_exact_law_of_the_set_noise() -> None:
    core, classes = charged(10.3, 10.3, noise_lsb=2.0), range(45, 57)
    codes = np.array([read(core) for _ in range(400)])
    clipped = np.clip(codes, classes[0], classes[-1])
    counts = [int((clipped == code).sum()) for code in classes]
    law, noisier = (code_law(noise_lsb, 50.3, classes) for noise_lsb in (2.0, 2.1))
    assert_frequencies(counts, law, alpha=1e-4, control=noisier)
