"""Recurrent networks against steps computed by hand, and alone against beside others."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from pydantic import ValidationError
from support.brian_spikes import recorded_spikes

from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.learners.reservoir.batch import SPIKE_SUM, Reservoirs, reservoirs
from spikeloop.workers.learners.reservoir.network import RandomCircuit, Reservoir, weighted

WINDOW = 10
ONE: SeedArray = np.zeros(1, dtype=np.uint64)
"""The seed of a single episode."""
PAIR = Reservoir(
    n_neurons=2,
    connectivity=1,
    adaptive_share=1,
    tau_adaptation_ms=(50.0, 50.0),
    beta=0.3,
    refractory_ms=3,
    longest_delay_ms=1,
)


def episodes_done(
    settings: Reservoir,
    feeding: FloatArray,
    recurrent: FloatArray,
    n_windows: int = 3,
    factors: dict[str, FloatArray] | None = None,
    circuit: RandomCircuit | None = None,
) -> tuple[list[tuple[int, int]], list[FloatArray]]:
    """Spikes of one episode as (step, neuron), and filtered spikes at the end of each window."""
    circuit = circuit or settings.circuit()
    filtered = [np.zeros((1, settings.n_neurons))]
    total = filtered[0]
    with (
        recorded_spikes() as runs,
        entered(settings, circuit, feeding, recurrent, ONE, factors) as (nets, batch),
    ):

        def between_windows(k: int) -> None:
            nonlocal total
            if k:
                now = batch.array(*SPIKE_SUM)
                filtered.append(nets.filtered(filtered[-1], now - total))
                total = now.copy()
            batch.array(*nets.entry)[:] = nets.shown(np.ones((1, feeding.shape[1])))

        batch.run(n_windows, WINDOW, between_windows)
    return runs[0]["neurons"][0], filtered[1:]


@contextmanager
def entered(
    settings: Reservoir,
    circuit: RandomCircuit,
    feeding: FloatArray,
    recurrent: FloatArray,
    seeds: SeedArray,
    factors: dict[str, FloatArray] | None = None,
) -> Iterator[tuple[Reservoirs, BatchedNetwork]]:
    """One candidate's network with its parameters, for each of the seeds."""
    blueprint = settings.blueprint(circuit, feeding.shape[1], WINDOW)
    nets = reservoirs(settings, circuit, WINDOW, recurrent, feeding, factors or {})
    with network(blueprint, seeds) as batch:
        for variable, values in nets.start.items():
            batch.array(*variable)[:] = values
        yield nets, batch


def by_hand(
    current: FloatArray, weights: FloatArray, n_steps: int, delay: int = 1
) -> list[tuple[int, int]]:
    """Spikes (step, neuron) of the equations of the module's docstring, one line each."""
    keep, keep_a = np.exp(-1 / 20), np.exp(-1 / 50)
    v, a, ready = np.zeros(2), np.zeros(2), np.zeros(2)
    spikes: list[tuple[int, int]] = []
    for step in range(n_steps):
        v = keep * v + (1 - keep) * current
        a = keep_a * a
        fired = [i for i in range(2) if v[i] > 1 + a[i] and step >= ready[i]]
        for i in fired:
            spikes.append((step, i))
            v[i] -= 1 + a[i]
            a[i] += 0.3
            ready[i] = step + 3
        for at, i in spikes:
            if at == step + 1 - delay:
                v[1 - i] += weights[i]
    return spikes


def test_spikes_are_those_of_the_equations() -> None:
    current = np.array([[[6.0, 3.0]]])
    weights = np.array([[0.4, -0.2]])  # 0 to 1, 1 to 0
    spikes, _ = episodes_done(PAIR, current, weights)
    expected = by_hand(current[0, 0], weights[0], 3 * WINDOW)
    assert spikes == expected
    assert len(expected) > 6
    # The weights matter here.
    assert expected != by_hand(current[0, 0], 0 * weights[0], 3 * WINDOW)


def test_a_spike_arrives_after_its_delay() -> None:
    settings = PAIR.model_copy(update={"longest_delay_ms": 7.0})
    circuit = RandomCircuit(**{**vars(settings.circuit()), "delay_steps": np.array([7, 7])})
    feeding, weights = np.array([[[6.0, 0.0]]]), np.array([[1.5, 0.0]])
    spikes, _ = episodes_done(settings, feeding, weights, circuit=circuit)
    assert spikes == by_hand(feeding[0, 0], weights[0], 3 * WINDOW, delay=7)
    assert any(neuron == 1 for _, neuron in spikes)


