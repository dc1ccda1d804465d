"""The emulator against an independent integration of its equations in steps of 10 ns.

Bounds follow from what the emulator promises: exact steps in float32, and spikes at the end of the
step of 0.1 µs in which the membrane meets the threshold.
"""

from dataclasses import replace

import numpy as np
from support.chip_recording import Recording, record
from support.fine_integration import FINE_S, FineRun, Kick, Probe, integrate_finely

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.correlation import Correlation, new_sensors
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, N_SYNAPSES
from spikeloop.workers.chip.mismatch import neurons_of_chip

STEP_S = 1e-7
EXC, INH, PROBE = 0, 1, 2
ADDRESS = 0
"""Rows that excite, inhibit, and have weight 0 but sensors; the address of all synapses."""

Train = list[tuple[int, int]]
"""Steps and rows of events."""


def chip_20(**values: float) -> NeuronConstants:
    """The neurons of an uncalibrated chip, all different; refractory times lie on the grid."""
    cells = neurons_of_chip(neuron_codes(Circuit(), 0), 20, "uncalibrated")
    on_grid_s = np.rint(cells.refractory_s / STEP_S) * STEP_S
    arrays = {name: np.full(N_NEURONS, value) for name, value in values.items()}
    return replace(cells, refractory_s=on_grid_s, **arrays)


