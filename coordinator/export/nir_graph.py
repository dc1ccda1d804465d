"""A learned LSNN as a graph of the Neuromorphic Intermediate Representation (NIR).

NIR's primitives (Pedersen et al. 2024, "Neuromorphic intermediate representation", Nature
Communications 15:8122; package ``nir``) are continuous in time. Its LIF and CubaLIF set the
potential to a fixed value after a spike, and none has an adapting threshold or a refractory time.
Only plain neurons without refractory time can be expressed, because their reset subtracts the
threshold: by a leaky integrator (LI), a ``Threshold``, and the way back

    spikes ─ Delay(dt) ─ Scale(−θ₀ / (1 − α)) ─► potential          α = exp(−dt / τ_m)

Spikes act on neurons a whole number of time steps later, so every loop has a ``Delay``:

    input ─ Linear(W_in) ─► potential ─► spikes ─ Delay(d dt) ─ Linear(W) ─► potential
    spikes ─► trace (LI) ─ Affine(W_out, bias) ─► output

To read it as it was trained, a spike is 1 for one time step, and an LI is solved exactly over a
step with constant input: x ← exp(−dt / τ) x + (1 − exp(−dt / τ)) (x_leak + R I). Times are in
seconds. ``metadata`` of the graph has the time step and what the channels are: of each the value or
centre that it stands for, and the width of its tuning curve (0: one-hot; ``channels``).
"""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export import frozen_network, input_encoding
from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.store import atomic_files
from spikeloop.workers.base import Unavailable
from spikeloop.workers.input_channels import InputChannels


def write(path: Path, learned: Learned) -> None:
    """Write the graph of a learned point as HDF5, which ``nir.read`` reads.

    Raises:
        ConfigError: the learner is not of kind ``lsnn``, or NIR cannot express it; it names why.
        Unavailable: ``nir`` or JAX is not installed.
    """
    nir = _package()
    network = frozen_network.freeze(learned, "nir")
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
        "a potential without memory (learner.tau_membrane_ms = 0)": not learner.tau_membrane_ms,
        "readouts without memory (learner.tau_readout_ms = 0)": not learner.tau_readout_ms,
    }
    return [words for words, stands in found.items() if stands]


def graph(network: FrozenNetwork) -> Any:
    """Build the ``nir.NIRGraph`` of a network without ``obstacles``."""
    nir = _package()
    learner, neurons = network.learner, network.circuit.neurons
    n, dt = neurons.n, learner.step_ms * 1e-3
    n_channels, n_readouts = network.inputs.shape[0], network.circuit.n_readouts

    def each(value: float) -> Any:
        return np.full(n, value)

    nodes = {
        "input": nir.Input({"input": np.array([n_channels])}),
        "input_weights": nir.Linear(network.inputs.T.copy()),
        "potential": nir.LI(each(learner.tau_membrane_ms * 1e-3), each(1.0), each(0.0)),
        "spikes": nir.Threshold(each(neurons.threshold)),
        "last_spikes": nir.Delay(each(dt)),
        "reset": nir.Scale(each(-neurons.threshold / (1 - neurons.alpha))),
        "axons": nir.Delay(network.delay * dt),
        "recurrent_weights": nir.Linear(network.recurrent.T.copy()),
        "trace": nir.LI(each(learner.tau_readout_ms * 1e-3), each(1.0), each(0.0)),
        "readout": nir.Affine(network.readout.T.copy(), network.bias),
        "output": nir.Output({"output": np.array([n_readouts])}),
    }
    edges = [
        *_chain("input", "input_weights", "potential", "spikes", "trace", "readout", "output"),
        *_chain("spikes", "last_spikes", "reset", "potential"),
        *_chain("spikes", "axons", "recurrent_weights", "potential"),
    ]
    about = {
        "dt": dt,
        "steps_per_decision": network.circuit.n_steps,
        "input": learner.input,
        "channels": _channels(learner.inputs(network.interface)),
        **input_encoding.arrays(learner.inputs(network.interface)),
        "time": "a spike is 1 for one step of dt seconds; an LI is solved exactly over each step",
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
