"""How long Brian2 and the chip emulator need for the same decisions of the same network.

Run ``python benchmarks/chip/emulator_and_brian.py``; it takes some minutes on one core. The network
is that of an episode in an environment of 6 states and 8 actions: 32 neurons with noise and
calibrated mismatch, steps of 0.1 µs, spikes that come back through the router 1 µs later, and the
published protocol of kicks and silencing volleys, 53 µs of chip time a decision. States follow a
fixed random sequence and weights stay as they were drawn: Brian2 has no plasticity processor, so
there is none on either side.

Brian2 gets what makes it fast: one NeuronGroup, one Synapses object for the router and one for the
stimuli, both kinds of input in each; noise is ``xi``, and episodes side by side share one network.
Each row runs in a process of its own. Building, compiling and the first step are not counted.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.store.manifest import processor
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, clone, new_core
from spikeloop.workers.chip.limits import (
    DECISION_CYCLES,
    N_NEURONS,
    N_ROWS,
    N_SILENCE_SPIKES,
    PPU_HZ,
    V_MAX_V,
)
from spikeloop.workers.chip.mismatch import neurons_of_chip, synapse_gains
from spikeloop.workers.chip.network import connect, stimulus_row
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.router import advance
from spikeloop.workers.kernels import routine
from spikeloop.workers.learners.chip.episode import (
    DecisionProtocol,
    decision_protocol,
    silence,
    stimulate,
)

S, A = 6, 8
CHIP = 20
CIRCUIT = Circuit()
DECISION_S = DECISION_CYCLES / PPU_HZ

# Simulator, episodes side by side, decisions of each.
ROWS = (
    ("emulator", 1, 20_000),
    ("numpy", 1, 100),
    ("numpy", 50, 20),
    ("cython", 1, 100),
    ("cython", 50, 20),
    ("cpp_standalone", 1, 400),
    ("cpp_standalone", 50, 40),
)
COMPILED = ("cython", "cpp_standalone")

EQUATIONS = """
dv/dt = (v_leak - v + exc * i_exc - inh * i_inh) / tau_mem
    + noise * sqrt(2 / tau_mem) * xi : 1 (unless refractory)
di_exc/dt = -i_exc / tau_exc : 1
di_inh/dt = -i_inh / tau_inh : 1
v_leak : 1 (constant)
v_thresh : 1 (constant)
v_reset : 1 (constant)
exc : 1 (constant)
inh : 1 (constant)
tau_mem : second (constant)
tau_exc : second (constant)
tau_inh : second (constant)
hold : second (constant)
"""


def neurons() -> NeuronConstants:
    return neurons_of_chip(neuron_codes(CIRCUIT, S), CHIP, "calibrated")


def network(episode: int) -> Core:
    """The chip with the network, whose weights are those of this episode."""
    core = new_core(
        neurons(),
        CIRCUIT.step_s,
        noise_V=CIRCUIT.noise_V,
        router_delay_cycles=CIRCUIT.router_delay_cycles,
        gain=synapse_gains(CHIP, "calibrated"),
    )
    connect(core, S, A, inhibition_u6=35, pulse_u5=CIRCUIT.pulse_u5)
    weights_u6 = np.random.default_rng(episode).integers(20, 64, (S, A))
    core.weight_u6.reshape(N_ROWS, N_NEURONS)[:S, S : S + A] = weights_u6
    return core


def visited(episode: int, n_decisions: int) -> NDArray[np.int64]:
    """The sequence of states."""
    return np.random.default_rng([episode, 1]).integers(0, S, n_decisions)


@routine
def open_loop(core: Core, states: NDArray[np.int64], protocol: DecisionProtocol) -> int:
    """Runs the protocol for every state and returns the number of spikes."""
    n_spikes = 0
    for state in states:
        stimulate(core, state, S, protocol)
        silence(core, S, A, protocol)
        advance(core, protocol.settle)
        n_spikes += core.counters_u10.sum()  # all since ``stimulate`` cleared them
    return n_spikes


def emulate(n_decisions: int) -> tuple[float, float]:
    """Wall time, and spikes a decision, of one episode on the emulator."""
    prepared, protocol, states = network(0), decision_protocol(CIRCUIT), visited(0, n_decisions)
    open_loop(clone(prepared), states[:1], protocol)
    core = clone(prepared)
    seed_words(np.uint64(1), core.lanes)
    started = time.perf_counter()
    n_spikes = open_loop(core, states, protocol)
    return time.perf_counter() - started, n_spikes / n_decisions


def stimuli(episode: int, n_decisions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Source and step of every event: source k < S kicks state k, source S + k is action k."""
    protocol = decision_protocol(CIRCUIT)
    length = round(DECISION_S / CIRCUIT.step_s)
    source, step = [], []
    for decision, state in enumerate(visited(episode, n_decisions)):
        start = decision * length + 1  # of all alike: the first step is not timed
        for k in range(protocol.n_stimulus_spikes):
            source.append(state)
            step.append(start + k * protocol.spike_interval)
        start += protocol.n_stimulus_spikes * protocol.spike_interval + protocol.settle
        for k in range(N_SILENCE_SPIKES):
            source += range(S, S + A)
            step += [start + k * protocol.spike_interval] * A
    return np.array(source), np.array(step)


