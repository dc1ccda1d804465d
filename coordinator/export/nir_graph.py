"""A learned LSNN as a graph of the Neuromorphic Intermediate Representation (NIR).

NIR (Pedersen et al. 2024, "Neuromorphic intermediate representation", Nature Communications
15:8122; package ``nir``) describes neurons by equations in continuous time; those who read a graph
choose the time step, and most solve it by Euler's method with steps of 0.1 ms, which snnTorch has
fixed in its code. A trained network is a map from one time step to the next. So the graph is
written for such a reader: one step of the network is one step of ``STEP_S``, and the time constants
are those with which Euler's method has the network's own decays,

    τ_mem = dt / (1 − α)    τ_syn = dt    R = τ_mem / dt    w_in = 1    v_threshold = θ₀ / (1 − α)

with which a CubaLIF is, in units of (1 − α) of the network's potential,

    v ← α v + I              a spike where v > v_threshold, after which v is 0

The neurons and their loop are

    input ─ Linear(W_in) ─► neurons (CubaLIF) ─ Linear(W_out) ─► output
    neurons ─ Linear(identity) ─ Linear(W) ─► neurons

A loop needs one step by itself. The identity is there because snnTorch 1.0 takes a loop of two
nodes for a layer of its own kind, and sends the inputs through the recurrent weights. The output is
what spikes bring to the readouts in one time step. Neither snnTorch nor Norse reads a leaky
integrator (LI), so its filter and bias are numbers in ``metadata``: readouts are y + bias, with
y ← κ y + (1 − κ) output. ``metadata`` has also the steps, and what the channels are: of each the
value or centre that it stands for, and the width of its tuning curve (0: one-hot; ``channels``).

NIR has no neurons with adapting threshold, refractory time or a reset by subtraction, and readers
have no delays of whole steps, so networks that use these are refused.
"""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export import input_encoding, learned_network
from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.store import atomic_files
from spikeloop.workers.base import Unavailable
from spikeloop.workers.input_channels import InputChannels

STEP_S = 1e-4
"""Seconds that a time step has in the graph: the step of snnTorch's reader (snntorch 1.0.0,
``import_nir.py``); Norse takes it as ``from_nir(graph, dt=1e-4)``."""


def write(path: Path, learned: Learned) -> None:
    """Write the graph of a learned point as HDF5, which ``nir.read`` reads.

    Raises:
        ConfigError: the learner is not of kind ``lsnn``, or NIR cannot express it; it names why.
        Unavailable: ``nir`` is not installed.
    """
    nir = _package()
    network = learned_network.freeze(learned, "nir")
    if found := obstacles(network):
        raise ConfigError(
            f"{learned.source}: NIR cannot express {' nor '.join(found)}; train without, or "
            "export with --to brian2"
        )
    buffer = io.BytesIO()
    nir.write(buffer, graph(network))
    atomic_files.write_bytes(path, buffer.getvalue())


def obstacles(network: FrozenNetwork) -> list[str]:
    """List what NIR cannot express of a network, with the settings that ask for it."""
    learner, neurons = network.learner, network.circuit.neurons
    share, beta = f"learner.adaptive_share = {learner.adaptive_share}", f"beta = {learner.beta}"
    found = {
        f"adapting thresholds ({share}, {beta})": bool(neurons.beta.any()),
        f"a refractory time (learner.refractory_ms = {learner.refractory_ms})": bool(
            neurons.refractory
        ),
        'a reset by subtraction (learner.reset = "subtract")': not neurons.reset_to_zero,
        f"delays of other than one step (learner.delays_ms = {list(learner.delays_ms)})": bool(
            (network.delay != 1).any()
        ),
    }
    return [words for words, stands in found.items() if stands]


def graph(network: FrozenNetwork) -> Any:
    """Build the ``nir.NIRGraph`` of a network without ``obstacles``."""
    nir = _package()
    learner, neurons = network.learner, network.circuit.neurons
    n, leak = neurons.n, 1 - neurons.alpha
    n_channels, n_readouts = network.inputs.shape[0], network.circuit.n_readouts

    def each(value: float) -> Any:
        return np.full(n, value)

    nodes = {
        "input": nir.Input({"input": np.array([n_channels])}),
        "input_weights": nir.Linear(network.inputs.T.copy()),
        "neurons": nir.CubaLIF(
            tau_syn=each(STEP_S),
            tau_mem=each(STEP_S / leak),
            r=each(1 / leak),
            v_leak=each(0.0),
            v_threshold=each(neurons.threshold / leak),
            w_in=each(1.0),
        ),
        "axons": nir.Linear(np.eye(n)),
        "recurrent_weights": nir.Linear(network.recurrent.T.copy()),
        "readout": nir.Linear(network.readout.T.copy()),
        "output": nir.Output({"output": np.array([n_readouts])}),
    }
    edges = [  # the loop before the way out, because Norse's output is that of the last node
        *_chain("input", "input_weights", "neurons", "axons", "recurrent_weights", "neurons"),
        *_chain("neurons", "readout", "output"),
    ]
    about = {
        "dt": STEP_S,
        "step_ms": learner.step_ms,
        "steps_per_decision": network.circuit.n_steps,
        "readout_decay": network.circuit.kappa,
        "readout_bias": network.bias,
        "input": learner.input,
        "channels": _channels(learner.inputs(network.interface)),
        **input_encoding.arrays(learner.inputs(network.interface)),
        "time": "a step of step_ms is written as one step of dt seconds; a spike is 1 for one step",
    }
    return nir.NIRGraph(nodes, edges, metadata=about)


def _chain(*names: str) -> list[tuple[str, str]]:
    return list(pairwise(names))


def _channels(inputs: InputChannels) -> str:
    """For example "action 0-1, feedback 2-3, bias 4"."""
    return ", ".join(
        f"{g.name} {g.start}" if g.n == 1 else f"{g.name} {g.start}-{g.start + g.n - 1}"
        for g in inputs.groups
    )


def _package() -> Any:
    try:
        import nir
    except ImportError as error:
        cause = "" if error.name == "nir" else f" ({error})"
        raise Unavailable(f"--to nir needs NIR: pip install 'spikeloop[nir]'{cause}") from error
    return nir
