"""The neuron step agrees with closed forms on an ideal chip."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.chip_recording import ideal_neurons, mask_bits
from support.statistical_asserts import assert_mean

from spikeloop.workers.chip.analog import (
    DECAY_EXC,
    I_EXC,
    I_INH,
    V,
    membrane_response,
    peak_response,
)
from spikeloop.workers.chip.capmem import LARGE_CAPACITOR_F, NeuronConstants
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.limits import N_NEURONS, V_MAX_V
from spikeloop.workers.chip.neurons import step_neurons
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.router import advance

STEP_S = 1e-7
ACTION = 10


def chip_of(
    cells: NeuronConstants,
    step_s: float = STEP_S,
    seed: int = 1,
    noise_V: float = 0.0,
    strides: bool = False,
) -> Core:
    core = new_core(cells, step_s, noise_V=noise_V, strides=strides)
    seed_words(np.uint64(seed), core.lanes)
    return core


def run(core: Core, n_steps: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(n_steps, 32) membrane after each step, and whether each neuron fired in it."""
    membrane = np.empty((n_steps, N_NEURONS))
    masks = np.empty(n_steps, dtype=np.uint32)
    for step in range(n_steps):
        masks[step] = step_neurons(core.analog, core.lanes)
        membrane[step] = core.analog[V : V + N_NEURONS]
    return membrane, mask_bits(masks)


@pytest.mark.parametrize("tau_syn_s", [0.5e-6, 1.8e-6, 10e-6, 20e-6])
@pytest.mark.parametrize(("line", "sign"), [(I_EXC, 1), (I_INH, -1)])
def test_one_event_gives_the_closed_form_potential(tau_syn_s: float, line: int, sign: int) -> None:
    cells = ideal_neurons(
        tau_exc_s=tau_syn_s, tau_inh_s=tau_syn_s, exc_A=4e-9, inh_A=4e-9, v_thresh_V=V_MAX_V
    )
    chip = chip_of(cells)
    weight = 20
    chip.analog[line + ACTION] += weight
    membrane, _ = run(chip, 400)
    drive_V = (cells.exc_V if sign > 0 else cells.inh_V)[ACTION] * weight
    times = STEP_S * np.arange(1, 401)
    expected = sign * drive_V * membrane_response(times, cells.tau_mem_s[ACTION], tau_syn_s)
    deviation = membrane[:, ACTION] - cells.v_leak_V[ACTION] - expected
    assert np.abs(deviation).max() < 1e-5
    assert np.abs(membrane[:, ACTION] - cells.v_leak_V[ACTION]).max() > 1e-2


@pytest.mark.parametrize("tau_syn_s", [0.5e-6, 1.8e-6, 9.999e-6, 10e-6, 25e-6])
def test_a_potential_peaks_when_and_as_high_as_theory_says(tau_syn_s: float) -> None:
    """At ln(τ_m/τ_s) τ_m τ_s / (τ_m − τ_s), a steady drive times (τ_m/τ_s)^(−τ_m / (τ_m − τ_s)).

    The grid takes the time to half a step and the height to second order in the step.
    """
    tau_mem_s, step_s = 10e-6, 5e-8
    cells = ideal_neurons(tau_mem_s=tau_mem_s, tau_exc_s=tau_syn_s, exc_A=1e-8, v_thresh_V=V_MAX_V)
    core = chip_of(cells, step_s)
    core.analog[I_EXC + ACTION] += 10
    membrane, _ = run(core, 600)
    if tau_syn_s == tau_mem_s:
        when_s, height = tau_mem_s, np.exp(-1)
    else:
        ratio, difference_s = tau_mem_s / tau_syn_s, tau_mem_s - tau_syn_s
        when_s = np.log(ratio) * tau_mem_s * tau_syn_s / difference_s
        height = ratio ** (-tau_mem_s / difference_s)
    lift_V = membrane[:, ACTION] - cells.v_leak_V[ACTION]
    assert abs((lift_V.argmax() + 1) * step_s - when_s) <= step_s
    assert lift_V.max() == pytest.approx(10 * cells.exc_V[ACTION] * height, rel=1e-3)


def test_equal_time_constants_are_the_limit_of_unequal_ones() -> None:
    near = peak_response(10e-6, 10e-6 * (1 + 1e-6))
    assert peak_response(10e-6, 10e-6) == pytest.approx(near, rel=1e-5)
    assert peak_response(10e-6, 10e-6) == pytest.approx(np.exp(-1))