def weights(seed: int) -> FloatArray:
    """(2, 32) weights of the rows that excite and inhibit; inhibition is 13 times as strong."""
    most = np.array([[64], [16]])
    drawn = np.random.default_rng(seed).integers(most // 8 + 1, most, (2, N_NEURONS))
    return drawn.astype(np.float64)


def poisson(seed: int, n_steps: int, exc_Hz: float, inh_Hz: float) -> Train:
    """Events of both rows, at most one of each a step."""
    rng = np.random.default_rng(seed)
    rates = ((EXC, exc_Hz), (INH, inh_Hz))
    return [
        (int(step), row)
        for row, rate_Hz in rates
        for step in np.flatnonzero(rng.random(n_steps) < rate_Hz * STEP_S)
    ]


def emulated(cells: NeuronConstants, train: Train, weight: FloatArray, n_steps: int) -> Recording:
    """The emulator's membranes and spikes, without noise and routes."""
    core = new_core(cells, STEP_S, strides=False)
    write(core, weight)
    return record(core, n_steps, [(step, row, ADDRESS) for step, row in train])


def write(core: Core, weight: FloatArray) -> None:
    """Write the rows' weights and signs; spikes are not routed."""
    core.weight_u6.reshape(N_ROWS, N_NEURONS)[:2] = weight
    core.row_sign[[EXC, INH, PROBE]] = 1, -1, 1
    core.route_rows[:] = 0


def kicks(train: Train, weight: FloatArray) -> dict[int, Kick]:
    """The same events for the fine integration."""
    at: dict[int, Kick] = {}
    for step, row in train:
        kick = at.get(step, Kick())
        if row == PROBE:
            at[step] = kick._replace(probe=True)
        elif row == EXC:
            at[step] = kick._replace(exc=weight[EXC])
        else:
            at[step] = kick._replace(inh=weight[INH])
    return at


def finely(cells: NeuronConstants, train: Train, weight: FloatArray, n_steps: int) -> FineRun:
    return integrate_finely(cells, kicks(train, weight), n_steps)


def test_membranes_are_within_three_microvolts_of_the_fine_integration() -> None:
    """float32 has half a unit of 0.06 µV at 1 V; the memory of a membrane is some 100 steps."""
    cells, n_steps = chip_20(v_thresh_V=9.0), 400
    train, weight = poisson(1, n_steps, 5e5, 2e5), weights(1)
    fine_V = finely(cells, train, weight, n_steps).membrane_V
    membrane_V = emulated(cells, train, weight, n_steps).membrane_V
    assert 0.1 < fine_V.min() < 0.6 and 0.9 < fine_V.max() < 1.6  # far from the supply's ends
    assert np.abs(membrane_V - fine_V).max() < 3e-6
    # A membrane time constant that is off by 1 in 10,000 would be seen.
    slower = replace(cells, tau_mem_s=cells.tau_mem_s * 1.0001)
    assert np.abs(emulated(slower, train, weight, n_steps).membrane_V - fine_V).max() > 6e-6


def test_a_first_spike_comes_at_the_end_of_the_step_in_which_the_membrane_crosses() -> None:
    cells, n_steps = chip_20(), 200
    n_fired = 0
    for seed in (2, 3):
        train, weight = poisson(seed, n_steps, 2e6, 2e5), weights(seed)
        fine = finely(cells, train, weight, n_steps)
        spikes = emulated(cells, train, weight, n_steps).spikes
        for j in range(N_NEURONS):
            crossings_s = fine.spike_times_s[fine.spike_neurons == j]
            assert spikes[:, j].any() == (crossings_s.size > 0)
            if crossings_s.size:
                n_fired += 1
                delay_s = (np.argmax(spikes[:, j]) + 1) * STEP_S - crossings_s[0]
                assert 0 <= delay_s + 1e-10 < STEP_S + 2e-10
    assert n_fired > 40


def test_rates_are_at_most_half_a_percent_low_up_to_50_khz() -> None:
    """f-I curve: each interval ends with its step, so it is up to a step too long, f · 0.1 µs.

    The fine integration lengthens it by up to 10 ns, when it ends the refractory time.
    """
    cells, n_steps = chip_20(tau_exc_s=1e3), 2000  # a current that hardly decays
    cells = replace(cells, exc_A=0.5 / 63 * cells.capacitor_F / cells.tau_mem_s)  # 0.5 V at most
    weight = np.stack([np.rint(np.linspace(20, 63, N_NEURONS)), np.zeros(N_NEURONS)])
    fine = finely(cells, [(0, EXC)], weight, n_steps)
    spikes = emulated(cells, [(0, EXC)], weight, n_steps).spikes
    n_compared = 0
    for j in range(N_NEURONS):
        times_s = fine.spike_times_s[fine.spike_neurons == j]
        steps = np.flatnonzero(spikes[:, j])
        assert abs(steps.size - times_s.size) <= 1
        n = min(steps.size, times_s.size) - 1
        if n < 2:
            continue
        interval_s, fine_s = STEP_S * (steps[n] - steps[0]) / n, (times_s[n] - times_s[0]) / n
        assert -FINE_S < interval_s - fine_s < STEP_S + 1e-10
        if fine_s > 2e-5:
            n_compared += 1
            assert -5e-4 < 1 - fine_s / interval_s < 5e-3
    assert n_compared > 5


def test_trains_under_irregular_input_have_as_many_spikes() -> None:
    cells, n_steps = chip_20(), 2000
    train, weight = poisson(4, n_steps, 7e5, 5e4), weights(4)
    fine = finely(cells, train, weight, n_steps)
    count = np.bincount(fine.spike_neurons, minlength=N_NEURONS)
    assert count.max() > 8 and count.sum() > 80
    np.testing.assert_array_equal(emulated(cells, train, weight, n_steps).spikes.sum(axis=0), count)


def test_correlation_windows_are_off_by_less_than_a_step() -> None:
    """Causal pairs count as up to a step too close, anticausal ones as up to a step too far."""
    cells, n_steps = chip_20(v_thresh_V=0.9), 1200
    correlation = Correlation(amplitude_lsb=2.0)
    no_calibration_u4 = np.zeros(N_SYNAPSES, dtype=np.uint8)
    sensors = new_sensors(correlation, STEP_S, no_calibration_u4, 20, "calibrated")
    row = slice(PROBE * N_NEURONS, (PROBE + 1) * N_NEURONS)
    probe = Probe(
        STEP_S / sensors.rate[:, row].astype(np.float64),
        sensors.amplitude[:, row].astype(np.float64),
    )
    rng = np.random.default_rng(5)
    train: Train = [(step, EXC) for step in (100, 500, 900)]
    train += [(int(step), PROBE) for step in np.sort(rng.choice(n_steps, 12, replace=False))]
    weight = np.full((2, N_NEURONS), 63.0)
    cells = replace(cells, exc_A=cells.exc_A * 8)

    fine = integrate_finely(cells, kicks(train, weight), n_steps, probe=probe)
    core = new_core(cells, STEP_S, strides=False, sensors=sensors)
    write(core, weight)
    spikes = record(core, n_steps, [(step, at, ADDRESS) for step, at in sorted(train)]).spikes
    np.testing.assert_array_equal(
        spikes.sum(axis=0), np.bincount(fine.spike_neurons, minlength=N_NEURONS)
    )
    causal, anticausal = core.sensors.charge[:, row] / fine.charge_lsb
    assert (fine.charge_lsb > 0.1).all()
    a_step = np.exp(STEP_S / probe.tau_s)
    tolerance = np.exp(2 * FINE_S / probe.tau_s)
    assert (causal > 1 / tolerance[0]).all() and (causal < a_step[0] * tolerance[0]).all()
    assert (anticausal < tolerance[1]).all() and (anticausal > 1 / a_step[1] / tolerance[1]).all()
    assert (
        causal.mean() > 1.005 and anticausal.mean() < 0.995
    )  # a window exact in time would differ
