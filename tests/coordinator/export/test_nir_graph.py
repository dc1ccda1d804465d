"""An exported graph, simulated by the definitions of NIR, spikes as the network does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import cli, refused
from support.random_networks import BANDIT, QUADRATIC, random_network, random_network_file

from spikeloop.coordinator.export import frozen_network
from spikeloop.coordinator.export.weights import Learned
from spikeloop.tasks.base import FloatArray

pytest.importorskip("jax")

PLAIN = {"adaptive_share": 0.0, "refractory_ms": 0.0}
"""Settings that NIR can express."""


ORDER = (
    *("input", "input_weights", "axons", "recurrent_weights", "last_spikes", "reset"),
    *("potential", "spikes", "trace", "readout", "output"),
)
"""Of nodes in a time step, so that only delays refer to the past."""
LAWS: dict[str, Callable[[Any, FloatArray], FloatArray]] = {
    "Input": lambda node, x: x,
    "Threshold": lambda node, x: (x > node.threshold).astype(float),
    "Scale": lambda node, x: node.scale * x,
    "Linear": lambda node, x: node.weight @ x,
    "Affine": lambda node, x: node.weight @ x + node.bias,
    "Output": lambda node, x: x,
}
"""NIR's primitives without memory."""


def simulated(graph: Any, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Simulate a graph by the definitions of NIR's primitives and its metadata alone.

    ``graph`` is as ``nir.read`` gives it, ``inputs`` are (n_time_steps, n_channels). Returns
    (n_time_steps, n_neurons) spikes and (n_time_steps, n_readouts) output.
    """
    assert sorted(graph.nodes) == sorted(ORDER)
    dt = float(graph.metadata["dt"])
    sources = {name: [a for a, b in graph.edges if b == name] for name in graph.nodes}
    past: dict[str, list[FloatArray]] = {name: [] for name in graph.nodes}
    for t, row in enumerate(inputs):
        now: dict[str, FloatArray] = {}
        for name in ORDER:
            node, kind = graph.nodes[name], type(graph.nodes[name]).__name__
            if kind == "Delay":
                (source,) = sources[name]
                steps = np.round(node.delay / dt).astype(int)
                assert steps.min() >= 1
                now[name] = np.array(
                    [past[source][t - d][i] if t >= d else 0.0 for i, d in enumerate(steps)]
                )
                continue
            given = row if kind == "Input" else np.sum([now[a] for a in sources[name]], axis=0)
            if kind == "LI":
                left = np.exp(-dt / node.tau)
                before = past[name][-1] if t else np.zeros(node.tau.shape)
                now[name] = left * before + (1 - left) * (node.v_leak + node.r * given)
            else:
                now[name] = LAWS[kind](node, given)
        for name, values in now.items():
            past[name].append(values)
    return np.stack(past["spikes"]), np.stack(past["output"])


def recorded(known: Learned, task: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return inputs by time step, spikes and answers of an episode in JAX."""
    network = frozen_network.freeze(known, "nir")
    episode = frozen_network.record_episode(known, network, task)
    n_steps = network.circuit.n_steps
    by_step = network.learner.input == "spikes"
    inputs = episode.inputs if by_step else np.repeat(episode.inputs, n_steps, axis=0)
    return inputs, episode.spikes.astype(float), episode.action.astype(float)


@pytest.mark.parametrize(
    "learner",
    [
        {"delays_ms": [2.0, 4.0], "connectivity": 0.5, "excitatory_share": 0.7},
        {"input": "spikes", "step_ms": 0.5, "beta": 0.0, "adaptive_share": 0.5},
        {"centering_rate_hz": 30.0, "objective": {"latent_cost": 1.0}},
    ],
    ids=["delays, sparse, signs", "input spikes", "centred, asked for latents"],
)
def test_a_nir_graph_spikes_in_the_same_time_steps_as_jax(
    tmp_path: Path, learner: dict[str, Any]
) -> None:
    nir = pytest.importorskip("nir")
    settings = {**PLAIN, **learner}
    file = random_network_file(tmp_path / "some.npz", QUADRATIC, **settings)
    assert cli("export", file, "--to", "nir") == 0
    graph = nir.read(str(tmp_path / "some.nir"))
    inputs, spikes, answers = recorded(random_network(QUADRATIC, **settings), 0)
    found, output = simulated(graph, inputs)
    assert spikes.sum() > 50
    np.testing.assert_array_equal(found, spikes)
    n_steps = int(graph.metadata["steps_per_decision"])
    readout = output[n_steps - 1 :: n_steps]
    np.testing.assert_allclose(0.5 + 0.3 * readout, answers, rtol=0, atol=1e-12)


def test_a_nir_graph_is_read_back_as_written(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    settings: dict[str, Any] = {**PLAIN, "delays_ms": [1.0, 3.0, 2.0], "tau_membrane_ms": 12.0}
    file = random_network_file(tmp_path / "some.npz", BANDIT, **settings)
    assert cli("export", file, "--to", "nir", "--out", tmp_path / "x.nir") == 0
    graph = nir.read(str(tmp_path / "x.nir"))
    network = frozen_network.freeze(random_network(BANDIT, **settings), "nir")
    weights = {name: getattr(node, "weight", None) for name, node in graph.nodes.items()}
    np.testing.assert_array_equal(weights["input_weights"], network.inputs.T)
    np.testing.assert_array_equal(weights["readout"], network.readout.T)
    np.testing.assert_array_equal(graph.nodes["readout"].bias, network.bias)
    np.testing.assert_array_equal(weights["recurrent_weights"], network.recurrent.T)
    np.testing.assert_allclose(graph.nodes["axons"].delay[:4], [1e-3, 3e-3, 2e-3, 1e-3])
    assert set(graph.nodes["potential"].tau) == {12.0 * 1e-3}
    assert set(graph.nodes["spikes"].threshold) == {0.01}
    assert graph.metadata["channels"] == "action 0-1, feedback 2-3, bias 4"
    np.testing.assert_array_equal(graph.metadata["channel_value"], [0, 1, 0, 1, 1])
    np.testing.assert_array_equal(graph.metadata["channel_width"], np.zeros(5))


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        ({}, ["learner.adaptive_share = 0.5, beta = 1.8", "learner.refractory_ms = 2.0"]),
        ({"adaptive_share": 0.0}, ["refractory time"]),
        ({**PLAIN, "tau_membrane_ms": 0.0}, ["tau_membrane_ms = 0"]),
        ({**PLAIN, "tau_readout_ms": 0.0}, ["tau_readout_ms = 0"]),
    ],
)
def test_settings_that_nir_cannot_express_are_named(
    tmp_path: Path, learner: dict[str, Any], words: list[str]
) -> None:
    pytest.importorskip("nir")
    file = random_network_file(tmp_path / "some.npz", BANDIT, **learner)
    message = refused("export", file, "--to", "nir")
    assert all(word in message for word in words)
    assert message.count(" nor ") == len(words) - 1
    assert not (tmp_path / "some.nir").exists()