def test_a_driven_neuron_fires_at_the_closed_form_times() -> None:
    """With leak above threshold the interval is t_ref + τ ln((E − V_reset) / (E − V_th))."""
    cells = ideal_neurons()
    levels = np.linspace(1.05, 1.6, N_NEURONS)
    cells = replace(cells, v_leak_V=levels, v_thresh_V=np.full(N_NEURONS, 1.0144))
    chip = chip_of(cells)
    chip.analog[V : V + N_NEURONS] = cells.v_reset_V
    _, spikes = run(chip, 4000)
    rise_s = cells.tau_mem_s * np.log((levels - cells.v_reset_V) / (levels - cells.v_thresh_V))
    rise_steps = np.ceil(rise_s / STEP_S)
    refractory_steps = np.rint(cells.refractory_s / STEP_S)
    for j in range(N_NEURONS):
        fired = np.flatnonzero(spikes[:, j])
        assert fired.size > 10
        assert fired[0] + 1 == rise_steps[j]
        assert set(np.diff(fired)) == {rise_steps[j] + refractory_steps[j]}


@pytest.mark.parametrize("every", [1, 4])
def test_regular_input_gives_the_rate_of_its_mean_current(every: int) -> None:
    """f-I curve: rate = 1 / (t_ref + τ_m ln((E − V_r) / (E − V_t))), with E = V_leak + g w τ_s / T.

    An interval of 5 µs or more is right to 2 %: the grid lengthens it by up to a step, and input
    that comes every 0.4 µs, a quarter of its time constant, ripples. A membrane that is 10 % slower
    is off by more, and neurons whose E stays below threshold are silent.
    """
    cells = ideal_neurons(v_thresh_V=1.0144, refractory_s=2e-6)
    lifts_V = np.linspace(0.2, 0.9, N_NEURONS)  # the gap to threshold is 0.28 V
    weights = lifts_V / cells.exc_V * every * STEP_S / cells.tau_exc_s
    core = chip_of(cells)
    fired = np.zeros((12_000, N_NEURONS), dtype=bool)
    for step, mask in enumerate(fired):
        if step % every == 0:
            core.analog[I_EXC : I_EXC + N_NEURONS] += weights
        mask[:] = mask_bits(step_neurons(core.analog, core.lanes))
    above_V = cells.v_leak_V + lifts_V - cells.v_thresh_V
    assert not fired[:, above_V < -0.01].any()
    sees = 0.0
    for j in np.flatnonzero(above_V > 0.02):
        rise = np.log1p((cells.v_thresh_V[j] - cells.v_reset_V[j]) / above_V[j])
        interval_s = STEP_S * np.diff(np.flatnonzero(fired[200:, j])).mean()
        assert interval_s == pytest.approx(
            cells.refractory_s[j] + cells.tau_mem_s[j] * rise, rel=0.02
        )
        slower_s = cells.refractory_s[j] + 1.1 * cells.tau_mem_s[j] * rise
        sees = max(sees, abs(slower_s / interval_s - 1))
    assert sees > 0.05


@pytest.mark.parametrize("shift_V", [-0.3, 0.0, 0.25])
def test_the_membrane_returns_to_its_leak_potential_and_stays_there(shift_V: float) -> None:
    cells = ideal_neurons(v_leak_V=np.linspace(0.4, 1.2, N_NEURONS), v_thresh_V=V_MAX_V)
    core = chip_of(cells)
    core.analog[V : V + N_NEURONS] += shift_V
    membrane, spikes = run(core, 500)
    decay = np.exp(-STEP_S * np.arange(1, 501)[:, None] / cells.tau_mem_s)
    np.testing.assert_allclose(membrane, cells.v_leak_V + shift_V * decay, atol=1e-5)
    assert not spikes.any()


def test_synaptic_inputs_decay_while_the_membrane_is_held() -> None:
    """After release the membrane follows reset, leak, and what 4 µs have left of the input."""
    cells = ideal_neurons(refractory_s=4e-6, exc_A=6e-10, v_thresh_V=1.0144)
    core = chip_of(cells)
    core.analog[V + ACTION] = 1.5
    core.analog[I_EXC + ACTION] = 63.0
    membrane, spikes = run(core, 300)
    assert np.flatnonzero(spikes[:, ACTION]).tolist() == [0]
    n_held = 41
    left = 63.0 * np.exp(-n_held * STEP_S / cells.tau_exc_s[ACTION])
    times_s = STEP_S * np.arange(1, 301 - n_held)
    leak_V, reset_V = cells.v_leak_V[ACTION], cells.v_reset_V[ACTION]
    taus_s = cells.tau_mem_s[ACTION], cells.tau_exc_s[ACTION]
    response = membrane_response(times_s, *taus_s)
    expected = (
        leak_V
        + (reset_V - leak_V) * np.exp(-times_s / taus_s[0])
        + left * cells.exc_V[ACTION] * response
    )
    np.testing.assert_allclose(membrane[n_held:, ACTION], expected, atol=1e-5)
    # An input that had waited would be seen.
    assert (63.0 - left) * cells.exc_V[ACTION] * response.max() > 1e-3