def synapses(core: Core) -> dict[str, list[tuple[int, int, float, float]]]:
    """Synapses of the router and the stimuli: source, neuron, excitation and inhibition."""
    shape = (N_ROWS, N_NEURONS)
    label_u6, weight_u6 = core.label_u6.reshape(shape), core.weight_u6.reshape(shape)
    strength = weight_u6 * core.gain.reshape(shape) * core.pulse_u5[:, None]
    of_stimulus = [(int(stimulus_row(np.array([s]), S)[0]), s) for s in range(S)]
    routed = list(enumerate(core.route_label_u6.tolist()))
    found = {}
    for name, events in (("routed", routed), ("stimuli", of_stimulus + routed[S : S + A])):
        found[name] = [
            (
                source,
                int(column),
                float(strength[row, column] * (core.row_sign[row] > 0)),
                float(strength[row, column] * (core.row_sign[row] < 0)),
            )
            for source, (row, address_u6) in enumerate(events)
            for column in np.flatnonzero((label_u6[row] == address_u6) & (weight_u6[row] > 0))
        ]
    return found


def simulate(target: str, n_episodes: int, n_decisions: int) -> tuple[float, float]:
    """Wall time, and spikes a decision, of episodes side by side in one Brian2 network."""
    import brian2 as b2

    b2.BrianLogger.log_level_error()
    folder = tempfile.mkdtemp()
    if target == "cpp_standalone":
        b2.set_device("cpp_standalone", build_on_run=False, directory=folder)
    else:
        b2.prefs.codegen.target = target
    b2.defaultclock.dt = CIRCUIT.step_s * b2.second
    b2.seed(1)

    cells = neurons()
    tiled = {f.name: np.tile(getattr(cells, f.name), n_episodes) for f in fields(NeuronConstants)}
    group = b2.NeuronGroup(
        n_episodes * N_NEURONS,
        EQUATIONS,
        threshold="v >= v_thresh",
        reset="v = v_reset",
        refractory="hold",
        method="euler",
        namespace={"noise": CIRCUIT.noise_V, "v_max": V_MAX_V},
    )
    group.run_regularly("v = clip(v, 0, v_max)", when="after_groups")
    group.v = group.v_leak = tiled["v_leak_V"]
    group.v_thresh, group.v_reset = tiled["v_thresh_V"], tiled["v_reset_V"]
    group.exc, group.inh = (np.tile(drive_V, n_episodes) for drive_V in (cells.exc_V, cells.inh_V))
    group.tau_mem = tiled["tau_mem_s"] * b2.second
    group.tau_exc = tiled["tau_exc_s"] * b2.second
    group.tau_inh = tiled["tau_inh_s"] * b2.second
    group.hold = (np.rint(tiled["refractory_s"] / CIRCUIT.step_s) + 1) * CIRCUIT.step_s * b2.second

    drawn = [stimuli(episode, n_decisions) for episode in range(n_episodes)]
    source = np.concatenate(
        [episode * (S + A) + sources for episode, (sources, _) in enumerate(drawn)]
    )
    step = np.concatenate([steps for _, steps in drawn])
    generator = b2.SpikeGeneratorGroup(
        n_episodes * (S + A), source, step * CIRCUIT.step_s * b2.second, sorted=False
    )
    cores = [network(episode) for episode in range(n_episodes)]
    delay = cores[0].delay * CIRCUIT.step_s * b2.second
    objects: list[Any] = [group, generator]
    for name, pre, width, later in (
        ("routed", group, N_NEURONS, delay),
        ("stimuli", generator, S + A, 0 * b2.second),
    ):
        i, j, w_exc, w_inh = (
            np.array(column)
            for column in zip(
                *(
                    (episode * width + source, episode * N_NEURONS + neuron, *weights)
                    for episode, core in enumerate(cores)
                    for source, neuron, *weights in synapses(core)[name]
                ),
                strict=True,
            )
        )
        connection = b2.Synapses(
            pre,
            group,
            "w_exc : 1 (constant)\nw_inh : 1 (constant)",
            on_pre="i_exc_post += w_exc\ni_inh_post += w_inh",
            delay=later,
        )
        connection.connect(i=i, j=j)
        connection.w_exc, connection.w_inh = w_exc, w_inh
        objects.append(connection)
    counter = b2.SpikeMonitor(group, record=False)  # the chip has spike counters too
    net = b2.Network(*objects, counter)

    duration = n_decisions * DECISION_S * b2.second
    if target == "cpp_standalone":
        net.run(duration)
        b2.device.build(directory=folder, compile=True, run=False)
        started = time.perf_counter()
        b2.device.run(directory=folder, with_output=False, run_args=[])
    else:
        net.run(CIRCUIT.step_s * b2.second)  # generates, and compiles, all code
        started = time.perf_counter()
        net.run(duration)
    wall_s = time.perf_counter() - started
    n_spikes = int(np.asarray(counter.count).sum())
    shutil.rmtree(folder)
    return wall_s, n_spikes / n_episodes / n_decisions


