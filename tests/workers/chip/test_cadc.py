"""The column ADC: transfer curve, mismatch and noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.statistical_asserts import assert_frequencies, assert_mean

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.cadc import (
    CALIBRATED_OFFSET_SPREAD_LSB,
    GAIN_SPREAD,
    OFFSET_SPREAD_LSB,
    Adc,
    AdcSettings,
    new_adc,
)
from spikeloop.workers.chip.correlation import (
    Sensors,
    disabled_sensors,
    sensor_deviations,
)
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, N_SYNAPSES
from spikeloop.workers.chip.sensor_readout import read_row

SILENT = AdcSettings(noise_lsb=0.0)


def generator(state: int = 12345) -> NDArray[np.uint32]:
    return np.array([state], dtype=np.uint32)


def charged(causal: FloatArray | float, anticausal: FloatArray | float = 0.0) -> Sensors:
    cells = disabled_sensors()
    cells.causal[:], cells.anticausal[:] = causal, anticausal
    return cells


def read(
    cells: Sensors, channels: Adc, row: int, random: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    causal, anticausal = np.zeros((2, N_NEURONS), dtype=np.uint8)
    read_row(cells, channels, row, random, causal, anticausal)
    return causal.astype(np.int64), anticausal.astype(np.int64)


# --- The transfer curve ---------------------------------------------------------------------------


def test_the_ideal_curve_is_the_rounded_sum_of_offset_and_charge() -> None:
    lsb = np.arange(N_SYNAPSES) / 4  # exact quarters, up to 255.75
    channels = new_adc(SILENT, None, calibrated=False)
    cells = charged(lsb, lsb[::-1])
    for row in range(N_ROWS):
        part = slice(row * N_NEURONS, (row + 1) * N_NEURONS)
        causal, anticausal = read(cells, channels, row, generator())
        np.testing.assert_array_equal(causal, np.minimum(np.floor(40.5 + lsb[part]), 255))
        np.testing.assert_array_equal(anticausal, np.minimum(np.floor(40.5 + lsb[::-1][part]), 255))


def test_codes_stop_at_the_ends_of_eight_bits() -> None:
    channels = new_adc(SILENT, None, calibrated=False)
    for charge, code in ((214.4, 254), (215.4, 255), (300.0, 255), (-40.0, 0), (-1e6, 0)):
        causal, anticausal = read(charged(charge), channels, 0, generator())
        assert (causal == code).all() and (anticausal == 40).all()


def test_channels_have_their_own_offset_and_gain() -> None:
    channels = new_adc(SILENT, 20, calibrated=False)
    codes = read(charged(100.0, 50.0), channels, 9, generator())
    for channel, charge in enumerate((100.0, 50.0)):
        level = channels.offset_lsb[channel].astype(np.float64) + channels.gain[channel] * charge
        assert np.unique(codes[channel]).size > 10
        assert (np.abs(codes[channel] - level) <= 0.5 + 1e-4).all()


def test_a_reading_leaves_the_charge_as_it_is() -> None:
    cells = charged(3.0, 4.0)
    read(cells, new_adc(AdcSettings(), 1, calibrated=True), 2, generator())
    assert (cells.causal == 3).all() and (cells.anticausal == 4).all()


# --- Mismatch -------------------------------------------------------------------------------------


@pytest.mark.parametrize("calibrated", [False, True])
def test_channels_deviate_by_the_stated_magnitudes(calibrated: bool) -> None:
    chips = [new_adc(AdcSettings(), chip, calibrated=calibrated) for chip in range(200)]
    spread_lsb = CALIBRATED_OFFSET_SPREAD_LSB if calibrated else OFFSET_SPREAD_LSB
    offset = np.array([chip.offset_lsb for chip in chips], dtype=np.float64)
    gain = np.array([chip.gain for chip in chips], dtype=np.float64)
    # Cutting a normal law at three deviations leaves 0.9733 of its variance.
    alpha = 1e-4 / 5
    x, y = (offset - 40) / spread_lsb, (gain - 1) / GAIN_SPREAD
    for samples in (x, y):
        assert_mean(samples, 0.0, alpha)
        assert_mean(samples**2, 0.9733, alpha)
        with pytest.raises(AssertionError):
            assert_mean((1.1 * samples) ** 2, 0.9733, alpha)
    assert_mean(x * y, 0.0, alpha)


def test_a_chip_number_always_gives_the_same_channels_and_another_different_ones() -> None:
    one, again, other = (new_adc(AdcSettings(), c, calibrated=False) for c in (20, 20, 22))
    for name in ("offset_lsb", "gain"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        assert not np.allclose(getattr(one, name), getattr(other, name))


def test_channels_neurons_and_synapses_of_a_chip_deviate_on_their_own() -> None:
    channels = new_adc(AdcSettings(), 20, calibrated=False)
    first = (channels.offset_lsb.ravel().astype(np.float64) - 40) / OFFSET_SPREAD_LSB
    keys: list[tuple[int, ...]] = [(), (2,)]  # of neurons and weights, see ``mismatch``
    streams = [first, sensor_deviations(20)[0]]
    for key in keys:
        sequence = np.random.SeedSequence(20, spawn_key=key)
        rng = np.random.Generator(np.random.Philox(sequence))
        streams.append(rng.standard_normal(N_NEURONS))
    for i, stream in enumerate(streams):
        for other in streams[:i]:
            assert (np.abs(stream[:16] - other[:16]) > 1e-4).all()


# --- Noise ----------------------------------------------------------------------------------------


def code_law(noise_lsb: float, level: float, codes: range) -> FloatArray:
    """Probabilities of codes, the outer two with all beyond, for a sum of four random bytes."""
    byte = np.full(256, 1 / 256)
    law = np.convolve(np.convolve(byte, byte), np.convolve(byte, byte))
    noise = (np.arange(law.size) - 510) / np.sqrt(4 * (256**2 - 1) / 12)
    drawn = np.clip(np.floor(level + noise_lsb * noise + 0.5), codes[0], codes[-1])
    return np.array([law[drawn == code].sum() for code in codes])


def test_codes_scatter_by_the_exact_law_of_the_set_noise() -> None:
    channels = new_adc(AdcSettings(noise_lsb=2.0), None, calibrated=False)
    cells, random, classes = charged(10.3, 10.3), generator(), range(45, 57)
    codes = np.array([read(cells, channels, 0, random) for _ in range(400)])
    clipped = np.clip(codes, classes[0], classes[-1])
    counts = [int((clipped == code).sum()) for code in classes]
    assert_frequencies(counts, code_law(2.0, 50.3, classes), alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_frequencies(counts, code_law(2.1, 50.3, classes), alpha=1e-4)


# --- From charge to code and back -----------------------------------------------------------------
