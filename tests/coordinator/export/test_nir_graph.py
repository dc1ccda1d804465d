"""An exported graph spikes as the network does: by NIR's definitions, in snnTorch, in Norse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import cli, refused
from support.random_networks import BANDIT, QUADRATIC, random_network, random_network_file

from spikeloop.coordinator.export import learned_network
from spikeloop.coordinator.export.weights import Learned
from spikeloop.tasks.base import FloatArray

pytest.importorskip("jax")

PLAIN: dict[str, Any] = {"adaptive_share": 0.0, "refractory_ms": 0.0, "reset": "zero"}
"""Settings that NIR can express."""

Spikes = tuple[FloatArray, FloatArray]
"""(n_time_steps, n_neurons) spikes and (n_time_steps, n_readouts) output."""


def simulated(graph: Any, inputs: FloatArray) -> Spikes:
    """Solve a graph's equations by Euler's method with the time step of its metadata.

    ``graph`` is as ``nir.read`` gives it, ``inputs`` are (n_time_steps, n_channels). What comes
    round a loop is of the step before.
    """
    nodes, dt = graph.nodes, float(graph.metadata["dt"])
    assert sorted((a, b) for a, b in graph.edges) == [
        *(("axons", "recurrent_weights"), ("input", "input_weights"), ("input_weights", "neurons")),
        *(("neurons", "axons"), ("neurons", "readout"), ("readout", "output")),
        ("recurrent_weights", "neurons"),
    ]
    cell = nodes["neurons"]
    current, v, z = (np.zeros(cell.v_threshold.shape) for _ in range(3))
    spikes, output = [], []
    for row in inputs:
        looped = nodes["recurrent_weights"].weight @ (nodes["axons"].weight @ z)
        given = nodes["input_weights"].weight @ row + looped
        current = current + dt / cell.tau_syn * (cell.w_in * given - current)
        v = v + dt / cell.tau_mem * (cell.v_leak - v + cell.r * current)
        z = (v > cell.v_threshold).astype(float)
        v = np.where(z > 0, cell.v_reset, v)
        spikes.append(z)
        output.append(nodes["readout"].weight @ z)
    return np.stack(spikes), np.stack(output)


def in_snntorch(graph: Any, inputs: FloatArray) -> Spikes:
    """Run a graph by ``snntorch.import_nir``, which computes in single precision."""
    return in_torch(pytest.importorskip("snntorch.import_nir").import_from_nir(graph), inputs)


def in_norse(graph: Any, inputs: FloatArray) -> Spikes:
    """Run a graph by ``norse.torch.from_nir`` with the graph's time step."""
    read = pytest.importorskip("norse").torch.from_nir
    return in_torch(read(graph, dt=float(graph.metadata["dt"])), inputs)


def in_torch(network: Any, inputs: FloatArray) -> Spikes:
    """Run a network of PyTorch, which takes a step's input and its state, step by step."""
    torch = pytest.importorskip("torch")
    sent: list[FloatArray] = []
    network.axons.register_forward_pre_hook(lambda _, given: sent.append(given[0].numpy()[0]))
    output, state = [], None
    with torch.no_grad():
        for row in inputs:
            out, state = network(torch.tensor(row[None], dtype=torch.float32), state)
            output.append(out.numpy()[0])
    return np.stack(sent).astype(float), np.stack(output).astype(float)


READERS: dict[str, tuple[Callable[[Any, FloatArray], Spikes], float]] = {
    "definitions": (simulated, 1e-12),
    "snnTorch": (in_snntorch, 1e-5),
    "Norse": (in_norse, 1e-5),
}
"""How a graph can be run, and how far its readouts may be off."""