@pytest.mark.parametrize("refractory_s", [0.0, 2e-7, 4e-6])
def test_the_membrane_stays_at_reset_for_exactly_the_refractory_time(refractory_s: float) -> None:
    cells = ideal_neurons(refractory_s=refractory_s)
    chip = chip_of(cells)
    chip.analog[V + ACTION] = 1.5
    membrane, spikes = run(chip, 100)
    assert spikes[0, ACTION]
    assert spikes[:, ACTION].sum() == 1
    held = np.flatnonzero(membrane[:, ACTION] == np.float32(cells.v_reset_V[ACTION]))
    np.testing.assert_array_equal(held, np.arange(round(refractory_s / STEP_S) + 1))


def test_the_membrane_stays_within_the_supply() -> None:
    cells = ideal_neurons()
    chip = chip_of(replace(cells, v_thresh_V=np.full(N_NEURONS, 9.0)))
    chip.analog[I_EXC : I_EXC + 16] = 1e5
    chip.analog[I_INH + 16 : I_INH + N_NEURONS] = 1e5
    membrane, spikes = run(chip, 50)
    assert (membrane[20, :16] == np.float32(V_MAX_V)).all()
    assert (membrane[20, 16:] == 0.0).all()
    assert not spikes.any()


def test_inputs_decay_to_zero_and_never_become_subnormal() -> None:
    chip = chip_of(ideal_neurons())
    chip.analog[I_EXC + ACTION] = 63.0
    decay = float(chip.analog[DECAY_EXC + ACTION])
    run(chip, 100)
    assert chip.analog[I_EXC + ACTION] == pytest.approx(63.0 * decay**100, rel=1e-4)
    for _ in range(100):
        advance(chip, 20)
        value = chip.analog[I_EXC + ACTION]
        assert value == 0.0 or value > np.finfo(np.float32).tiny
    assert chip.analog[I_EXC + ACTION] == 0.0


# Neurons of other time constants and capacitors under the same white current.
TAU_MEM_S = np.where(np.arange(N_NEURONS) % 2, 10e-6, 2.5e-6)
CAPACITOR_F = LARGE_CAPACITOR_F * np.where(np.arange(N_NEURONS) % 3, 1, 2)
NOISE_V = (
    0.02 * np.where(np.arange(N_NEURONS) % 2, 1, 0.5) / np.where(np.arange(N_NEURONS) % 3, 1, 2)
)


def resting(seed: int, *, strides: bool, noise_V: float = 0.02) -> np.ndarray[Any, Any]:
    """(250, 32) membranes about rest, every five time constants, so nearly independent."""
    cells = ideal_neurons(v_thresh_V=1.6, tau_mem_s=TAU_MEM_S, capacitor_F=CAPACITOR_F)
    chip = chip_of(cells, seed=seed, noise_V=noise_V, strides=strides)
    samples = np.empty((250, N_NEURONS))
    for sample in samples:
        advance(chip, 500)
        sample[:] = chip.analog[V : V + N_NEURONS] - cells.v_leak_V
    return samples


@pytest.mark.parametrize("strides", [False, True])
def test_noise_is_gaussian_about_rest_with_the_deviation_of_a_white_current(strides: bool) -> None:
    """Uniform increments make a Gaussian membrane, whose variance goes as τ_m/C².

    False alarms: 1e-4 each; sees 10 %.
    """
    samples = (resting(3, strides=strides) / NOISE_V).ravel()
    assert_mean(samples, 0.0, alpha=1e-4)
    assert_mean(samples**2, 1.0, alpha=1e-4)
    assert stats.kstest(samples / samples.std(), "norm").pvalue > 1e-4
    uniform = np.random.default_rng(0).uniform(-1, 1, samples.size)
    assert stats.kstest(uniform / uniform.std(), "norm").pvalue < 1e-4
    with pytest.raises(AssertionError):
        stronger = resting(3, strides=strides, noise_V=0.022) / NOISE_V
        assert_mean(stronger**2, 1.0, alpha=1e-4)
    with pytest.raises(AssertionError):  # one deviation for all
        assert_mean((samples.reshape(-1, N_NEURONS) * NOISE_V / 0.02) ** 2, 1.0, alpha=1e-4)


@pytest.mark.parametrize("strides", [False, True])
def test_noise_of_two_neurons_is_uncorrelated_and_depends_on_the_seed(strides: bool) -> None:
    samples = resting(5, strides=strides)
    correlation = np.corrcoef(samples.T)[np.triu_indices(N_NEURONS, 1)]
    # 496 pairs; under independence each is about N(0, 1/249). False alarms: 1e-4 in all.
    assert np.abs(correlation).max() < stats.norm.isf(0.5e-4 / correlation.size) / np.sqrt(249)
    assert not np.array_equal(samples, resting(6, strides=strides))
    np.testing.assert_array_equal(samples, resting(5, strides=strides))
