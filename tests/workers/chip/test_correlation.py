"""Correlation sensors: the STDP window, the pairing of spikes, and calibration bits."""

from copy import deepcopy
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spikeloop.workers.chip.correlation import (
    Correlation,
    Sensors,
    disabled_sensors,
    new_sensors,
)
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, N_SYNAPSES
from spikeloop.workers.chip.sensors import reset_row, sense_post, sense_pre

STEP_S = 1e-7
NO_CALIBRATION = np.zeros(N_SYNAPSES, dtype=np.uint8)
LABEL = np.full(N_SYNAPSES, 50, dtype=np.uint8)
PRE, POST = 0, 1


def ideal(**changes: float) -> Sensors:
    return new_sensors(Correlation(**changes), STEP_S, NO_CALIBRATION, 0, "off")


def play(train: str, cells: Sensors) -> None:
    """Events and spikes of synapse 0: a ``<`` is an event, ``>`` a spike, ``.`` the next step."""
    step = 1000
    for mark in train:
        if mark == "<":
            sense_pre(cells, LABEL, 0, 50, step)
        elif mark == ">":
            sense_post(cells, 0, step)
        else:
            step += 1


def window(distances: list[int]) -> float:
    """The charge of ideal pairs, LSB: 0.5 · Σ e^(−Δt / 5 µs)."""
    return float(0.5 * np.exp(-np.array(distances) * STEP_S / 5e-6).sum())


@pytest.mark.parametrize(
    ("train", "causal", "anticausal"),
    [
        ("<...>", [3], []),
        ("<" + 1000 * "." + ">", [1000], []),
        (">...<", [], [3]),
        ("<", [], []),
        (">", [], []),
        ("<>", [0], []),  # the same step: the event comes first
        ("<>..<>", [0, 0], [2]),
        ("<..<...>", [3], []),  # a spike pairs with the latest event only,
        ("<..>...>", [2], []),  # and an event with one spike only
        (">..>...<", [], [3]),  # the same for an event after spikes
        (">..<...<", [], [2]),
        ("<>.>", [0], []),  # the event was used up in its own step
        ("<.<>..<", [0], [2]),
        ("<.>.<.>.<", [1, 1], [1, 1]),
        ("<<.>", [1], []),  # two drivers' events in one step are one event to the sensor
    ],
)
def test_trains_pair_their_nearest_neighbours(
    train: str, causal: list[int], anticausal: list[int]
) -> None:
    cells = ideal()
    play(train, cells)
    expected = [window(causal), window(anticausal)]
    assert cells.charge[:, 0] == pytest.approx(expected, rel=1e-6)


def adjacent_pairs(history: list[tuple[int, int]], first: int) -> list[int]:
    """Distances of neighbours of unlike kind, of which the earlier is of kind ``first``."""
    return [
        late[0] - early[0]
        for early, late in pairwise(history)
        if early[1] == first and late[1] != first
    ]


events = st.tuples(
    st.integers(0, 60),  # step
    st.sampled_from([PRE, POST]),
    st.sampled_from([0, 1, 31]),  # row or column
    st.integers(0, 2),  # address
)


@given(st.sets(events, max_size=40), st.integers(0, 2**32 - 1))
def test_random_trains_pair_as_in_a_merged_history(
    train: set[tuple[int, int, int, int]], seed: int
) -> None:
    """In a synapse's history, causal pairs are an event right before a spike, and vice versa."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, N_SYNAPSES).astype(np.uint8)
    calibration = rng.integers(0, 16, N_SYNAPSES).astype(np.uint8)
    correlation = Correlation(amplitude_lsb=2.0, saturation_lsb=6.0)
    cells = new_sensors(correlation, STEP_S, calibration, 3, "calibrated")
    histories: dict[int, list[tuple[int, int]]] = {s: [] for s in range(N_SYNAPSES)}
    fired = set()
    for step, kind, index, address in sorted(train):
        if kind == PRE:
            sense_pre(cells, label, index, address, step)
            for synapse in range(index * N_NEURONS, (index + 1) * N_NEURONS):
                if label[synapse] == address:
                    histories[synapse].append((step, kind))
        elif (step, index) not in fired:  # a neuron fires once a step
            fired.add((step, index))
            sense_post(cells, index, step)
            for synapse in range(index, N_SYNAPSES, N_NEURONS):
                histories[synapse].append((step, kind))

    expected = np.zeros((2, N_SYNAPSES))
    for branch, first in enumerate((PRE, POST)):
        for synapse, history in histories.items():
            distances = np.array(adjacent_pairs(history, first))
            decay = np.exp(-cells.rate[branch, synapse] * distances)
            expected[branch, synapse] = (cells.amplitude[branch, synapse] * decay).sum()
    np.testing.assert_allclose(cells.charge, np.minimum(expected, 6.0), rtol=1e-5)


def test_a_reset_empties_the_capacitors_of_a_row_and_nothing_else() -> None:
    cells = ideal()
    for row in range(N_ROWS):
        sense_pre(cells, LABEL, row, 50, 10)
    for column in range(N_NEURONS):
        sense_post(cells, column, 12)
    for row in range(N_ROWS):
        sense_pre(cells, LABEL, row, 50, 15)
    assert cells.charge.all()
    before = deepcopy(cells)
    reset_row(cells, 6)
    row = np.arange(N_SYNAPSES) // N_NEURONS == 6
    before.charge[:, row] = 0
    for name in Sensors._fields:
        np.testing.assert_array_equal(getattr(cells, name), getattr(before, name), err_msg=name)
    # An event before the reset still pairs with a spike after it.
    sense_post(cells, 0, 20)
    assert cells.charge[0, 6 * N_NEURONS] == pytest.approx(window([5]), rel=1e-6)


def test_distances_stay_exact_late_in_a_long_episode() -> None:
    late = 10**12
    cells = ideal()
    sense_pre(cells, LABEL, 0, 50, late)
    sense_post(cells, 0, late + 1)
    assert cells.charge[0, 0] == pytest.approx(window([1]), rel=1e-6)


def test_calibration_bits_shorten_and_weaken_both_branches_by_their_steps() -> None:
    bits = (np.arange(N_SYNAPSES) % 16).astype(np.uint8)
    correlation = Correlation(tau_calibration=0.1, amplitude_calibration=0.2)
    cells = new_sensors(correlation, STEP_S, bits, 0, "off")
    both = (2, N_SYNAPSES)
    tau_steps = np.broadcast_to(50 * 0.9 ** (bits % 4), both)
    amplitude = np.broadcast_to(0.5 * 0.8 ** (bits // 4), both)
    np.testing.assert_allclose(1 / cells.rate, tau_steps, rtol=1e-6)
    np.testing.assert_allclose(cells.amplitude, amplitude, rtol=1e-6)


@pytest.mark.parametrize(
    "bits", [np.full(N_SYNAPSES, 16, dtype=np.uint8), np.zeros(32, dtype=np.uint8)]
)
def test_calibration_bits_of_another_width_are_refused(bits: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="calibration_u4"):
        new_sensors(Correlation(), STEP_S, bits, 0, "off")


def test_disabled_sensors_have_the_types_of_enabled_ones_and_are_their_own() -> None:
    off, on = disabled_sensors(), ideal()
    assert (off.enabled, on.enabled) == (0, 1)
    assert off.charge is not disabled_sensors().charge
    for name in Sensors._fields:
        x, y = np.asarray(getattr(off, name)), np.asarray(getattr(on, name))
        assert type(getattr(off, name)) is type(getattr(on, name)), name
        assert (x.dtype, x.shape, x.flags.c_contiguous) == (y.dtype, y.shape, True), name