def recorded(known: Learned, task: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return inputs by time step, spikes and answers of an episode in JAX."""
    network = learned_network.freeze(known, "nir")
    episode = learned_network.record_episode(known, network, task)
    n_steps = network.circuit.n_steps
    by_step = network.learner.input == "spikes"
    inputs = episode.inputs if by_step else np.repeat(episode.inputs, n_steps, axis=0)
    return inputs, episode.spikes.astype(float), episode.action.astype(float)


@pytest.mark.filterwarnings("ignore:nirtorch.load:DeprecationWarning")  # Norse 1.1 calls it
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "learner",
    [
        {"connectivity": 0.5, "excitatory_share": 0.7},
        {
            **{"input": "spikes", "step_ms": 0.5, "delays_ms": [0.5]},
            **{"beta": 0.0, "adaptive_share": 0.5},
        },
        {"centering_rate_hz": 30.0, "objective": {"latent_cost": 1.0}},
    ],
    ids=["sparse, signs", "input spikes", "centred, asked for latents"],
)
def test_a_nir_graph_spikes_in_the_same_time_steps_as_jax(
    tmp_path: Path, learner: dict[str, Any], reader: str
) -> None:
    nir = pytest.importorskip("nir")
    settings = {**PLAIN, **learner}
    file = random_network_file(tmp_path / "some.npz", QUADRATIC, **settings)
    assert cli("export", file, "--to", "nir") == 0
    graph = nir.read(str(tmp_path / "some.nir"))
    inputs, spikes, answers = recorded(random_network(QUADRATIC, **settings), 0)
    run, accuracy = READERS[reader]
    found, output = run(graph, inputs)
    assert spikes.sum() > 50
    np.testing.assert_array_equal(found, spikes)
    y, readouts, kappa = np.zeros(output.shape[1]), [], float(graph.metadata["readout_decay"])
    for brought in output:
        y = kappa * y + (1 - kappa) * brought
        readouts.append(y + graph.metadata["readout_bias"])
    n_steps = int(graph.metadata["steps_per_decision"])
    readout = np.stack(readouts)[n_steps - 1 :: n_steps]
    np.testing.assert_allclose(0.5 + 0.3 * readout, answers, rtol=0, atol=accuracy)


def test_a_nir_graph_is_read_back_as_written(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    settings = {**PLAIN, "tau_membrane_ms": 12.0}
    file = random_network_file(tmp_path / "some.npz", BANDIT, **settings)
    assert cli("export", file, "--to", "nir", "--out", tmp_path / "x.nir") == 0
    graph = nir.read(str(tmp_path / "x.nir"))
    network = learned_network.freeze(random_network(BANDIT, **settings), "nir")
    weights = {name: getattr(node, "weight", None) for name, node in graph.nodes.items()}
    np.testing.assert_array_equal(weights["input_weights"], network.inputs.T)
    np.testing.assert_array_equal(weights["readout"], network.readout.T)
    np.testing.assert_array_equal(weights["recurrent_weights"], network.recurrent.T)
    np.testing.assert_array_equal(weights["axons"], np.eye(20))
    np.testing.assert_array_equal(graph.metadata["readout_bias"], network.bias)
    leak = 1 - np.exp(-1 / 12)
    np.testing.assert_allclose(graph.nodes["neurons"].tau_mem, 1e-4 / leak, rtol=1e-12)
    np.testing.assert_allclose(graph.nodes["neurons"].v_threshold, 0.01 / leak, rtol=1e-12)
    assert graph.metadata["channels"] == "action 0-1, feedback 2-3, bias 4"
    np.testing.assert_array_equal(graph.metadata["channel_value"], [0, 1, 0, 1, 1])
    np.testing.assert_array_equal(graph.metadata["channel_width"], np.zeros(5))


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        (
            {},
            ["learner.adaptive_share = 0.5, beta = 1.8", "refractory_ms = 2.0", 'reset = "subtr'],
        ),
        ({"adaptive_share": 0.0, "reset": "zero"}, ["refractory time"]),
        ({**PLAIN, "reset": "subtract"}, ["reset by subtraction"]),
        ({**PLAIN, "delays_ms": [1.0, 2.0]}, ["learner.delays_ms = [1.0, 2.0]"]),
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
