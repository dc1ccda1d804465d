"""Fixed patterns have the stated magnitudes and depend on the chip number alone."""

from dataclasses import fields

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import NeuronConstants, ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.mismatch import (
    CALIBRATED_NEURONS,
    UNCALIBRATED_NEURONS,
    NeuronSpread,
    with_mismatch,
)

IDEAL = ideal_constants(neuron_codes(Circuit(), 6))
N_CHIPS = 200


def relative(cells: NeuronConstants) -> dict[str, FloatArray]:
    """(32,) relative deviation of each quantity, by the names of ``NeuronSpread``."""
    gap = (cells.v_thresh_V - cells.v_leak_V) / (IDEAL.v_thresh_V - IDEAL.v_leak_V)
    return {
        "tau_mem": cells.tau_mem_s / IDEAL.tau_mem_s - 1,
        "tau_exc": cells.tau_exc_s / IDEAL.tau_exc_s - 1,
        "tau_inh": cells.tau_inh_s / IDEAL.tau_inh_s - 1,
        "refractory": cells.refractory_s / IDEAL.refractory_s - 1,
        "threshold_gap": gap - 1,
        "weight": cells.exc_A / IDEAL.exc_A - 1,
    }


@pytest.mark.parametrize(
    ("calibrated", "spread"), [(False, UNCALIBRATED_NEURONS), (True, CALIBRATED_NEURONS)]
)
def test_deviations_have_the_stated_magnitudes(calibrated: bool, spread: NeuronSpread) -> None:
    chips = [relative(with_mismatch(IDEAL, c, calibrated=calibrated)) for c in range(N_CHIPS)]
    # Cutting a normal law at three deviations leaves 0.9733 of its variance.
    alpha = 1e-4 / 12
    for field in fields(NeuronSpread):
        samples = np.array([chip[field.name] for chip in chips]) / getattr(spread, field.name)
        assert_mean(samples, 0.0, alpha)
        assert_mean(samples**2, 0.9733, alpha)
        with pytest.raises(AssertionError):
            assert_mean((1.1 * samples) ** 2, 0.9733, alpha)


def test_uncalibrated_magnitudes_are_those_measured_on_three_chips() -> None:
    assert 0.18 <= UNCALIBRATED_NEURONS.tau_mem <= 0.29
    assert 0.145 <= UNCALIBRATED_NEURONS.tau_exc <= 0.17
    assert 0.17 <= UNCALIBRATED_NEURONS.tau_inh <= 0.28
    assert 0.08 <= UNCALIBRATED_NEURONS.refractory <= 0.10
    assert 0.20 <= UNCALIBRATED_NEURONS.threshold_gap <= 0.22
    assert 0.10 <= UNCALIBRATED_NEURONS.weight <= 0.20
    assert (
        max(CALIBRATED_NEURONS.tau_mem, CALIBRATED_NEURONS.tau_exc, CALIBRATED_NEURONS.tau_inh)
        <= 0.05
    )


def test_a_chip_number_always_gives_the_same_pattern_and_another_a_different_one() -> None:
    one, again, other = (relative(with_mismatch(IDEAL, c, calibrated=True)) for c in (20, 20, 22))
    for name, pattern in one.items():
        np.testing.assert_array_equal(pattern, again[name])
        assert not np.allclose(pattern, other[name])


def test_calibration_shrinks_the_pattern_and_keeps_its_shape() -> None:
    raw = relative(with_mismatch(IDEAL, 20, calibrated=False))
    tuned = relative(with_mismatch(IDEAL, 20, calibrated=True))
    for name, pattern in tuned.items():
        factor = getattr(CALIBRATED_NEURONS, name) / getattr(UNCALIBRATED_NEURONS, name)
        np.testing.assert_allclose(pattern, factor * raw[name], rtol=1e-9, atol=1e-12)


def test_every_chip_is_physical_without_calibration() -> None:
    for chip in range(N_CHIPS):
        cells = with_mismatch(IDEAL, chip, calibrated=False)
        for field in fields(NeuronConstants):
            assert (getattr(cells, field.name) > 0).all()
        assert (cells.v_thresh_V > cells.v_leak_V).all()
