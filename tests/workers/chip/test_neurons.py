"""The neuron step against closed forms, on an ideal chip."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statistical import assert_mean

from spikeloop.workers.chip.analog import (
    DECAY_EXC,
    I_EXC,
    I_INH,
    Circuit,
    Neurons,
    V,
    analog_block,
    membrane_response,
    neurons,
    peak_response,
)
from spikeloop.workers.chip.limits import N_NEURONS, V_MAX_V, VOLT_PER_CODE
from spikeloop.workers.chip.network import Chip, empty_chip
from spikeloop.workers.chip.neurons import step_neurons
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.router import advance

QUIET = Circuit(noise_V=0.0)
N_STATES = 6
ACTION = 10


def chip_of(cells: Neurons, step_s: float = QUIET.step_s, seed: int = 1) -> Chip:
    chip = empty_chip(analog_block(cells, step_s), step_s)
    seed_words(np.uint64(seed), chip.lanes)
    return chip


def run(chip: Chip, n_steps: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(n_steps, 32) membrane after each step, and whether each neuron fired in it."""
    membrane = np.empty((n_steps, N_NEURONS))
    spikes = np.empty((n_steps, N_NEURONS), dtype=bool)
    for step in range(n_steps):
        step_neurons(chip.analog, chip.lanes, chip.spiked)
        membrane[step] = chip.analog[V : V + N_NEURONS]
        spikes[step] = chip.spiked
    return membrane, spikes


@pytest.mark.parametrize("tau_syn_s", [0.5e-6, 1.8e-6, 10e-6, 20e-6])
@pytest.mark.parametrize(("line", "sign"), [(I_EXC, 1), (I_INH, -1)])
def test_one_event_gives_the_closed_form_potential(tau_syn_s: float, line: int, sign: int) -> None:
    circuit = Circuit(noise_V=0.0, tau_exc_s=tau_syn_s, tau_inh_s=tau_syn_s)
    cells = neurons(circuit, N_STATES)
    chip = chip_of(cells)
    weight = 20
    chip.analog[line + ACTION] += weight
    membrane, _ = run(chip, 400)
    drive_V = (cells.exc_V if sign > 0 else cells.inh_V)[ACTION] * weight
    times = circuit.step_s * np.arange(1, 401)
    expected = [membrane_response(t, circuit.tau_mem_s, tau_syn_s) for t in times]
    deviation = membrane[:, ACTION] - cells.v_leak_V[ACTION] - sign * drive_V * np.array(expected)
    assert np.abs(deviation).max() < 1e-5
    assert np.abs(membrane[:, ACTION] - cells.v_leak_V[ACTION]).max() > 1e-2


def test_full_weight_lifts_the_membrane_by_the_height_in_the_settings() -> None:
    circuit = Circuit(noise_V=0.0, action_psp_u10=150.0)
    chip = chip_of(neurons(circuit, N_STATES))
    chip.analog[I_EXC + ACTION] += 63
    membrane, _ = run(chip, 400)
    height_V = membrane[:, ACTION].max() - circuit.v_leak_u10 * VOLT_PER_CODE
    assert height_V == pytest.approx(150 * VOLT_PER_CODE, rel=1e-3)


def test_equal_time_constants_are_the_limit_of_unequal_ones() -> None:
    near = peak_response(10e-6, 10e-6 * (1 + 1e-6))
    assert peak_response(10e-6, 10e-6) == pytest.approx(near, rel=1e-5)
    assert peak_response(10e-6, 10e-6) == pytest.approx(np.exp(-1))


def test_the_result_does_not_depend_on_the_step() -> None:
    ends = []
    for step_s in (1e-7, 2e-7, 4e-7):
        chip = chip_of(neurons(QUIET, N_STATES), step_s)
        chip.analog[I_EXC + ACTION] += 63
        membrane, _ = run(chip, round(8e-6 / step_s))
        ends.append(membrane[-1, ACTION])
    np.testing.assert_allclose(ends, ends[0], rtol=2e-6)


def test_a_driven_neuron_fires_at_the_closed_form_times() -> None:
    """With leak above threshold the interval is t_ref + τ ln((E − V_reset) / (E − V_th))."""
    cells = neurons(QUIET, N_STATES)
    levels = np.linspace(1.05, 1.6, N_NEURONS)
    cells = replace(cells, v_leak_V=levels, v_thresh_V=np.full(N_NEURONS, 1.0144))
    chip = chip_of(cells)
    chip.analog[V : V + N_NEURONS] = cells.v_reset_V
    _, spikes = run(chip, 4000)
    rise_s = cells.tau_mem_s * np.log((levels - cells.v_reset_V) / (levels - cells.v_thresh_V))
    rise_steps = np.ceil(rise_s / QUIET.step_s)
    refractory_steps = np.rint(cells.refractory_s / QUIET.step_s)
    for j in range(N_NEURONS):
        fired = np.flatnonzero(spikes[:, j])
        assert fired.size > 10
        assert fired[0] + 1 == rise_steps[j]
        assert set(np.diff(fired)) == {rise_steps[j] + refractory_steps[j]}


