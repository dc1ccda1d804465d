"""Recurrent networks against steps computed by hand, and alone against beside others."""

import numpy as np
import pytest
from pydantic import ValidationError

from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.learners.reservoir.batch import SPIKE_SUM, Reservoirs, reservoirs
from spikeloop.workers.learners.reservoir.circuit import RandomCircuit
from spikeloop.workers.learners.reservoir.network import Reservoir, weighted

WINDOW = 10
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
    n_episodes: int = 1,
    factors: dict[str, FloatArray] | None = None,
    circuit: RandomCircuit | None = None,
    channels: FloatArray | None = None,
    seeds: SeedArray | None = None,
) -> tuple[list[tuple[int, int, int]], list[FloatArray]]:
    """Spikes as (episode, neuron, step), and filtered spikes at the end of each window."""
    circuit = circuit or settings.circuit()
    blueprint = settings.blueprint(circuit, feeding.shape[1], WINDOW)
    shown = np.ones((n_episodes, feeding.shape[1])) if channels is None else channels
    spike_sum = []
    with network(blueprint, n_episodes, record=("neurons",)) as batch:
        batch.reset(np.arange(n_episodes, dtype=np.uint64) if seeds is None else seeds)
        nets = reservoirs(settings, circuit, WINDOW, recurrent, feeding, factors or {})
        enter(nets, batch)
        total = filtered = np.zeros((n_episodes, settings.n_neurons))

        def between_windows(k: int) -> None:
            nonlocal total, filtered
            if k:
                now = batch.array(*SPIKE_SUM)
                filtered, total = nets.filtered(filtered, now - total), now.copy()
                spike_sum.append(filtered)
            batch.array(*nets.entry)[:] = nets.shown(shown)

        batch.run(n_windows, WINDOW, between_windows)
        spikes = list(zip(*(x.tolist() for x in batch.spikes("neurons")), strict=True))
    return spikes, spike_sum