@pytest.mark.parametrize(("part", "fires"), [(1 - 1e-9, False), (1 + 1e-9, True)])
def test_the_threshold_sees_what_the_leak_has_left_of_a_jump(part: float, fires: bool) -> None:
    """α_m w, and not w: a weight of 1 / α_m reaches the threshold of 1, and no more."""
    weight = part * np.exp(1 / 20)
    spikes, _ = episodes_done(
        PAIR, np.array([[[30.0, 0.0]]]), np.array([[weight, 0.0]]), n_windows=1
    )
    assert spikes[0] == (0, 0)
    assert ((1, 1) in spikes) == fires


def test_synaptic_currents_move_the_potential_as_much_as_a_jump() -> None:
    """Without leak, a current of any time constant brings w in the end."""
    still = PAIR.model_copy(
        update={"tau_membrane_ms": 1e6, "tau_synapse_ms": 3.0, "longest_delay_ms": 1.0}
    )
    feeding = np.zeros((1, 1, 2))  # neuron 0 is put above its threshold by hand
    weights = np.array([[0.5, 0.0]])
    with (
        recorded_spikes() as runs,
        entered(still, PAIR.circuit(), feeding, weights, ONE) as (_, batch),
    ):

        def between_windows(k: int) -> None:
            if k == 0:
                batch.array("neurons", "v")[0, 0] = 1.5

        batch.run(8, WINDOW, between_windows)
        assert [neuron for _, neuron in runs[0]["neurons"][0]] == [0]
        assert batch.array("neurons", "v")[0, 1] == pytest.approx(0.5, rel=1e-3)


