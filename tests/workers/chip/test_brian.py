"""The emulator agrees with Brian2 running the same equations, both without noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.brian_circuit import ROUNDING_V, begin_anew, neurons, routes, synapses
from support.chip_recording import Event, ideal_neurons, record, record_spikes

from spikeloop.workers.chip.capmem import NeuronConstants, ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import NO_ROW, Core, clone, new_core
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, ROUTER_ADDRESS_U6
from spikeloop.workers.chip.mismatch import synapse_gains, with_mismatch
from spikeloop.workers.chip.network import connect

pytestmark = [pytest.mark.brian, pytest.mark.filterwarnings("ignore")]

STEP_S = 1e-7
N_STEPS = 3000


def simulate(
    cells: NeuronConstants, core: Core, events: list[Event], n_steps: int, step_s: float = STEP_S
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What ``record`` gives of a chip with these neurons and this core's synapses, by Brian2.

    Args:
        cells: the neurons.
        core: a chip at rest; its synapses, drivers and routes are used.
        events: on the grid of ``step_s``.
        n_steps: steps to run.
        step_s: integration step.
    """
    import brian2 as b2

    begin_anew(step_s)
    group = neurons(cells, step_s)
    # An event before a step comes at the end of Brian2's step before. Only one event per row and
    # step is allowed there, so every event gets a source of its own.
    at = np.array([step for step, _, _ in events], dtype=np.int64)
    source = b2.SpikeGeneratorGroup(
        max(at.size, 1), np.arange(at.size), (at - 1) * step_s * b2.second, name="events"
    )
    outside = [(row, address_u6) for _, row, address_u6 in events]
    objects = [
        group,
        source,
        *synapses(core, source, outside, group, name="outside"),
        *synapses(core, group, routes(core), group, delay_s=core.delay * step_s, name="routed"),
    ]
    # Recorded at the start of the next step: after integration, threshold, events and reset.
    membrane = b2.StateMonitor(group, "v", record=True, when="start", name="membrane")
    spikes = b2.SpikeMonitor(group, name="spikes")
    network = b2.Network(*objects, membrane, spikes)
    network.run((n_steps + 1) * step_s * b2.second)
    fired = np.zeros((n_steps + 1, N_NEURONS), dtype=bool)
    fired[np.rint(spikes.t / (step_s * b2.second)).astype(int), np.asarray(spikes.i)] = True
    return np.asarray(membrane.v)[:, 1:].T, fired[:n_steps]


def unrouted(cells: NeuronConstants, weight_u6: NDArray[np.int64] | int) -> Core:
    """A chip with 24 excitatory rows and 8 inhibitory ones, whose spikes go nowhere."""
    core = new_core(cells, STEP_S)
    core.weight_u6[:] = np.broadcast_to(weight_u6, (N_ROWS, N_NEURONS)).ravel()
    core.row_sign[:24], core.row_sign[24:] = 1, -1
    core.route_row[:] = NO_ROW
    return core


