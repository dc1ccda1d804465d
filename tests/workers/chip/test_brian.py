"""The emulator agrees with Brian2 running the same equations, both without noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.brian_circuit import ROUNDING_V, begin_anew, neurons, routes, synapses
from support.chip_recording import Event, record

from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import NO_ROW, Core, clone, new_core
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS
from spikeloop.workers.chip.mismatch import neurons_of_chip

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
    cells = neurons_of_chip(neuron_codes(Circuit(), 6), 20, "uncalibrated")
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
    cells = neurons_of_chip(neuron_codes(circuit, 6), 20, "uncalibrated")
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
