"""Playback programs do what their instructions say, at their times, and tickets wait for it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spikeloop.workers.chip.correlation import Correlation
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.lab.program import PlaybackProgramBuilder
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS

NO_ROWS = [False] * N_ROWS
MICROSECOND = 96


def quiet(**options: Any) -> Chip:
    """An ideal chip without noise or temporal noise of its ADC whose rows excite neuron by row."""
    chip = Chip(mismatch="off", noise_V=0.0, **options)
    chip.set_codes(gm_exc_u10=1023)
    chip.row_signs = 1
    chip.weights = 63 * np.eye(N_ROWS, dtype=int)
    return chip


def test_a_program_gives_the_spikes_that_the_same_events_give() -> None:
    builder = PlaybackProgramBuilder()
    builder.set_time(1000)
    builder.wait_until(1000 + 2 * MICROSECOND)
    builder.fire([row in (3, 7) for row in range(N_ROWS)], 0)
    builder.wait_until(5)  # has passed
    builder.wait_for(3 * MICROSECOND)
    builder.fire_one(3, 0)
    builder.fire_one(4, 1)  # no synapse has this address
    builder.wait_for(10 * MICROSECOND)
    program = builder.done()
    assert program.n_cycles == 15 * MICROSECOND

    played, sent = quiet(), quiet()
    for chip in (played, sent):
        chip.run(4e-6)
    recording = program.run(played)
    sent.send(4e-6 + np.array([2e-6, 2e-6, 5e-6]), [3, 7, 3])
    expected = sent.run(15.1e-6)
    assert set(expected.spike_neurons) == {3, 7}
    np.testing.assert_array_equal(recording.spike_neurons, expected.spike_neurons)
    np.testing.assert_allclose(recording.spike_times_s, expected.spike_times_s)
    assert (recording.start_s, recording.stop_s) == pytest.approx((4e-6, 19.1e-6))
    np.testing.assert_array_equal(played.core.analog, sent.core.analog)


def test_tickets_have_what_was_read_at_their_time_and_nothing_before_the_run() -> None:
    builder = PlaybackProgramBuilder()
    builder.wait_for(MICROSECOND)
    before = builder.read_counters()
    builder.fire_one(6, 0)
    builder.wait_for(20 * MICROSECOND)
    after, weights = builder.read_counters(), builder.read_weights()
    builder.write_weights(6, 0)
    again, rewritten = builder.read_counters(), builder.read_weights()
    builder.fire_one(6, 0)
    builder.wait_for(20 * MICROSECOND)
    last = builder.read_counters()
    tickets = (before, after, weights, again, rewritten, last)
    program = builder.done()
    for ticket in tickets:
        with pytest.raises(RuntimeError, match="has not run yet"):
            ticket.get()

    chip = quiet()
    program.run(chip)
    one = (np.arange(N_NEURONS) == 6).astype(int)
    np.testing.assert_array_equal(before.get(), 0 * one)
    np.testing.assert_array_equal(after.get(), one)
    np.testing.assert_array_equal(again.get(), 0 * one)  # reading has cleared them
    np.testing.assert_array_equal(last.get(), 0 * one)  # the weight was gone
    assert weights.get()[6, 6] == 63 and rewritten.get()[6, 6] == 0
    assert weights.get().sum() == rewritten.get().sum() + 63


def test_external_post_pulses_are_seen_by_sensors_alone() -> None:
    """Pairs at 0, 2 and −3 µs on an ideal chip, of the columns named; the ADC's offset is 40."""
    correlation = Correlation(amplitude_lsb=2.0)
    chip = quiet(sensors=correlation)
    columns = np.arange(N_NEURONS) % 3
    builder = PlaybackProgramBuilder()
    n_pairs = 30
    for _ in range(n_pairs):
        builder.wait_for(100 * MICROSECOND)
        builder.fire_post_correlation_signal(columns == 2)
        builder.wait_for(3 * MICROSECOND)
        builder.fire([row == 5 for row in range(N_ROWS)], 9)  # no synapse answers, but all labels
        builder.fire_post_correlation_signal(columns == 0)
        builder.wait_for(2 * MICROSECOND)
        builder.fire_post_correlation_signal(columns == 1)
    builder.wait_for(10)
    filled = builder.read_correlation()
    builder.reset_correlation()
    emptied = builder.read_correlation()
    chip.labels[5] = 9
    chip.weights = 0
    recording = builder.done().run(chip)
    assert recording.counts.sum() == 0 == chip.read_counters().sum()
    pair = 2.0 * np.exp(-np.array([0, 2, 3]) / 5)[columns]
    causal, anticausal = (codes.astype(float) for codes in filled.get())
    expected = 40 + n_pairs * np.where(columns < 2, pair, 0)
    np.testing.assert_allclose(causal[5], expected, atol=5)
    np.testing.assert_allclose(
        anticausal[5], 40 + n_pairs * np.where(columns == 2, pair, 0), atol=5
    )
    np.testing.assert_allclose(np.delete(causal, 5, axis=0), 40, atol=5)
    np.testing.assert_allclose(np.stack(emptied.get()).astype(float), 40, atol=5)