def measure(simulator: str, n_episodes: int, n_decisions: int) -> None:
    """Prints one row's wall time and spikes a decision."""
    if simulator == "emulator":
        result = emulate(n_decisions)
    else:
        result = simulate(simulator, n_episodes, n_decisions)
    print(json.dumps(result))


def row(simulator: str, n_episodes: int, n_decisions: int) -> str:
    """One line of the table, measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--row", simulator, str(n_episodes), str(n_decisions)],
        capture_output=True,
        text=True,
        check=True,
    )
    wall_s, n_spikes = json.loads(done.stdout.splitlines()[-1])
    slower = wall_s / n_episodes / (n_decisions * DECISION_S)
    name = "emulator" if simulator == "emulator" else f"Brian2, {simulator}"
    return (
        f"| {name} | {n_episodes} | {n_decisions} | {wall_s:.3g} | {slower:,.3g} | {n_spikes:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        simulator, n_episodes, n_decisions = arguments.row
        measure(simulator, int(n_episodes), int(n_decisions))
        return
    print(f"{processor()}, {os.cpu_count()} cores, one used; Python {platform.python_version()}")
    print()
    print(
        "| simulator | episodes at once | decisions each | wall time (s) "
        "| × slower than the chip, per episode | spikes a decision |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for simulator, n_episodes, n_decisions in ROWS:
        if simulator in COMPILED and shutil.which("g++") is None:
            print(f"| Brian2, {simulator} | {n_episodes} | no compiler | | | |")
            continue
        print(row(simulator, n_episodes, n_decisions), flush=True)


if __name__ == "__main__":
    main()
