"""Spikes are sent and recorded in their steps, and recording changes nothing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloop.workers.chip.analog import I_EXC, I_INH
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.lab.recording import BUFFER_SPIKES, Recording
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS

STEP_S = 1e-7


def busy(seed: int = 3) -> Chip:
    """A chip whose neurons excite and inhibit each other at random, with noise, and are driven."""
    chip = Chip(20, seed=seed)
    rng = np.random.default_rng(5)
    chip.row_signs = np.where(np.arange(N_ROWS) < 22, 1, -1)
    weights = rng.integers(0, 64, (N_ROWS, N_NEURONS))
    chip.weights = np.where(chip.row_signs[:, None] > 0, weights, weights // 12)
    chip.pulse_length = 12
    chip.route(range(N_NEURONS), range(N_ROWS))
    chip.send(rng.uniform(0, 200e-6, 300), rng.integers(0, N_ROWS, 300))
    return chip


def spikes(recording: Recording) -> list[tuple[int, int]]:
    steps = np.rint(recording.spike_times_s / STEP_S).astype(int)
    return list(zip(steps.tolist(), recording.spike_neurons.tolist(), strict=True))


def test_recording_more_or_less_changes_neither_spikes_nor_membranes() -> None:
    alone, watched, traced = busy(), busy(), busy()
    alone.run(200e-6, spikes=False)
    seen = watched.run(200e-6)
    drawn = traced.run(200e-6, membrane="all", sample_s=1e-6)
    assert seen.counts.sum() > 500
    assert spikes(seen) == spikes(drawn)
    for other in (watched, traced):
        np.testing.assert_array_equal(alone.membrane_V, other.membrane_V)
        np.testing.assert_array_equal(alone.core.analog, other.core.analog)
    np.testing.assert_array_equal(alone.read_counters(), seen.counts)
    other_seed = busy(seed=4)
    assert spikes(other_seed.run(200e-6)) != spikes(seen)


def test_one_long_run_gives_what_many_short_ones_give() -> None:
    whole, pieces = busy(), busy()
    expected = whole.run(200e-6, membrane=[3, 7])
    lengths = [1, 2, 10, 487, 500, 1000]
    recordings = [pieces.run(n * STEP_S, membrane=[3, 7], spikes=True) for n in lengths]
    assert sum(lengths) == 2000
    assert [s for r in recordings for s in spikes(r)] == spikes(expected)
    np.testing.assert_array_equal(
        np.concatenate([r.membrane_V for r in recordings]), expected.membrane_V
    )
    times = np.concatenate([r.sample_times_s for r in recordings])
    np.testing.assert_allclose(times, expected.sample_times_s, rtol=1e-12)


def test_a_recording_longer_than_the_buffer_is_complete() -> None:
    """Reset above threshold and two steps of refractory time: a spike every third step each."""
    chip = Chip(mismatch="off", noise_V=0.0)
    chip.set_codes(v_leak_u10=900, v_reset_u10=900, v_thresh_u10=600, refractory_u10=1023)
    chip.reset()
    n_steps = 9 * BUFFER_SPIKES // N_NEURONS + 7
    recording = chip.run(n_steps * STEP_S, membrane=[0])
    expected = STEP_S * np.arange(1, n_steps + 1, 3)
    assert recording.spike_times_s.size == expected.size * N_NEURONS > 2 * BUFFER_SPIKES
    for neuron in (0, 17, 31):
        np.testing.assert_allclose(recording.spikes_of(neuron), expected, rtol=1e-9)
    assert recording.membrane_V.shape == (n_steps, 1)
    assert (recording.membrane_V > 1.4).all()


trains = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), st.integers(0, 1)), max_size=25)


@settings(max_examples=50)
@given(trains, st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_events_are_delivered_in_their_step_however_time_is_divided_into_runs(
    train: list[tuple[int, int, int]], lengths: list[int]
) -> None:
    """Against weights that are added to the synaptic inputs by hand, step by step.

    Times are rounded to the grid of steps.
    """
    chip, by_hand = (Chip(22, mismatch="off", seed=9) for _ in range(2))
    chip.row_signs[:4] = [1, 1, -1, 0]
    chip.labels = np.arange(N_ROWS * N_NEURONS).reshape(N_ROWS, N_NEURONS) % 2
    chip.weights = np.random.default_rng(1).integers(0, 64, (N_ROWS, N_NEURONS))
    for step, row, label in train:
        chip.send((step + 0.4 * (-1) ** row) * STEP_S, row, label)
    for i, length in enumerate(lengths):
        chip.run(length * STEP_S, spikes=i % 2 == 0)

    for step in range(sum(lengths)):
        for at, row, label in train:
            if at == step and row < 3:
                line = I_INH if row == 2 else I_EXC
                answering = np.where(chip.labels[row] == label, chip.weights[row], 0)
                by_hand.core.analog[line : line + N_NEURONS] += answering
        by_hand.run(STEP_S, spikes=False)
    np.testing.assert_array_equal(chip.core.analog, by_hand.core.analog)
    np.testing.assert_array_equal(chip.read_counters(), by_hand.read_counters())
