"""Fixed patterns follow their law, depend on the chip number alone, and enter as stated."""

from dataclasses import asdict, fields

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_mean

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.cadc import (
    CALIBRATED_OFFSET_SPREAD_LSB,
    GAIN_SPREAD,
    OFFSET_SPREAD_LSB,
    AdcSettings,
    new_adc,
)
from spikeloop.workers.chip.capmem import NeuronConstants, ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.correlation import (
    CALIBRATED_SENSORS,
    UNCALIBRATED_SENSORS,
    Correlation,
    new_sensors,
)
from spikeloop.workers.chip.limits import N_NEURONS, N_SYNAPSES
from spikeloop.workers.chip.mismatch import (
    CALIBRATED_NEURONS,
    SYNAPSE_SPREAD,
    UNCALIBRATED_NEURONS,
    Mismatch,
    Pattern,
    deviations,
    neurons_of_chip,
    synapse_gains,
)

CODES = neuron_codes(Circuit(), 6)
IDEAL = ideal_constants(CODES)
SHAPES: dict[Pattern, tuple[int, ...]] = {
    Pattern.NEURONS: (6, N_NEURONS),
    Pattern.SYNAPSES: (N_SYNAPSES,),
    Pattern.SENSORS: (4, N_SYNAPSES),
    Pattern.ADC: (2, 2, N_NEURONS),
}
STATES = pytest.mark.parametrize("mismatch", ["off", "uncalibrated", "calibrated"])


def draws(pattern: Pattern, chip: int = 20, mismatch: Mismatch = "uncalibrated") -> FloatArray:
    return deviations(chip, mismatch, pattern, SHAPES[pattern])


@pytest.mark.parametrize("pattern", Pattern)
def test_draws_are_normal_cut_at_three_deviations(pattern: Pattern) -> None:
    """Draws beyond are put at the limit, which leaves 1 − 2 (3 φ(3) − 8 Q(3)) of the variance."""
    variance = 1 - 2 * (3 * stats.norm.pdf(3) - 8 * stats.norm.sf(3))
    samples = np.array([draws(pattern, chip).ravel() for chip in range(200)])
    alpha = 1e-4 / 16
    assert np.abs(samples).max() == 3
    assert_mean(samples, 0.0, alpha)
    assert_mean(samples**2, variance, alpha, control=variance / 1.1**2)
    assert_mean(samples[:, 1:] * samples[:, :-1], 0.0, alpha)
    assert_mean(samples[1:] * samples[:-1], 0.0, alpha)


def test_a_pattern_belongs_to_its_chip_and_no_two_are_the_same() -> None:
    drawn = [draws(pattern, chip).ravel()[:32] for pattern in Pattern for chip in (20, 22)]
    again = [
        draws(pattern, chip, "calibrated").ravel()[:32] for pattern in Pattern for chip in (20, 22)
    ]
    np.testing.assert_array_equal(drawn, again)
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert (np.abs(one - other) > 1e-6).all()


@STATES
def test_neurons_deviate_by_their_spread_times_the_pattern(mismatch: Mismatch) -> None:
    """Calibration shrinks the pattern and keeps its shape."""
    spread = CALIBRATED_NEURONS if mismatch == "calibrated" else UNCALIBRATED_NEURONS
    cells = neurons_of_chip(CODES, 20, mismatch)
    gap = (cells.v_thresh_V - cells.v_leak_V) / (IDEAL.v_thresh_V - IDEAL.v_leak_V)
    relative = {
        "tau_mem": cells.tau_mem_s / IDEAL.tau_mem_s,
        "tau_exc": cells.tau_exc_s / IDEAL.tau_exc_s,
        "tau_inh": cells.tau_inh_s / IDEAL.tau_inh_s,
        "refractory": cells.refractory_s / IDEAL.refractory_s,
        "threshold_gap": gap,
        "weight": cells.exc_A / IDEAL.exc_A,
    }
    assert list(relative) == list(asdict(spread))
    pattern = draws(Pattern.NEURONS, 20, mismatch)
    for drawn, (name, found) in zip(pattern, relative.items(), strict=True):
        np.testing.assert_allclose(found - 1, getattr(spread, name) * drawn, atol=1e-12)
    np.testing.assert_allclose(cells.inh_A / IDEAL.inh_A, relative["weight"], rtol=1e-12)
    for name in ("v_leak_V", "v_reset_V", "capacitor_F"):
        np.testing.assert_array_equal(getattr(cells, name), getattr(IDEAL, name))


@STATES
def test_synapses_sensors_and_channels_deviate_by_their_spreads(mismatch: Mismatch) -> None:
    calibrated = mismatch == "calibrated"
    gain = 1 + SYNAPSE_SPREAD * draws(Pattern.SYNAPSES, 20, mismatch)
    np.testing.assert_allclose(synapse_gains(20, mismatch), gain, rtol=1e-6)

    spread = CALIBRATED_SENSORS if calibrated else UNCALIBRATED_SENSORS
    sensors = new_sensors(Correlation(), 1e-7, np.zeros(N_SYNAPSES, dtype=np.uint8), 20, mismatch)
    tau, amplitude, tau_half, amplitude_half = draws(Pattern.SENSORS, 20, mismatch)
    for branch, sign in enumerate((1, -1)):
        taus = 50 * (1 + spread.tau * tau + sign * spread.asymmetry * tau_half)
        np.testing.assert_allclose(1 / sensors.rate[branch], taus, rtol=1e-6)
        lsb = 0.5 * (1 + spread.amplitude * amplitude + sign * spread.asymmetry * amplitude_half)
        np.testing.assert_allclose(sensors.amplitude[branch], lsb, rtol=1e-6)

    adc = new_adc(AdcSettings(), 20, mismatch)
    offset, gain = draws(Pattern.ADC, 20, mismatch)
    spread_lsb = CALIBRATED_OFFSET_SPREAD_LSB if calibrated else OFFSET_SPREAD_LSB
    np.testing.assert_allclose(adc.offset_lsb, 40 + spread_lsb * offset, rtol=1e-6)
    np.testing.assert_allclose(adc.gain, 1 + GAIN_SPREAD * gain, rtol=1e-6)


def test_uncalibrated_magnitudes_are_those_measured_on_three_chips() -> None:
    assert 0.18 <= UNCALIBRATED_NEURONS.tau_mem <= 0.29
    assert 0.145 <= UNCALIBRATED_NEURONS.tau_exc <= 0.17
    assert 0.17 <= UNCALIBRATED_NEURONS.tau_inh <= 0.28
    assert 0.08 <= UNCALIBRATED_NEURONS.refractory <= 0.10
    assert 0.20 <= UNCALIBRATED_NEURONS.threshold_gap <= 0.22
    assert 0.10 <= UNCALIBRATED_NEURONS.weight <= 0.20
    calibrated = CALIBRATED_NEURONS
    assert max(calibrated.tau_mem, calibrated.tau_exc, calibrated.tau_inh) <= 0.05


def test_every_chip_is_physical_without_calibration() -> None:
    bits = np.full(N_SYNAPSES, 15, dtype=np.uint8)
    for chip in range(50):
        cells = neurons_of_chip(CODES, chip, "uncalibrated")
        assert all((getattr(cells, field.name) > 0).all() for field in fields(NeuronConstants))
        assert (cells.v_thresh_V > cells.v_leak_V).all()
        sensors = new_sensors(Correlation(), 1e-7, bits, chip, "uncalibrated")
        assert (sensors.amplitude > 0).all()
        assert ((sensors.rate > 0) & np.isfinite(sensors.rate)).all()
