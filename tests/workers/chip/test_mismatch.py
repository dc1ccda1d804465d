"""Fixed patterns: their magnitudes, and that the chip number alone decides them."""

from dataclasses import fields

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import Neurons, physical
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.mismatch import CALIBRATED, UNCALIBRATED, Spread, mismatched

IDEAL = physical(neuron_codes(Circuit(), 6))
N_CHIPS = 200


def relative(cells: Neurons) -> dict[str, FloatArray]:
    """(32,) relative deviation of each quantity, by the names of ``Spread``."""
    gap = (cells.v_thresh_V - cells.v_leak_V) / (IDEAL.v_thresh_V - IDEAL.v_leak_V)
    return {
        "tau_mem": cells.tau_mem_s / IDEAL.tau_mem_s - 1,
        "tau_exc": cells.tau_exc_s / IDEAL.tau_exc_s - 1,
        "tau_inh": cells.tau_inh_s / IDEAL.tau_inh_s - 1,
        "refractory": cells.refractory_s / IDEAL.refractory_s - 1,
        "threshold_gap": gap - 1,
        "weight": cells.exc_A / IDEAL.exc_A - 1,
    }


@pytest.mark.parametrize(("calibrated", "spread"), [(False, UNCALIBRATED), (True, CALIBRATED)])
def test_deviations_have_the_stated_magnitudes(calibrated: bool, spread: Spread) -> None:
    chips = [relative(mismatched(IDEAL, c, calibrated=calibrated)) for c in range(N_CHIPS)]
    # Cutting a normal law at three deviations leaves 0.9733 of its variance.
    alpha = 1e-4 / 12
    for field in fields(Spread):
        samples = np.array([chip[field.name] for chip in chips]) / getattr(spread, field.name)
        assert_mean(samples, 0.0, alpha)
        assert_mean(samples**2, 0.9733, alpha)
        with pytest.raises(AssertionError):
            assert_mean((1.1 * samples) ** 2, 0.9733, alpha)


def test_uncalibrated_magnitudes_are_those_measured_on_three_chips() -> None:
    assert 0.18 <= UNCALIBRATED.tau_mem <= 0.29
    assert 0.145 <= UNCALIBRATED.tau_exc <= 0.17
    assert 0.17 <= UNCALIBRATED.tau_inh <= 0.28
    assert 0.08 <= UNCALIBRATED.refractory <= 0.10
    assert 0.20 <= UNCALIBRATED.threshold_gap <= 0.22
    assert 0.10 <= UNCALIBRATED.weight <= 0.20
    assert max(CALIBRATED.tau_mem, CALIBRATED.tau_exc, CALIBRATED.tau_inh) <= 0.05


def test_a_chip_number_always_gives_the_same_pattern_and_another_a_different_one() -> None:
    one, again, other = (relative(mismatched(IDEAL, c, calibrated=True)) for c in (20, 20, 22))
    for name, pattern in one.items():
        np.testing.assert_array_equal(pattern, again[name])
        assert not np.allclose(pattern, other[name])


def test_calibration_shrinks_the_pattern_and_keeps_its_shape() -> None:
    raw = relative(mismatched(IDEAL, 20, calibrated=False))
    tuned = relative(mismatched(IDEAL, 20, calibrated=True))
    for name, pattern in tuned.items():
        factor = getattr(CALIBRATED, name) / getattr(UNCALIBRATED, name)
        np.testing.assert_allclose(pattern, factor * raw[name], rtol=1e-9, atol=1e-12)


def test_every_chip_is_physical_without_calibration() -> None:
    for chip in range(N_CHIPS):
        cells = mismatched(IDEAL, chip, calibrated=False)
        for field in fields(Neurons):
            assert (getattr(cells, field.name) > 0).all()
        assert (cells.v_thresh_V > cells.v_leak_V).all()