@pytest.mark.parametrize(
    ("instruction", "error", "message"),
    [
        (lambda b: b.set_time(-1), ValueError, "time must be in .* got -1"),
        (lambda b: b.wait_until(1.5), TypeError, "time must be an integer"),
        (lambda b: b.wait_for(2**32), ValueError, "duration .* got 4294967296"),
        (
            lambda b: b.fire([True], 0),
            ValueError,
            "synapse_driver_mask must have 32 entries, got 1",
        ),
        (lambda b: b.fire(NO_ROWS, 64), ValueError, r"address must be in \[0, 63\], got 64"),
        (lambda b: b.fire_one(32, 0), ValueError, r"synapse_driver must be in \[0, 31\], got 32"),
        (lambda b: b.fire_post_correlation_signal([1, 0]), ValueError, "neuron_mask .* got 2"),
        (lambda b: b.write_weights(0, 64), ValueError, r"weights .* got 64"),
        (lambda b: b.write_weights(-1, 0), ValueError, r"row .* got -1"),
    ],
)
def test_impossible_instructions_are_refused(
    instruction: Callable[[Any], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        instruction(PlaybackProgramBuilder())


@pytest.mark.parametrize("step_s", [1e-7, 1e-6])
def test_instructions_of_one_step_keep_their_order(step_s: float) -> None:
    """Seven cycles are less than one step; each event meets the weight that was written before."""
    charge = {}
    for written in ("event first", "weight first"):
        builder = PlaybackProgramBuilder()
        builder.wait_for(MICROSECOND)
        if written == "event first":
            builder.fire_one(6, 0)
            builder.wait_for(2)
        builder.write_weights(6, 0)
        builder.wait_for(2)
        builder.fire_one(6, 0)
        builder.wait_for(20 * MICROSECOND)
        counters = builder.read_counters()
        chip = quiet(step_s=step_s)
        builder.done().run(chip)
        charge[written] = counters.get().tolist()
    one = [int(neuron == 6) for neuron in range(N_NEURONS)]
    assert charge == {"event first": one, "weight first": [0] * N_NEURONS}


def test_a_post_pulse_pairs_with_an_event_of_its_time_in_their_order() -> None:
    """Two LSB at Δt = 0 in one branch of the one synapse, which a later reset empties."""
    row = [row == 5 for row in range(N_ROWS)]
    column = np.arange(N_NEURONS) == 2
    for pulse_first in (False, True):
        builder = PlaybackProgramBuilder()
        builder.wait_for(MICROSECOND)
        if pulse_first:
            builder.fire_post_correlation_signal(column)
        builder.fire(row, 0)
        if not pulse_first:
            builder.fire_post_correlation_signal(column)
        program = builder.done()
        builder.reset_correlation()
        chip, emptied = (quiet(sensors=Correlation(amplitude_lsb=2.0)) for _ in range(2))
        program.run(chip)
        expected = np.zeros((2, N_ROWS, N_NEURONS))
        expected[int(pulse_first), 5, 2] = 2.0
        np.testing.assert_array_equal(chip.core.sensors.charge, expected.reshape(2, -1))
        builder.done().run(emptied)
        assert not emptied.core.sensors.charge.any()


@pytest.mark.parametrize(
    "instruction",
    [
        lambda b: b.fire_post_correlation_signal([True] * N_NEURONS),
        lambda b: b.read_correlation(),
        lambda b: b.reset_correlation(),
    ],
)
def test_a_chip_without_sensors_is_refused_before_anything_happens(
    instruction: Callable[[Any], object],
) -> None:
    builder, chip = PlaybackProgramBuilder(), quiet()
    builder.wait_for(MICROSECOND)
    builder.fire_one(6, 0)
    builder.wait_for(MICROSECOND)
    early = builder.read_counters()
    instruction(builder)
    builder.wait_for(MICROSECOND)
    builder.fire_one(6, 0)
    with pytest.raises(ValueError, match="sensors=True"):
        builder.done().run(chip)
    with pytest.raises(RuntimeError, match="has not run yet"):
        early.get()
    assert chip.time_s == 0
    assert chip.run(30e-6).counts.sum() == 0  # no event is left on the chip
