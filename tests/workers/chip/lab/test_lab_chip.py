"""The chip of a script: its memory, its clock, its router, its readings, its refusals."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeloop.workers.chip import Chip
from spikeloop.workers.chip.analog import membrane_response
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.correlation import Correlation, new_sensors
from spikeloop.workers.chip.lab.chip import SENSOR_CONSTANTS
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, ROUTER_DELAY_CYCLES, VOLT_PER_CODE

STEP_S = 1e-7
V_LEAK = 458 * VOLT_PER_CODE


def quiet(**options: Any) -> Chip:
    """An ideal chip without noise whose first row excites."""
    chip = Chip(mismatch="off", noise_V=0.0, **options)
    chip.row_signs[0] = 1
    return chip


def kick(chip: Chip, neurons: list[int], time_s: float) -> None:
    """Makes some neurons fire at once, through row 31 and a drive that is soon over."""
    chip.set_codes(gm_exc_u10=1023, resistor_exc_u10=1023)
    chip.row_signs[31], chip.pulse_lengths[31] = 1, 31
    chip.weights[31, neurons], chip.labels[31] = 63, 63
    chip.send(time_s, 31, 63)


def test_the_example_of_the_documentation() -> None:
    chip = Chip(20, seed=1)  # chip number 20 as it was made
    chip.row_signs[0] = 1  # its first row excites
    chip.weights[0, :] = 63  # all neurons listen to it
    chip.send(np.arange(20) * 1e-6, rows=0)  # 20 spikes, 1 µs apart
    recording = chip.run(60e-6, membrane=[0, 1])
    assert recording.membrane_V.shape == (600, 2)
    assert recording.counts.sum() == recording.spike_times_s.size > 20
    assert recording.counts.std() > 0  # mismatch
    np.testing.assert_array_equal(chip.read_counters(), recording.counts)
    assert chip.read_counters().sum() == 0
    assert chip.time_s == pytest.approx(60e-6)


def test_a_potential_has_its_closed_form_and_samples_lie_on_the_clock() -> None:
    chip = quiet()
    chip.weights[0, 4] = 30
    chip.run(3e-6)
    chip.send(chip.time_s + 2e-6, 0)
    recording = chip.run(30e-6, membrane=4, sample_s=5e-7)
    cells = ideal_constants(chip.codes)
    times_s = recording.sample_times_s
    np.testing.assert_allclose(times_s, 3e-6 + 5e-7 * np.arange(1, 61), rtol=1e-12)
    after_s = np.maximum(times_s - 5e-6, 0)
    taus = cells.tau_mem_s[4], cells.tau_exc_s[4]
    expected = [30 * cells.exc_V[4] * membrane_response(t, *taus) for t in after_s]
    np.testing.assert_allclose(recording.membrane_V[:, 0] - V_LEAK, expected, atol=2e-6)
    assert recording.neurons.tolist() == [4]


def test_a_routed_spike_arrives_one_router_delay_after_its_time() -> None:
    for delay_cycles in (ROUTER_DELAY_CYCLES, 480):
        chip = quiet(router_delay_cycles=delay_cycles)
        kick(chip, [9], 1e-6)
        chip.weights[2, 5], chip.labels[2, 5], chip.row_signs[2] = 40, 7, -1
        chip.route(9, 2, 7)
        recording = chip.run(20e-6, membrane=[5])
        (spike_s,) = recording.spikes_of(9)
        moved = recording.sample_times_s[recording.membrane_V[:, 0] < V_LEAK - 1e-5]
        assert moved[0] - spike_s == pytest.approx(delay_cycles / 96e6 + STEP_S, abs=0.6 * STEP_S)
        chip.unroute()
        chip.reset()
        kick(chip, [9], chip.time_s)
        later = chip.run(20e-6, membrane=[5])
        assert later.counts[9] == 1
        assert (later.membrane_V > V_LEAK - 1e-5).all()


def test_the_clock_goes_on_and_a_reset_brings_rest() -> None:
    def kicked() -> Chip:
        """A chip with a spike and an event still on their way to neuron 4."""
        chip = quiet()
        chip.route(9, 0)
        chip.weights[0, 4] = 63
        kick(chip, [9], 1e-6)
        chip.send(50e-6, 0)
        assert chip.run(1.3e-6).spike_neurons.tolist() == [9]
        return chip

    without_reset = kicked().run(100e-6, membrane=[4, 9])
    moved = without_reset.membrane_V[:, 0] > V_LEAK + 1e-3
    assert moved[:30].any() and not moved[470] and moved[487:500].all()
    assert without_reset.membrane_V[0, 1] < V_LEAK - 0.1

    chip = kicked()
    chip.reset()
    assert chip.time_s == pytest.approx(1.3e-6)
    recording = chip.run(100e-6, membrane="all")
    assert recording.start_s == pytest.approx(1.3e-6)
    assert recording.counts.sum() == 0 == chip.read_counters().sum()
    np.testing.assert_allclose(recording.membrane_V, V_LEAK, atol=1e-5)
    assert chip.weights[0, 4] == 63


def test_codes_can_be_changed_in_the_middle_and_the_membrane_stays() -> None:
    chip = quiet()
    chip.set_codes([3, 4], v_leak_u10=[500, 400], leak_u10=1023)
    np.testing.assert_allclose(chip.membrane_V, V_LEAK, rtol=1e-6)
    chip.run(100e-6)
    expected = np.full(N_NEURONS, V_LEAK)
    expected[[3, 4]] = 500 * VOLT_PER_CODE, 400 * VOLT_PER_CODE
    np.testing.assert_allclose(chip.membrane_V, expected, rtol=1e-5)
    chip.codes = replace(chip.codes, v_leak_u10=np.full(N_NEURONS, 300))
    chip.run(200e-6)
    np.testing.assert_allclose(chip.membrane_V, 300 * VOLT_PER_CODE, rtol=1e-5)
    with pytest.raises(ValueError, match="read-only"):
        chip.codes.v_leak_u10[0] = 1


def test_mismatch_belongs_to_the_chip_and_seeds_to_the_noise() -> None:
    def potentials(**options: Any) -> list[float]:
        chip = Chip(**{"noise_V": 0.0, **options})
        chip.row_signs[0], chip.weights[0] = 1, 30
        chip.send(0.0, 0)
        chip.run(5e-6)
        return [float(v) for v in chip.membrane_V]

    raw = potentials(number=20)
    assert raw == potentials(number=20, seed=7)
    assert raw != potentials(number=22)
    assert len(set(potentials(mismatch="off"))) == 1
    tuned = potentials(number=20, mismatch="calibrated")
    assert 0 < np.std(tuned) < 0.5 * np.std(raw)
    noisy = potentials(noise_V=0.02, seed=1)
    assert noisy == potentials(noise_V=0.02, seed=1)
    assert noisy != potentials(noise_V=0.02, seed=2)
    coded = neuron_codes(Circuit(gm_exc_u10=17), 0)  # a third of the default
    third = np.subtract(potentials(mismatch="off", codes=coded), V_LEAK)
    whole = np.subtract(potentials(mismatch="off"), V_LEAK)
    np.testing.assert_allclose(3 * third, whole, rtol=1e-3)


def test_sensors_see_pairs_of_the_labels_that_were_sent() -> None:
    chip = quiet(sensors=True)
    chip.labels[0, 16:] = 1
    empty = chip.read_correlation()
    n_pairs = 40
    for i in range(n_pairs):
        start_s = (60 * i + 10) * 1e-6
        kick(chip, list(range(N_NEURONS)), start_s + 2e-6)
        chip.send(start_s, 0, 1)
    chip.run(60e-6 * n_pairs + 20e-6)
    causal, anticausal = (
        after.astype(float) - before
        for after, before in zip(chip.read_correlation(), empty, strict=True)
    )
    # The spike comes in the step of the kick; a reading's noise has an SD of 1 LSB.
    expected = n_pairs * Correlation().amplitude_lsb * np.exp(-2 / 5)
    np.testing.assert_allclose(causal[0, 16:], expected, atol=6)
    np.testing.assert_allclose(causal[0, :16], 0, atol=6)
    np.testing.assert_allclose(anticausal[0], 0, atol=6)
    chip.reset_correlation()
    reading = chip.read_correlation()[0].astype(float)
    np.testing.assert_allclose(reading - empty[0], 0, atol=8)


def test_a_chip_without_sensors_says_so() -> None:
    with pytest.raises(ValueError, match="build it with sensors=True"):
        quiet().read_correlation()


@pytest.mark.parametrize(
    ("times_s", "rows", "labels", "message"),
    [
        (1e-6, 0, 0, "times_s must not lie before the chip's clock, 2e-06 s, got 1e-06 s"),
        ([3e-6, 1.9e-6], 0, 0, "times_s must not lie before the chip's clock, 2e-06 s, got 1.9e"),
        (np.nan, 0, 0, "times_s must be finite"),
        (3e-6, 32, 0, r"rows must be integers in \[0, 31\], got 32$"),
        (3e-6, -1, 0, r"rows must be integers in \[0, 31\], got -1"),
        (3e-6, [0, 1.5], 0, r"rows must be integers in \[0, 31\], got float64"),
        (3e-6, 0, 64, r"labels must be integers in \[0, 63\], got 64"),
        (3e-6, 0, "a", r"labels must be integers in \[0, 63\], got text"),
        (3e-6, [[0], [1, 2]], 0, r"rows must be integers .*, got lists of unequal lengths"),
        ("a", 0, 0, "times_s must be numbers, in seconds, got text"),
        (
            [3e-6, 4e-6],
            [0, 1, 2],
            0,
            r"times_s, rows and labels must be equally many, .* got shapes \(2,\), \(3,\), \(\)",
        ),
    ],
)
def test_events_that_cannot_be_are_refused(
    times_s: float, rows: int, labels: int, message: str
) -> None:
    chip = quiet()
    chip.run(2e-6)
    with pytest.raises(ValueError, match=message):
        chip.send(times_s, rows, labels)
    assert chip._events.step.size == 0
    chip.send([2e-6, 3e-6], 0)  # now is not the past


def test_memory_that_cannot_be_is_refused_when_set_or_when_run() -> None:
    chip = quiet()
    for name, value in (("weights", 64), ("labels", -1), ("row_signs", 2), ("pulse_lengths", 32)):
        with pytest.raises(ValueError, match=f"{name} must be integers in"):
            setattr(chip, name, value)
    chip.weights[3, 3] = 64
    with pytest.raises(
        ValueError, match=r"weights must be integers in \[0, 63\], got 64 at \[3, 3\]"
    ):
        chip.run(1e-6)
    chip.weights[3, 3] = 63
    for call, message in (
        (lambda: chip.run(4e-8), "duration_s must be at least one step of 1e-07 s"),
        (lambda: chip.run(float("nan")), "duration_s must be at least one step"),
        (lambda: chip.run(1e-6, membrane=[32]), r"membrane must be integers in \[0, 31\], got 32"),
        (lambda: chip.run(1e-6, membrane="x"), r"membrane must be integers .*, got text"),  # type: ignore[arg-type]
        (lambda: chip.run(1e-6, sample_s=4e-8), "sample_s must be at least one step of 1e-07 s"),
        (lambda: chip.route([0, 1], [1, 2, 3]), r"rows must .* shape \(2,\), got shape \(3,\)"),
        (lambda: chip.route([0, 1], 1, [1, 2, 3]), r"labels must .* \(2,\), got shape \(3,\)"),
        (lambda: chip.route(0, 32), r"rows must be integers in \[0, 31\]"),
        (lambda: chip.route(32, 0), r"neurons must be integers in \[0, 31\]"),
        (lambda: chip.set_codes(v_thresh=3), "a code must be one of v_leak_u10, .* got v_thresh"),
        (lambda: chip.set_codes(leak_u10=0), r"leak_u10 must be in \[1, 1023\]"),
        (lambda: chip.set_codes(leak_u10=9.5), r"leak_u10 must be integers in \[0, 1023\]"),
        (
            lambda: chip.set_codes([3, 4], leak_u10=[1, 2, 3]),
            r"leak_u10 must be one number or have shape \(2,\), got shape \(3,\)",
        ),
        (lambda: chip.set_codes(large_capacitor=2), "large_capacitor must be True or False"),
        (lambda: setattr(chip, "weights", [1, 2]), r"weights must .* \(32, 32\), got shape \(2,\)"),
        (lambda: chip.set_codes(1, v_reset_u10=9), "v_reset_u10 is one cell for all neurons"),
        (lambda: Chip(-1), "number must be at least 0, got -1"),
        (lambda: Chip(mismatch="no"), "mismatch must be 'off', 'uncalibrated' or 'calibrated'"),  # type: ignore[arg-type]
        (lambda: Chip(step_s=2e-6), r"step_s must be in \(0, 1e-06\], got 2e-06"),
        (lambda: Chip(noise_V=-0.1), r"noise_V must be in \[0, 1\], got -0.1"),
        (lambda: Chip(seed=-1), "seed must be in .*, got -1"),
        (lambda: Chip(router_delay_cycles=0), "router_delay_cycles must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_values_of_another_type_are_refused_by_their_name() -> None:
    chip: Any = quiet()
    make: Any = Chip
    for call, message in (
        (lambda: chip.run("x"), "duration_s must be a number, got 'x'"),
        (lambda: chip.run(1e-6, sample_s="x"), "sample_s must be a number, got 'x'"),
        (lambda: make("20"), "number must be an integer at least 0, got '20'"),
        (lambda: make(codes=5), r"codes must be Codes, as neuron_codes\(.* gives, got int"),
        (lambda: setattr(chip, "codes", None), "codes must be Codes, .* got NoneType"),
        (lambda: make(step_s="a"), "step_s must be a number, got 'a'"),
        (lambda: make(noise_V=None), "noise_V must be a number, got None"),
        (lambda: make(sensors=5), "sensors must be True, False or a Correlation, got 5"),
    ):
        with pytest.raises(TypeError, match=message) as failure:
            call()
        assert "\n" not in str(failure.value)
    assert chip.time_s == 0


def test_a_switch_can_be_set_in_some_neurons() -> None:
    chip = quiet()
    chip.set_codes([2, 3], large_capacitor=False)
    tau_s = ideal_constants(chip.codes).tau_mem_s
    np.testing.assert_allclose(tau_s[2:4], tau_s[0] / 6)
    assert np.ptp(np.delete(tau_s, [2, 3])) == 0


def test_calibration_bits_keep_the_chips_own_pattern() -> None:
    chip = Chip(20, sensors=True)
    chip.calibration_bits = 7
    chip.run(1e-6)
    bits_u4 = np.full(N_ROWS * N_NEURONS, 7, dtype=np.uint8)
    expected = new_sensors(Correlation(), STEP_S, bits_u4, 20, calibrated=False)
    for name in SENSOR_CONSTANTS:
        np.testing.assert_array_equal(getattr(chip.core.sensors, name), getattr(expected, name))
    with pytest.raises(ValueError, match=r"calibration_bits must be integers in \[0, 15\], got 16"):
        chip.calibration_bits = 16
    chip.calibration_bits[2, 5] = 16
    with pytest.raises(ValueError, match=r"calibration_bits must be .*, got 16 at \[2, 5\]"):
        chip.run(1e-6)
    with pytest.raises(ValueError, match="build it with sensors=True"):
        quiet().calibration_bits[0] = 1


def test_the_package_and_the_calibration_load_without_numba() -> None:
    names = "spikeloop.workers.chip, spikeloop.workers.chip.calibration.calibrate"
    code = (
        f"import {names}, sys; assert 'numba' not in sys.modules; "
        "from spikeloop.workers.chip import Chip; sys.exit('numba' not in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
