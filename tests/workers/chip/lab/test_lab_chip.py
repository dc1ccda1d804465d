"""The chip of a script: memory, clock, router, readings and refusals."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeloop.workers.chip import Chip
from spikeloop.workers.chip.analog import membrane_response
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.correlation import Correlation, new_sensors
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, ROUTER_DELAY_CYCLES, VOLT_PER_CODE

STEP_S = 1e-7
V_LEAK = 458 * VOLT_PER_CODE


def quiet(**options: Any) -> Chip:
    """An ideal chip without noise whose first row excites."""
    chip = Chip(mismatch="off", noise_V=0.0, **options)
    chip.row_signs[0] = 1
    return chip


def kick(chip: Chip, neurons: list[int], time_s: float) -> None:
    """Makes some neurons fire at once, through eight rows and a drive that is soon over."""
    chip.set_codes(gm_exc_u10=1023, resistor_exc_u10=1023)
    chip.row_signs[24:] = 1
    chip.weights[24:, neurons], chip.labels[24:] = 63, 63
    chip.send(time_s, np.arange(24, N_ROWS), 63)


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
    expected = 30 * cells.exc_V[4] * membrane_response(after_s, *taus)
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


def test_squeeze_mode_sends_one_packet_for_the_spikes_of_an_interval() -> None:
    """Neurons 9 and 4 fire 0.4 µs apart, in one interval of 2 µs, and drive 20 and 21."""

    def arrivals(prepare: Callable[[Chip], object]) -> tuple[list[int], list[int]]:
        """Steps of both spikes, and those after which the driven membranes have moved."""
        chip = quiet()
        kick(chip, [9], 1e-6)
        chip.weights[16:24, 4], chip.labels[16:24], chip.row_signs[16:24] = 63, 62, 1
        chip.send(1.4e-6, np.arange(16, 24), 62)
        chip.weights[[9, 4], [20, 21]], chip.labels[[9, 4]], chip.row_signs[[9, 4]] = 1, 7, 1
        prepare(chip)
        recording = chip.run(8e-6, membrane=[20, 21])
        fired = [round(recording.spikes_of(neuron)[0] / STEP_S) for neuron in (9, 4)]
        assert recording.counts.sum() == 2
        moved = recording.membrane_V > V_LEAK + 1e-5
        return fired, moved.argmax(axis=0).tolist()

    def route_both(chip: Chip) -> None:
        chip.route(4, 4, 7)
        chip.route(9, 9, 7)

    (first, second), by_themselves = arrivals(route_both)
    assert 0 < second - first < 10
    assert by_themselves == [first + 10, second + 10]
    _, into_both = arrivals(lambda chip: chip.route([4, 9], [4, 9], [6, 7]))
    assert into_both == [first + 10, first + 10]  # neuron 4's address is not the rows'
    _, together = arrivals(lambda chip: chip.squeeze(7, 192))
    assert together == [first + 20, first + 20]
    _, in_windows = arrivals(lambda chip: chip.squeeze(7, 192, windows=True))
    assert in_windows == [20, 20]

    chip = quiet(router_delay_cycles=50)
    chip.squeeze()
    assert chip.core.delay == 5  # the chip's own
    with pytest.raises(ValueError, match="cannot be set in squeeze mode"):
        chip.route(4, 4)
    chip.unroute()
    chip.route(4, 4)
    assert chip.core.delay == 5


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
    chip.set_codes([2, 3], large_capacitor=False, small_capacitor=True)
    assert np.flatnonzero(~chip.codes.large_capacitor).tolist() == [2, 3]


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


PAST = "times_s must not lie before .* 2e-06 s"


@pytest.mark.parametrize(
    ("times_s", "rows", "labels", "message"),
    [
        (1e-6, 0, 0, f"{PAST}, got 1e-06 s"),
        ([3e-6, 1.9e-6], 0, 0, f"{PAST}, got 1.9e"),
        (np.nan, 0, 0, "times_s must be finite"),
        (3e-6, 32, 0, r"rows .*\[0, 31\], got 32$"),
        (3e-6, [0, 1.5], 0, "rows .* got float64"),
        (3e-6, 0, 64, r"labels .*\[0, 63\], got 64"),
        (3e-6, 0, "a", "labels .* got text"),
        (3e-6, [[0], [1, 2]], 0, "rows .* unequal lengths"),
        ([3e-6, 4e-6], [0, 1, 2], 0, r"times_s, rows and labels .* \(2,\), \(3,\), \(\)"),
    ],
)
def test_impossible_events_are_refused(
    times_s: float, rows: int, labels: int, message: str
) -> None:
    chip = quiet()
    chip.run(2e-6)
    with pytest.raises(ValueError, match=message):
        chip.send(times_s, rows, labels)
    assert chip._events.size == 0
    chip.send([2e-6, 3e-6], 0)  # now is not the past


def test_memory_is_checked_when_it_is_set_and_when_a_view_was_written() -> None:
    chip = quiet()
    for name, value in (("weights", 64), ("labels", -1), ("row_signs", 2), ("pulse_length", 32)):
        with pytest.raises(ValueError, match=f"{name} must be integers in"):
            setattr(chip, name, value)
    with pytest.raises(ValueError, match=r"weights must .* \(32, 32\), got shape \(2,\)"):
        chip.weights = [1, 2]
    chip.weights[3, 3] = 64
    with pytest.raises(ValueError, match=r"weights .* got 64 at \[3, 3\]"):
        chip.run(1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda chip: chip.run(4e-8), ValueError, "duration_s .* one step of 1e-07 s"),
        (lambda chip: chip.run(float("nan")), ValueError, "duration_s"),
        (lambda chip: chip.run("x"), TypeError, "duration_s .* got 'x'"),
        (lambda chip: chip.run(1e-6, membrane=[32]), ValueError, "membrane .* got 32"),
        (lambda chip: chip.run(1e-6, membrane="x"), ValueError, "membrane .* got text"),
        (lambda chip: chip.run(1e-6, sample_s=4e-8), ValueError, "sample_s"),
        (lambda chip: chip.route([0, 1], [1, 32]), ValueError, r"rows .* got 32"),
        (lambda chip: chip.route([0, 1], 1, [1, 2, 3]), ValueError, r"address .* shape \(3,\)"),
        (lambda chip: chip.squeeze(64), ValueError, r"address .* got 64"),
        (lambda chip: chip.squeeze(delay_cycles=0), ValueError, r"delay_cycles .* got 0"),
        (lambda chip: chip.route(32, 0), ValueError, "neurons .* got 32"),
        (lambda chip: chip.set_codes(v_thresh=3), ValueError, "v_thresh_u10, .* got v_thresh$"),
        (lambda chip: chip.set_codes(leak_u10=0), ValueError, "leak_u10"),
        (lambda chip: chip.set_codes([3, 4], leak_u10=[1, 2, 3]), ValueError, "leak_u10 .*shape"),
        (lambda chip: chip.set_codes(large_capacitor=2), ValueError, "large_capacitor"),
        (lambda chip: chip.set_codes(large_capacitor=False), ValueError, "must not both be off"),
        (lambda chip: chip.set_codes(1, v_reset_u10=9), ValueError, "v_reset_u10 is one cell"),
        (lambda chip: setattr(chip, "codes", None), TypeError, "codes .* got NoneType"),
        (lambda chip: chip.read_correlation(), ValueError, "build it with sensors=True"),
        (lambda chip: chip.reset_correlation(), ValueError, "build it with sensors=True"),
        (lambda chip: chip.calibration_bits, ValueError, "build it with sensors=True"),
        (lambda chip: Chip(-1), ValueError, "number .* got -1"),
        (lambda chip: Chip("20"), TypeError, "number .* got '20'"),  # type: ignore[arg-type]
        (lambda chip: Chip(mismatch="no"), ValueError, "mismatch"),  # type: ignore[arg-type]
        (lambda chip: Chip(step_s=2e-6), ValueError, "step_s .* got 2e-06"),
        (lambda chip: Chip(noise_V=None), TypeError, "noise_V .* got None"),  # type: ignore[arg-type]
        (lambda chip: Chip(weight_offset=64), ValueError, "weight_offset .* got 64"),
        (lambda chip: Chip(seed=-1), ValueError, "seed .* got -1"),
        (lambda chip: Chip(known={"tau": np.zeros(32)}), ValueError, "known .* got tau"),
        (lambda chip: Chip(known={"exc": np.full(32, np.nan)}), ValueError, "exc must be 32"),
        (lambda chip: Chip(known={"exc": np.full(32, -1)}), ValueError, r"in \[-0.999, 31\]"),
        (lambda chip: Chip(known={"exc": np.full(32, 1e40)}), ValueError, "exc must be 32"),
        (lambda chip: Chip(known={"exc": np.zeros(31)}), ValueError, "exc must be 32"),
        (lambda chip: Chip(known={"leak_V": np.full(32, 2)}), ValueError, r"\[-1.637, 1.637\]"),
        (lambda chip: Chip(known=[1]), TypeError, r"known .* got \[1\]"),  # type: ignore[arg-type]
        (lambda chip: Chip(sensors=5), TypeError, "sensors .* got 5"),  # type: ignore[arg-type]
        (lambda chip: Chip(router_delay_cycles=0), ValueError, "router_delay_cycles .* got 0"),
    ],
)
def test_impossible_arguments_are_refused_in_one_line(
    call: Callable[[Any], object], error: type[Exception], message: str
) -> None:
    chip = quiet()
    with pytest.raises(error, match=message) as refused:
        call(chip)
    assert "\n" not in str(refused.value)
    assert chip.time_s == 0


def test_calibration_bits_keep_the_chips_own_pattern() -> None:
    chip = Chip(20, sensors=True)
    chip.calibration_bits = 7
    chip.run(1e-6)
    bits_u4 = np.full(N_ROWS * N_NEURONS, 7, dtype=np.uint8)
    expected = new_sensors(Correlation(), STEP_S, bits_u4, 20, "uncalibrated")
    np.testing.assert_array_equal(chip.core.sensors.amplitude, expected.amplitude)
    np.testing.assert_array_equal(chip.core.sensors.rate, expected.rate)
    with pytest.raises(ValueError, match=r"calibration_bits must be integers in \[0, 15\], got 16"):
        chip.calibration_bits = 16
    chip.calibration_bits[2, 5] = 16
    with pytest.raises(ValueError, match=r"calibration_bits must be .*, got 16 at \[2, 5\]"):
        chip.run(1e-6)