def random_events(seed: int) -> list[Event]:
    """Events on random rows, about one every six steps."""
    rng = np.random.default_rng(seed)
    step = np.sort(rng.integers(1, N_STEPS, N_STEPS // 6))
    row = rng.integers(0, N_ROWS, step.size)
    return [(s, r, 0) for s, r in zip(step.tolist(), row.tolist(), strict=True)]


def test_post_synaptic_potentials_have_brians_shape() -> None:
    cells = with_mismatch(ideal_constants(neuron_codes(Circuit(), 6)), 20, calibrated=False)
    weight_u6 = np.zeros((N_ROWS, N_NEURONS), dtype=np.int64)
    weight_u6[0], weight_u6[31] = 15, 10
    core = unrouted(cells, weight_u6)
    events = [(10, 0, 0), (600, 31, 0), (900, 0, 0), (905, 31, 0)]
    theirs, their_spikes = simulate(cells, core, events, N_STEPS)
    ours, our_spikes = record(core, N_STEPS, events)
    assert not (our_spikes | their_spikes).any()
    assert np.abs(ours - theirs).max() < ROUNDING_V
    assert np.ptp(theirs, axis=0).min() > 1e-2


def test_spike_times_are_brians_to_the_step() -> None:
    circuit = Circuit(gm_exc_u10=365, gm_inh_u10=121)
    cells = with_mismatch(ideal_constants(neuron_codes(circuit, 6)), 20, calibrated=False)
    weight_u6 = np.random.default_rng(1).integers(0, 64, (N_ROWS, N_NEURONS))
    core, events = unrouted(cells, weight_u6), random_events(seed=2)
    theirs, their_spikes = simulate(cells, core, events, N_STEPS)
    ours, our_spikes = record(clone(core), N_STEPS, events)
    assert our_spikes.sum() > 500
    np.testing.assert_array_equal(our_spikes, their_spikes)
    assert np.abs(ours - theirs).max() < ROUNDING_V
    # The negative control of both tests: one event a step later is seen.
    moved = [(step + (k == 7), row, address) for k, (step, row, address) in enumerate(events)]
    assert np.abs(record(core, N_STEPS, moved).membrane_V - theirs).max() > 1e-3


def protocol(states: list[int], n_states: int, n_actions: int) -> tuple[list[Event], int]:
    """Events and steps of open-loop decisions: three kicks, settling, ten volleys, settling."""
    events, start = [], 0
    for state in states:
        events += [(start + 10 * k, (state + 1) % n_states, state) for k in range(3)]
        events += [
            (start + 230 + 10 * k, row, ROUTER_ADDRESS_U6)
            for k in range(10)
            for row in range(n_states, n_states + n_actions)
        ]
        start += 530
    return events, start


def test_the_decision_network_is_brians_with_the_routers_delay() -> None:
    """Five decisions on an uncalibrated chip: who fires, and in which step, with strides or not.

    It reverberates through the router, decides, and is pinned to the ground by inhibition. Spikes
    that came back a step late would change the trains.
    """
    n_states, n_actions = 6, 8
    cells = with_mismatch(ideal_constants(neuron_codes(Circuit(), n_states)), 20, calibrated=False)
    core = new_core(cells, STEP_S, gain=synapse_gains(20))
    connect(core, n_states, n_actions, inhibition_u6=40, pulse_u5=2)
    weight_u6 = core.weight_u6.reshape(N_ROWS, N_NEURONS)
    actions = slice(n_states, n_states + n_actions)
    weight_u6[:n_states, actions] = np.random.default_rng(4).integers(0, 64, (n_states, n_actions))
    events, n_steps = protocol([0, 3, 1, 5, 2], n_states, n_actions)

    # Brian2's events cannot precede its first step.
    shifted = [(step + 1, row, address) for step, row, address in events]
    theirs, their_spikes = simulate(cells, core, shifted, n_steps)
    ours, our_spikes = record(clone(core), n_steps, shifted)
    np.testing.assert_array_equal(our_spikes, their_spikes)
    assert np.abs(ours - theirs).max() < ROUNDING_V
    assert our_spikes[:, :n_states].sum() > 25
    assert our_spikes[:, actions].sum() >= 5
    assert theirs.min() == 0

    _, slow_spikes = simulate(cells, core._replace(delay=core.delay + 1), shifted, n_steps)
    assert not np.array_equal(slow_spikes, their_spikes)
    weights = np.uint32(1) << np.arange(N_NEURONS, dtype=np.uint32)
    masks = (their_spikes * weights).sum(axis=1)
    np.testing.assert_array_equal(record_spikes(core, n_steps, shifted), masks)


def test_driven_neurons_fire_at_brians_rates_whatever_their_refractory_time() -> None:
    """f-I curve by leak above threshold, with events that go on while neurons are held."""
    cells = ideal_neurons(
        v_leak_V=np.linspace(0.95, 1.5, N_NEURONS),
        v_thresh_V=1.0144,
        refractory_s=np.tile([0.0, 2e-7, 2e-6, 1.3e-5], 8),
        inh_A=2e-10,
    )
    core, events = unrouted(cells, 30), random_events(seed=3)
    _, their_spikes = simulate(cells, core, events, N_STEPS)
    _, our_spikes = record(core, N_STEPS, events)
    np.testing.assert_array_equal(our_spikes, their_spikes)
    counts = our_spikes.sum(axis=0)
    assert counts[0] < counts[28] / 2 > 10
    assert (np.diff(counts.reshape(8, 4), axis=0) >= 0).all()  # among equal refractory times


def test_spikes_approach_a_fine_reference_at_first_order() -> None:
    """Errors of 32 first spikes against Brian2 at 10 ns: between 0 and h, halved with the step.

    Events lie on all grids. The mean error is about half a step, give or take what 32 uniform
    numbers do, three deviations of their mean.
    """
    cells = with_mismatch(
        ideal_constants(neuron_codes(Circuit(gm_exc_u10=467), 0)), 7, calibrated=False
    )
    n_fine, fine_s = 2400, 1e-8
    coarse = [(n, 0, 0) for n in range(2, 25, 2)]  # one every 1.6 µs

    def on_grid(step_s: float) -> list[Event]:
        return [(round(n * 8e-7 / step_s), row, address) for n, row, address in coarse]

    def first_s(fired: NDArray[np.bool_], step_s: float) -> NDArray[np.float64]:
        assert fired.any(axis=0).all()
        return np.asarray((fired.argmax(axis=0) + 1) * step_s)

    _, fired = simulate(cells, unrouted(cells, 40), on_grid(fine_s), n_fine, fine_s)
    reference_s = first_s(fired, fine_s)
    assert np.unique(reference_s).size > 20
    steps_s, errors_s = 8e-7 / 2 ** np.arange(4), []
    for step_s in steps_s.tolist():
        core = unrouted(cells, 40)._replace(analog=new_core(cells, step_s).analog)
        _, fired = record(core, round(n_fine * fine_s / step_s), on_grid(step_s))
        late_s = first_s(fired, step_s) - reference_s
        assert (late_s > -1.1 * fine_s).all()
        assert (late_s < step_s).all()
        spread_s = step_s / np.sqrt(12 * N_NEURONS)
        assert late_s.mean() == pytest.approx((step_s - fine_s) / 2, abs=3 * spread_s)
        errors_s.append(late_s.mean())
    order = np.polyfit(np.log(steps_s), np.log(errors_s), 1)[0]
    assert order == pytest.approx(1.0, abs=0.25)