def test_filtered_spikes_are_per_decision() -> None:
    settings = PAIR.model_copy(update={"tau_readout_ms": (15.0, 15.0)})
    spikes, spike_sum = episodes_done(
        settings, np.array([[[6.0, 3.0]]]), np.zeros((1, 2)), n_windows=4
    )
    keep = np.exp(-1 / 15)
    trace = np.zeros(2)
    for step in range(4 * WINDOW):
        now = np.array([(step, 0) in spikes, (step, 1) in spikes])
        trace = keep * trace + (1 - keep) * WINDOW * now
        if (step + 1) % WINDOW == 0:
            np.testing.assert_allclose(spike_sum[step // WINDOW][0], trace, rtol=1e-12)
    assert trace.all()


def test_the_shortest_time_constants_leave_the_last_step() -> None:
    plain = {"tau_readout_ms": (0.1, 0.1), "refractory_ms": 0.0, "adaptive_share": 0.0}
    settings = PAIR.model_copy(update=plain)
    feeding = np.array([[[50.0, 0.0]]])
    _, spike_sum = episodes_done(
        settings, feeding, np.zeros((1, 2)), factors={"tau_readout": np.array([1e-3])}
    )
    # A spike in every step, of which the last one counts.
    np.testing.assert_allclose(spike_sum[-1], [[WINDOW, 0.0]])


def test_poisson_channels_fire_once_a_step_at_most() -> None:
    """At the limit they do in every step and bring the current; more is refused."""
    settings = Reservoir(n_neurons=1, input="poisson", input_rate_Hz=10_000, step_ms=0.1)
    spikes, _ = episodes_done(settings, np.array([[[40.0]]]), np.zeros((1, 0)), n_windows=4)
    assert [step for step, _ in spikes] == fed_in_every_step(40.0, np.exp(-0.1 / 20), 4 * WINDOW)
    with pytest.raises(ValidationError, match=r"input_rate_Hz .* 10000, .* 10001"):
        Reservoir(input="poisson", input_rate_Hz=10_001, step_ms=0.1)
    Reservoir(input_rate_Hz=10_001, step_ms=0.1)  # currents have no rate


def fed_in_every_step(current: float, keep: float, n_steps: int) -> list[int]:
    """Spikes of a neuron that is refractory for 20 steps, and gets (1 - α) I after each step."""
    v, spikes = 0.0, list[int]()
    for step in range(n_steps):
        v *= keep
        if v > 1 and (not spikes or step >= spikes[-1] + 20):
            spikes.append(step)
            v -= 1
        v += (1 - keep) * current
    return spikes


def test_poisson_channels_bring_the_current_on_average() -> None:
    """The potential below threshold is Σ w c in the mean: 0.4, within five standard errors."""
    n_episodes, n_windows = 200, 30
    settings = Reservoir(n_neurons=1, input="poisson", input_rate_Hz=400.0)
    feeding, seeds = np.array([[[0.5], [0.2]]]), np.arange(n_episodes, dtype=np.uint64)
    with entered(settings, settings.circuit(), feeding, np.zeros((1, 0)), seeds) as (nets, batch):
        seen = []

        def between_windows(k: int) -> None:
            batch.array(*nets.entry)[:] = nets.shown(np.tile([0.6, 0.5], (n_episodes, 1)))
            if k > 10:  # five membrane time constants
                seen.append(batch.array("neurons", "v")[:, 0].copy())

        batch.run(n_windows, WINDOW, between_windows)
    each = np.mean(seen, axis=0)
    error = each.std() / np.sqrt(n_episodes)
    assert abs(each.mean() - 0.4) < 5 * error
    # Ten percent more would be seen.
    assert error < 0.04 / 10


def test_the_network_depends_on_its_seed_alone() -> None:
    one, same, other = (Reservoir(network=k, connectivity=1).circuit() for k in (3, 3, 4))
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(same, name))
    for name in ("delay_steps", "adaptive", "tau_adaptation_ms", "weights"):
        assert (getattr(one, name) != getattr(other, name)).any()
    wired = Reservoir(connectivity=0.3).circuit()
    # What is not about wiring does not redraw it.
    longer = Reservoir(connectivity=0.3, beta=1.0, longest_delay_ms=20, adaptive_share=0).circuit()
    np.testing.assert_array_equal(wired.pre, longer.pre)
    np.testing.assert_array_equal(wired.weights, longer.weights)
    assert (Reservoir().initial("a", (3, 4), 1.0) != Reservoir().initial("b", (3, 4), 1.0)).all()


def test_a_drawn_network_is_as_its_settings_say() -> None:
    settings = Reservoir(
        n_neurons=200,
        connectivity=0.2,
        adaptive_share=0.35,
        longest_delay_ms=4,
        recurrent_gain=0.7,
        tau_adaptation_ms=(100.0, 1000.0),
    )
    circuit = settings.circuit()
    n = circuit.pre.size
    assert (circuit.pre != circuit.post).all()
    # Five standard deviations each: 39,800 pairs, some 8,000 weights.
    assert abs(n - 0.2 * 39_800) < 5 * np.sqrt(39_800 * 0.2 * 0.8)
    assert circuit.adaptive.sum() == 70
    assert set(circuit.delay_steps) == {1, 2, 3, 4}
    scale = 0.7 / np.sqrt(0.2 * 199)
    assert settings.recurrent_scale == pytest.approx(scale)
    assert circuit.weights.std() == pytest.approx(scale, rel=5 / np.sqrt(2 * n))
    taus = circuit.tau_adaptation_ms
    assert 100 <= taus.min() < 130
    assert 770 < taus.max() <= 1000
    assert abs(np.mean(taus < np.sqrt(1e5)) - 0.5) < 5 * 0.5 / np.sqrt(200)


def test_dales_law_fixes_the_sign_of_a_neurons_synapses() -> None:
    settings = Reservoir(n_neurons=20, excitatory_share=0.75)
    circuit = settings.circuit()
    deviation = np.random.default_rng(0).standard_normal((3, circuit.pre.size))
    acting = circuit.acting(deviation)
    assert (acting[:, circuit.pre < 15] > 0).all()
    assert (acting[:, circuit.pre >= 15] < 0).all()
    # Three times as many excitatory neurons, inhibitory ones three times as strong.
    np.testing.assert_allclose(
        np.abs(acting),
        np.abs(circuit.weights + deviation) * np.where(circuit.pre < 15, 1.0, 3.0),
        rtol=1e-12,
    )
    without = Reservoir(n_neurons=20).circuit()
    np.testing.assert_array_equal(without.acting(deviation), without.weights + deviation)


def test_weighted_sums_are_those_of_each_episodes_weights() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal((6, 5)), rng.standard_normal((3, 5, 4))
    expected = [values[episode] @ weights[episode // 2] for episode in range(6)]
    found = weighted(values, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for episode in range(6):
        alone = weighted(values[episode : episode + 1], weights[episode // 2 : episode // 2 + 1])
        assert alone[0].tobytes() == found[episode].tobytes()


def test_ranges_of_time_constants_are_checked() -> None:
    with pytest.raises(ValidationError, match=r"low <= high"):
        Reservoir(tau_adaptation_ms=(200.0, 100.0))
    settings = Reservoir(tau_readout_ms=(20.0, 400.0))
    assert Reservoir(**settings.model_dump(mode="json")) == settings
