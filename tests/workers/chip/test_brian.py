"""The emulator against Brian2 running the same equations, both without noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from recording import record

from spikeloop.workers.chip.capmem import Neurons, physical
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import NO_ROW, new_core
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS
from spikeloop.workers.chip.mismatch import mismatched

pytestmark = [pytest.mark.brian, pytest.mark.filterwarnings("ignore")]

STEP_S = 1e-7
N_STEPS = 3000
# Half a unit in the last place of a float32 membrane per step, summed over up to two hundred steps
# of memory: an eightieth of a code.
ROUNDING_V = 2e-5
EQUATIONS = """
dv/dt = (v_leak - v + exc * i_exc - inh * i_inh) / tau_mem : 1 (unless refractory)
di_exc/dt = -i_exc / tau_exc : 1
di_inh/dt = -i_inh / tau_inh : 1
v_leak : 1
v_thresh : 1
v_reset : 1
exc : 1
inh : 1
tau_mem : second
tau_exc : second
tau_inh : second
hold : second
"""


def events(seed: int) -> list[tuple[int, int]]:
    """(step, row) of random events, about one every six steps, sorted."""
    rng = np.random.default_rng(seed)
    step = np.sort(rng.integers(1, N_STEPS, N_STEPS // 6))
    return list(zip(step.tolist(), rng.integers(0, N_ROWS, step.size).tolist(), strict=True))


def emulate(
    cells: Neurons, weight: NDArray[np.uint8], spikes_in: list[tuple[int, int]]
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]]:
    """Membranes after each step, and the steps in which each neuron fired; routing is off."""
    core = new_core(cells, STEP_S)
    core.weight_u6[:] = weight.ravel()
    core.row_sign[:] = np.where(np.arange(N_ROWS) < 24, 1, -1)
    core.route_row[:] = NO_ROW
    membrane_V, fired = record(core, N_STEPS, [(step, row, 0) for step, row in spikes_in])
    return membrane_V, [np.flatnonzero(fired[:, j]) for j in range(N_NEURONS)]


def simulate(
    cells: Neurons, weight: NDArray[np.uint8], spikes_in: list[tuple[int, int]]
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]]:
    """The same by Brian2, in double precision."""
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    b2.start_scope()
    b2.defaultclock.dt = STEP_S * b2.second
    group = b2.NeuronGroup(
        N_NEURONS,
        EQUATIONS,
        threshold="v >= v_thresh",
        reset="v = v_reset",
        refractory="hold",
        method="exact",
        name="cells",
    )
    group.v = group.v_leak = cells.v_leak_V
    group.v_thresh, group.v_reset = cells.v_thresh_V, cells.v_reset_V
    group.exc, group.inh = cells.exc_V, cells.inh_V
    group.tau_mem = cells.tau_mem_s * b2.second
    group.tau_exc = cells.tau_exc_s * b2.second
    group.tau_inh = cells.tau_inh_s * b2.second
    # Brian2 counts from the start of the step in which a neuron fired, the emulator from its end.
    group.hold = (np.rint(cells.refractory_s / STEP_S) + 1) * STEP_S * b2.second
    steps_in, rows = (np.array(x) for x in zip(*spikes_in, strict=True))
    # Brian2 delivers after a step's integration, the emulator before it: one step earlier. Only one
    # event per row and step is allowed there, so every event gets a source of its own.
    source = b2.SpikeGeneratorGroup(
        steps_in.size, np.arange(steps_in.size), (steps_in - 1) * STEP_S * b2.second, name="events"
    )
    objects = [group, source]
    for sign, line in ((1, "i_exc"), (-1, "i_inh")):
        chosen = np.flatnonzero((rows < 24) == (sign > 0))
        synapses = b2.Synapses(
            source, group, "w : 1", on_pre=f"{line}_post += w", name=f"to_{line}"
        )
        i, j = np.repeat(chosen, N_NEURONS), np.tile(np.arange(N_NEURONS), chosen.size)
        synapses.connect(i=i, j=j)
        synapses.w = weight[rows[i], j]
        objects.append(synapses)
    # Recorded at the start of the next step: after integration, threshold, events and reset.
    membrane = b2.StateMonitor(group, "v", record=True, when="start", name="membrane")
    spikes = b2.SpikeMonitor(group, name="spikes")
    network = b2.Network(*objects, membrane, spikes)
    network.run((N_STEPS + 1) * STEP_S * b2.second)
    trains = spikes.spike_trains()
    steps = [np.rint(trains[j] / (STEP_S * b2.second)).astype(np.int64) for j in range(N_NEURONS)]
    return np.asarray(membrane.v)[:, 1:].T, [s[s < N_STEPS] for s in steps]


def test_post_synaptic_potentials_have_brians_shape() -> None:
    cells = mismatched(physical(neuron_codes(Circuit(), 6)), 20, calibrated=False)
    weight = np.zeros((N_ROWS, N_NEURONS), dtype=np.uint8)
    weight[0], weight[31] = 15, 10
    spikes_in = [(10, 0), (600, 31), (900, 0), (905, 31)]
    ours, our_spikes = emulate(cells, weight, spikes_in)
    theirs, their_spikes = simulate(cells, weight, spikes_in)
    assert not any(train.size for train in (*our_spikes, *their_spikes))
    assert np.abs(ours - theirs).max() < ROUNDING_V
    assert np.ptp(theirs, axis=0).min() > 1e-2


def test_spike_times_are_brians_to_the_step() -> None:
    circuit = Circuit(gm_exc_u10=547, gm_inh_u10=182)
    cells = mismatched(physical(neuron_codes(circuit, 6)), 20, calibrated=False)
    weight = np.random.default_rng(1).integers(0, 64, (N_ROWS, N_NEURONS)).astype(np.uint8)
    ours, our_spikes = emulate(cells, weight, events(seed=2))
    theirs, their_spikes = simulate(cells, weight, events(seed=2))
    assert sum(train.size for train in our_spikes) > 500
    for our, their in zip(our_spikes, their_spikes, strict=True):
        np.testing.assert_array_equal(our, their)
    # The negative control of both tests: one event a step later is seen.
    moved = [(step + (k == 7), row) for k, (step, row) in enumerate(events(seed=2))]
    assert np.abs(emulate(cells, weight, sorted(moved))[0] - theirs).max() > 1e-3
    assert np.abs(ours - theirs).max() < ROUNDING_V