@pytest.mark.parametrize("refractory_s", [0.0, 2e-7, 4e-6])
def test_the_membrane_stays_at_reset_for_exactly_the_refractory_time(refractory_s: float) -> None:
    circuit = Circuit(noise_V=0.0, refractory_s=refractory_s)
    cells = neurons(circuit, N_STATES)
    chip = chip_of(cells)
    chip.analog[V + ACTION] = 1.5
    membrane, spikes = run(chip, 100)
    assert spikes[0, ACTION]
    assert spikes[:, ACTION].sum() == 1
    held = np.flatnonzero(membrane[:, ACTION] == np.float32(cells.v_reset_V[ACTION]))
    np.testing.assert_array_equal(held, np.arange(round(refractory_s / circuit.step_s) + 1))


def test_the_membrane_stays_within_the_supply() -> None:
    cells = neurons(QUIET, N_STATES)
    chip = chip_of(replace(cells, v_thresh_V=np.full(N_NEURONS, 9.0)))
    chip.analog[I_EXC : I_EXC + 16] = 1e5
    chip.analog[I_INH + 16 : I_INH + N_NEURONS] = 1e5
    membrane, spikes = run(chip, 50)
    assert (membrane[20, :16] == np.float32(V_MAX_V)).all()
    assert (membrane[20, 16:] == 0.0).all()
    assert not spikes.any()


def test_inputs_decay_to_zero_and_never_become_subnormal() -> None:
    chip = chip_of(neurons(QUIET, N_STATES))
    chip.analog[I_EXC + ACTION] = 63.0
    decay = float(chip.analog[DECAY_EXC + ACTION])
    run(chip, 100)
    assert chip.analog[I_EXC + ACTION] == pytest.approx(63.0 * decay**100, rel=1e-4)
    for _ in range(100):
        advance(chip, 20)
        value = chip.analog[I_EXC + ACTION]
        assert value == 0.0 or value > np.finfo(np.float32).tiny
    assert chip.analog[I_EXC + ACTION] == 0.0


def resting(noise_V: float, seed: int) -> np.ndarray[Any, Any]:
    """(200, 32) membranes at rest, every five time constants, so nearly independent."""
    cells = neurons(Circuit(noise_V=noise_V), 0)
    cells = replace(cells, v_thresh_V=np.full(N_NEURONS, 9.0))
    chip = chip_of(cells, seed=seed)
    samples = np.empty((200, N_NEURONS))
    for sample in samples:
        advance(chip, 500)
        sample[:] = chip.analog[V : V + N_NEURONS] - cells.v_leak_V
    return samples


def test_noise_has_the_deviation_in_the_settings() -> None:
    squares = (resting(0.02, seed=3) / 0.02) ** 2
    assert_mean(squares, 1.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_mean((resting(0.022, seed=3) / 0.02) ** 2, 1.0, alpha=1e-4)


def test_uniform_increments_make_a_gaussian_membrane_around_rest() -> None:
    samples = resting(0.02, seed=4).ravel()
    assert_mean(samples, 0.0, alpha=1e-4)
    assert stats.kstest(samples / samples.std(), "norm").pvalue > 1e-4
    uniform = np.random.default_rng(0).uniform(-1, 1, samples.size)
    assert stats.kstest(uniform / uniform.std(), "norm").pvalue < 1e-4


def test_noise_of_two_neurons_is_uncorrelated_and_depends_on_the_seed() -> None:
    samples = resting(0.02, seed=5)
    correlation = np.corrcoef(samples.T)[np.triu_indices(N_NEURONS, 1)]
    # 496 pairs; under independence each is about N(0, 1/199). False alarms: 1e-4 in all.
    assert np.abs(correlation).max() < stats.norm.isf(0.5e-4 / correlation.size) / np.sqrt(199)
    assert not np.array_equal(samples, resting(0.02, seed=6))
    np.testing.assert_array_equal(samples, resting(0.02, seed=5))


def test_a_chip_without_noise_and_events_does_not_move() -> None:
    chip = chip_of(neurons(QUIET, N_STATES))
    membrane, spikes = run(chip, 1000)
    np.testing.assert_allclose(membrane, QUIET.v_leak_u10 * VOLT_PER_CODE, rtol=1e-5)
    assert not spikes.any()