def enter(nets: Reservoirs, batch: BatchedNetwork) -> None:
    for variable, values in nets.start.items():
        batch.array(*variable)[:] = np.repeat(values, batch.n_episodes // len(values), axis=0)


def by_hand(
    current: FloatArray, weights: FloatArray, n_steps: int, delay: int = 1
) -> list[tuple[int, int]]:
    """Spikes (neuron, step) of the equations of the module's docstring, one line each."""
    keep, keep_a = np.exp(-1 / 20), np.exp(-1 / 50)
    v, a, ready = np.zeros(2), np.zeros(2), np.zeros(2)
    spikes: list[tuple[int, int]] = []
    for step in range(n_steps):
        v = keep * v + (1 - keep) * current
        a = keep_a * a
        fired = [i for i in range(2) if v[i] > 1 + a[i] and step >= ready[i]]
        for i in fired:
            spikes.append((i, step))
            v[i] -= 1 + a[i]
            a[i] += 0.3
            ready[i] = step + 3
        for i, at in spikes:
            if at == step + 1 - delay:
                v[1 - i] += weights[i]
    return spikes


def test_spikes_are_those_of_the_equations() -> None:
    current = np.array([[[6.0, 3.0]]])
    weights = np.array([[0.4, -0.2]])  # 0 to 1, 1 to 0
    spikes, _ = episodes_done(PAIR, current, weights)
    expected = by_hand(current[0, 0], weights[0], 3 * WINDOW)
    assert [(neuron, step) for _, neuron, step in spikes] == expected
    assert len(expected) > 6
    # The weights matter here.
    assert expected != by_hand(current[0, 0], 0 * weights[0], 3 * WINDOW)


def test_a_spike_arrives_after_its_delay() -> None:
    settings = PAIR.model_copy(update={"longest_delay_ms": 7.0})
    circuit = RandomCircuit(**{**vars(settings.circuit()), "delay_steps": np.array([7, 7])})
    feeding, weights = np.array([[[6.0, 0.0]]]), np.array([[1.5, 0.0]])
    spikes, _ = episodes_done(settings, feeding, weights, circuit=circuit)
    first = min(step for _, neuron, step in spikes if neuron == 0)
    echo = min(step for _, neuron, step in spikes if neuron == 1)
    assert echo - first == 7
    expected = by_hand(feeding[0, 0], weights[0], 3 * WINDOW, delay=7)
    assert [(neuron, step) for _, neuron, step in spikes] == expected


@pytest.mark.parametrize(("part", "fires"), [(1 - 1e-9, False), (1 + 1e-9, True)])
def test_the_threshold_sees_what_the_leak_has_left_of_a_jump(part: float, fires: bool) -> None:
    """α_m w, and not w: a weight of 1 / α_m reaches the threshold of 1, and no more."""
    weight = part * np.exp(1 / 20)
    spikes, _ = episodes_done(
        PAIR, np.array([[[30.0, 0.0]]]), np.array([[weight, 0.0]]), n_windows=1
    )
    assert spikes[0] == (0, 0, 0)
    assert ((0, 1, 1) in spikes) == fires


def test_synaptic_currents_move_the_potential_as_much_as_a_jump() -> None:
    """Without leak, a current of any time constant brings w in the end."""
    circuit = PAIR.circuit()
    still = PAIR.model_copy(
        update={"tau_membrane_ms": 1e6, "tau_synapse_ms": 3.0, "longest_delay_ms": 1.0}
    )
    feeding = np.zeros((1, 1, 2))  # neuron 0 is put above its threshold by hand
    with network(still.blueprint(circuit, 1, WINDOW), 1, record=("neurons",)) as batch:
        batch.reset(np.zeros(1, dtype=np.uint64))
        enter(reservoirs(still, circuit, WINDOW, np.array([[0.5, 0.0]]), feeding, {}), batch)

        def between_windows(k: int) -> None:
            if k == 0:
                batch.array("neurons", "v")[0, 0] = 1.5

        batch.run(8, WINDOW, between_windows)
        assert batch.spikes("neurons")[1].tolist() == [0]
        assert batch.array("neurons", "v")[0, 1] == pytest.approx(0.5, rel=1e-3)


def test_filtered_spikes_are_per_decision() -> None:
    settings = PAIR.model_copy(update={"tau_readout_ms": (15.0, 15.0)})
    spikes, spike_sum = episodes_done(
        settings, np.array([[[6.0, 3.0]]]), np.zeros((1, 2)), n_windows=4
    )
    keep = np.exp(-1 / 15)
    trace, fired = np.zeros(2), {(neuron, step) for _, neuron, step in spikes}
    for step in range(4 * WINDOW):
        now = np.array([(0, step) in fired, (1, step) in fired])
        trace = keep * trace + (1 - keep) * WINDOW * now
        if (step + 1) % WINDOW == 0:
            np.testing.assert_allclose(spike_sum[step // WINDOW][0], trace, rtol=1e-12)
    assert trace.all()


def test_factors_multiply_physical_values_of_their_candidate() -> None:
    names = ("tau_membrane", "tau_adaptation", "beta", "tau_synapse", "tau_readout")
    plain = PAIR.model_copy(update={"tau_synapse_ms": 4.0})
    other = Reservoir(
        **{
            **plain.model_dump(),
            "tau_membrane_ms": 40.0,
            "tau_adaptation_ms": (25.0, 25.0),
            "beta": 0.9,
            "tau_synapse_ms": 6.0,
            "tau_readout_ms": (60.0, 60.0),
        }
    )
    factors = dict(
        zip(names, np.array([[1, 2.0], [1, 0.5], [1, 3], [1, 1.5], [1, 3]]), strict=True)
    )
    feeding, weights = np.array([[[6.0, 3.0]]]), np.array([[0.4, -0.2]])
    _, both = episodes_done(
        plain, np.repeat(feeding, 2, 0), np.repeat(weights, 2, 0), n_episodes=2, factors=factors
    )
    for episode, settings in enumerate((plain, other)):
        _, alone = episodes_done(settings, feeding, weights)
        for of_both, of_one in zip(both, alone, strict=True):
            np.testing.assert_allclose(of_both[episode], of_one[0], rtol=1e-9)


def test_the_shortest_time_constants_leave_the_last_step() -> None:
    plain = {"tau_readout_ms": (0.1, 0.1), "refractory_ms": 0.0, "adaptive_share": 0.0}
    settings = PAIR.model_copy(update=plain)
    feeding = np.array([[[50.0, 0.0]]])
    _, spike_sum = episodes_done(
        settings, feeding, np.zeros((1, 2)), factors={"tau_readout": np.array([1e-3])}
    )
    # A spike in every step, of which the last one counts.
    np.testing.assert_allclose(spike_sum[-1], [[WINDOW, 0.0]])


@pytest.mark.parametrize(("kind", "tau_synapse_ms"), [("current", 0.0), ("poisson", 5.0)])
def test_an_episode_has_the_same_spikes_alone_and_beside_others(
    kind: str, tau_synapse_ms: float
) -> None:
    settings = Reservoir.model_validate(
        {"n_neurons": 12, "input": kind, "tau_synapse_ms": tau_synapse_ms, "connectivity": 0.6}
    )
    circuit, rng = settings.circuit(), np.random.default_rng(0)
    recurrent = circuit.acting(0.3 * rng.standard_normal((2, circuit.pre.size)))
    feeding, channels = 6 * rng.standard_normal((2, 3, 12)), rng.random((6, 3))
    seeds = rng.integers(0, 2**64, 6, dtype=np.uint64)
    spikes, spike_sum = episodes_done(
        settings, feeding, recurrent, n_episodes=6, channels=channels, seeds=seeds, circuit=circuit
    )
    assert len(spikes) > 100
    for episode in range(6):
        c, row = episode // 3, slice(episode, episode + 1)
        alone, heard_alone = episodes_done(
            settings, feeding[c : c + 1], recurrent[c : c + 1], channels=channels[row],
            seeds=seeds[row], circuit=circuit,
        )  # fmt: skip
        assert alone == [(0, neuron, step) for of, neuron, step in spikes if of == episode]
        for a, b in zip(heard_alone, spike_sum, strict=True):
            assert a[0].tobytes() == b[episode].tobytes()


def test_poisson_channels_fire_once_a_step_at_most() -> None:
    """At the limit they do in every step and bring the current; more is refused."""
    settings = Reservoir(n_neurons=1, input="poisson", input_rate_Hz=10_000, step_ms=0.1)
    spikes, _ = episodes_done(settings, np.array([[[40.0]]]), np.zeros((1, 0)), n_windows=4)
    assert [step for *_, step in spikes] == fed_in_every_step(40.0, np.exp(-0.1 / 20), 4 * WINDOW)
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
    circuit = settings.circuit()
    with network(settings.blueprint(circuit, 2, WINDOW), n_episodes) as batch:
        batch.reset(np.arange(n_episodes, dtype=np.uint64))
        feeding = np.array([[[0.5], [0.2]]])
        nets = reservoirs(settings, circuit, WINDOW, np.zeros((1, 0)), feeding, {})
        enter(nets, batch)
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
