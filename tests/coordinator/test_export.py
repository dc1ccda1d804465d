"""Exported networks: they run elsewhere, and spike as the network that was trained."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import cli, one_line
from support.random_networks import BANDIT, QUADRATIC, random_network, random_network_file
from support.small_run import small_toml

from spikeloop.coordinator.export import brian_script, frozen_network, input_encoding
from spikeloop.coordinator.export.weights import Learned
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn

jax = pytest.importorskip("jax")


# ----------------------------------------------------------------------------------------- frozen


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("currents", {"centering_rate_hz": 30.0}), ("spikes", {"excitatory_share": 0.7})],
)
def test_inputs_of_a_recorded_episode_give_its_drive_to_the_bit(
    kind: str, changes: dict[str, float]
) -> None:
    known = random_network(QUADRATIC, input=kind, delays_ms=[1.0, 3.0], **changes)
    network = frozen_network.freeze(known, "brian2")
    episode = frozen_network.run_episodes(known, network, 1)
    grid_seeds = np.zeros((1, 1), dtype=np.uint64)
    tasks = known.config.family.sample(1, np.random.default_rng(0))
    parameters = known.config.space.decode(known.point[None, :])
    kept = tile.trace(network.learner, parameters, tasks, grid_seeds)
    seen = np.round(kept.seen * 256) / 256
    np.testing.assert_array_equal(kept.drive, seen @ network.inputs)
    rows = 15 * 10 if kind == "spikes" else 15
    assert episode.inputs.shape == (rows, network.inputs.shape[0])
    assert episode.spikes.shape == (150, 20)
    # An order of summation that is as bad as it can be changes nothing.
    order = np.argsort(network.inputs[:, 0])
    for row in episode.inputs:
        one_by_one = 0.0
        for place in order:
            one_by_one += row[place] * network.inputs[place, 0]
        assert one_by_one == (row @ network.inputs)[0]


def test_signs_and_places_of_synapses_are_those_of_the_wiring() -> None:
    network = frozen_network.freeze(
        random_network(BANDIT, connectivity=0.4, excitatory_share=0.7), "brian2"
    )
    assert 0.2 < network.wiring.exists.mean() < 0.6
    assert not network.recurrent[~network.wiring.exists].any()
    assert (network.wiring.sign != 0).all()
    assert (network.recurrent * network.wiring.sign[:, None] >= 0).all()
    assert network.recurrent[network.wiring.exists].any()


# --------------------------------------------------------------------------------------- channels


def shown(values: FloatArray, widths: FloatArray, x: float) -> Any:
    """Channels by the rule in the script's header."""
    if not widths.any():
        return (np.arange(len(values)) == np.abs(values - x).argmin()).astype(float)
    within = np.clip(x, values.min(), values.max())
    return np.exp(-((within - values) ** 2) / (2 * widths**2))


@pytest.mark.parametrize("settings", [{}, {"trial_channels": 4, "feedback_share": 0.5}])
@pytest.mark.parametrize(
    "family",
    [BANDIT, QUADRATIC, {"kind": "bandit", "rewards": "gaussian"}, {"kind": "random_mdp"}],
    ids=["rewards", "targets", "real rewards", "observed states"],
)
def test_a_new_task_is_encoded_from_the_table_of_channels(
    family: dict[str, Any], settings: dict[str, Any]
) -> None:
    config = random_network(family, **settings).config
    assert isinstance(config.learner, Lsnn)
    interface = config.family.interface
    inputs = config.learner.inputs(interface)
    kept, groups = input_encoding.arrays(inputs), input_encoding.groups(inputs)
    assert {group.name: group.n for group in groups} == inputs.parts
    for step, told in [(0, 1.0), (3, 0.0), (4, 1.0), (5, 0.31), (6, 9.0)]:
        seen: Any = np.full(interface.n_observations, 0.3)
        if interface.observations == "discrete":
            seen = np.array([interface.n_observations - 1])
        now: dict[str, Any] = {"observation": seen, "action": [1], "feedback": [told]}
        now |= {"trial": [step], "bias": [1]}
        row = np.zeros(inputs.n)
        for group in groups:
            n = len(group.values)
            for k, x in enumerate(now[group.name][: group.repeats]):
                at = slice(group.start + k * n, group.start + (k + 1) * n)
                row[at] = shown(kept["channel_value"][at], kept["channel_width"][at], x)
            if step == 0 and group.name in ("action", "feedback"):
                row[group.start : group.start + group.n] = 0.0
        observation = seen if interface.observations == "discrete" else seen[None, :]
        encoded = inputs.encode(np, observation, np.array([1]), np.array([told]), step)
        np.testing.assert_allclose(encoded, [row], rtol=1e-12, atol=1e-15)


def test_the_script_tells_what_channels_stand_for() -> None:
    known = random_network(BANDIT, trial_channels=5)
    text = brian_script.render(known, frozen_network.freeze(known, "brian2"), 0)
    table = """
    0 to 1      its last action: one-hot, 0 to 1
    2 to 3      the reward for it: one-hot, 0.0, 1.0
    4 to 8      the number of the decision, from 0: 5 curves from 0.0 to 24.0, width 6.0
    9           always 1
"""
    assert table in text
    assert "Before the first decision last action and told are 0" in text
    assert "All channel values are rounded to multiples of 1/256." in text


# ----------------------------------------------------------------------------------------- Brian2

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rewards": (BANDIT, {}),
    "targets": (QUADRATIC, {"n_neurons": 30}),
    "delays, sparse, signs": (
        QUADRATIC,
        {"delays_ms": [1.0, 5.0, 2.0], "connectivity": 0.4, "excitatory_share": 0.7},
    ),
    "input spikes, short steps": (
        BANDIT,
        {"input": "spikes", "input_rate_hz": 500.0, "step_ms": 0.5, "explores": False},
    ),
    "plain neurons that rest": (
        QUADRATIC,
        {"adaptive_share": 0.0, "refractory_ms": 4.0, "trial_channels": 5, "input": "spikes"},
    ),
    "all adapt, never rest": (BANDIT, {"adaptive_share": 1.0, "refractory_ms": 0.0}),
    "rewards, asked for latents": (
        BANDIT,
        {"objective": {"latent_cost": 1.0}, "centering_rate_hz": 30.0, "input_scale": 9.0},
    ),
    "targets, asked for latents": (
        QUADRATIC,
        {"objective": {"latent_cost": 1.0}, "centering_rate_hz": 30.0},
    ),
    "no memory, one neuron": (
        BANDIT,
        {"n_neurons": 1, "tau_membrane_ms": 0.0, "tau_readout_ms": 0.0},
    ),
}


def episodes_done(script: Path) -> tuple[int, str]:
    """Exit status and output of a script, run by isolated Python from another folder."""
    process = subprocess.run(
        [sys.executable, "-I", str(script)],
        cwd=script.parent.parent,
        capture_output=True,
        text=True,
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.brian
@pytest.mark.parametrize("case", CASES)
def test_brian2_spikes_as_jax_does_over_a_whole_episode(case: str, tmp_path: Path) -> None:
    family, learner = CASES[case]
    file = random_network_file(tmp_path / "some.npz", family, **learner)
    assert cli("export", file, "--to", "brian2", "--task", "2") == 0
    folder = tmp_path / "some_brian2"
    assert sorted(path.name for path in folder.iterdir()) == ["network.npz", "network.py"]
    text = (folder / "network.py").read_text()
    assert "spikeloop" not in text.lower()
    assert max(map(len, text.splitlines())) <= 100
    compile(text, "network.py", "exec")
    status, printed = episodes_done(folder / "network.py")
    assert status == 0, printed
    found = re.search(r"spikes:  (\d+) of (\d+) recorded ones .*, 0 others", printed)
    assert found is not None, printed
    assert found[1] == found[2]
    assert int(found[1]) >= 10  # or nothing has been compared
    if family is BANDIT:
        assert "actions: 25 of 25 are those that were taken" in printed
    else:
        assert "answers: differ by at most" in printed


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    file = random_network_file(folder / "some.npz", BANDIT, delays_ms=[1.0, 2.0])
    assert cli("export", file, "--to", "brian2", "--out", folder / "script") == 0
    return folder / "script"


@pytest.mark.brian
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("synapse_weight", lambda weights: 1.5 * weights),
        ("delay_steps", lambda steps: 3 - steps),
        ("readout_bias", lambda bias: bias + np.array([2.0, 0.0, 0.0])),
        ("beta", lambda beta: 1.2 * beta),
        ("rho", lambda rho: rho[::-1]),
        ("inputs", lambda inputs: np.roll(inputs, 1, axis=0)),
        ("spike_step", lambda steps: steps + (np.arange(len(steps)) == 5)),
    ],
)
def test_the_script_sees_a_network_that_is_another(
    exported: Path, tmp_path: Path, name: str, wrong: Any
) -> None:
    shutil.copytree(exported, tmp_path / "script")
    with np.load(exported / "network.npz") as archive:
        numbers = dict(archive)
    numbers[name] = wrong(numbers[name])
    np.savez(tmp_path / "script" / "network.npz", **numbers)
    status, printed = episodes_done(tmp_path / "script" / "network.py")
    assert status == 1, printed
    assert "Error" not in printed


@pytest.mark.brian
def test_a_run_folder_is_exported_with_the_point_that_it_deploys(tmp_path: Path) -> None:
    toml = small_toml(
        tmp_path / "net.toml",
        run={"name": "net", "generations": 1, "tasks": 2},
        family={"kind": "bandit", "n_steps": 10},
        learner={"kind": "lsnn", "n_neurons": 10},
        strategy={"kind": "random_search", "population_size": 2},
        transfer={"tasks": 2, "random_points": 1, "monitor_every": 0},
    )
    lines = [line for line in toml.read_text().splitlines() if "n_states" not in line]
    toml.write_text("\n".join(line for line in lines if "n_actions" not in line))
    assert cli("run", toml, "--out", tmp_path) == 0
    assert cli("export", tmp_path / "net", "--to", "brian2") == 0
    status, printed = episodes_done(tmp_path / "net_brian2" / "network.py")
    assert status == 0, printed
    assert "10 of 10 are those that were taken" in printed


# -------------------------------------------------------------------------------------------- NIR

PLAIN = {"adaptive_share": 0.0, "refractory_ms": 0.0}
"""Settings that NIR has words for."""


def simulated(graph: Any, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a graph does, by the definitions of NIR's primitives and its metadata alone.

    Nodes are evaluated in an order in which only delays look back.

    Args:
        graph: as ``nir.read`` gives it.
        inputs: (n_time_steps, n_channels).

    Returns:
        (n_time_steps, n_neurons) spikes and (n_time_steps, n_readouts) output.
    """
    dt = float(graph.metadata["dt"])
    sources = {name: [a for a, b in graph.edges if b == name] for name in graph.nodes}
    past: dict[str, list[FloatArray]] = {name: [] for name in graph.nodes}
    state: dict[str, FloatArray] = {}
    for t, row in enumerate(inputs):
        now: dict[str, FloatArray] = {}

        def value(
            name: str, t: int = t, row: FloatArray = row, now: dict[str, FloatArray] = now
        ) -> FloatArray:
            if name in now:
                return now[name]
            node, kind = graph.nodes[name], type(graph.nodes[name]).__name__
            if kind == "Delay":
                (source,) = sources[name]
                steps = np.round(node.delay / dt).astype(int)
                assert steps.min() >= 1
                now[name] = np.array(
                    [past[source][t - d][i] if t >= d else 0.0 for i, d in enumerate(steps)]
                )
                return now[name]
            given = row if kind == "Input" else np.sum([value(a) for a in sources[name]], axis=0)
            if kind == "LI":
                left = np.exp(-dt / node.tau)
                before = state.get(name, np.zeros(node.tau.shape))
                given = left * before + (1 - left) * (node.v_leak + node.r * given)
                state[name] = given
            elif kind == "Threshold":
                given = (given > node.threshold).astype(float)
            elif kind == "Scale":
                given = node.scale * given
            elif kind == "Linear":
                given = node.weight @ given
            elif kind == "Affine":
                given = node.weight @ given + node.bias
            else:
                assert kind in ("Input", "Output")
            now[name] = given
            return given

        for name in graph.nodes:
            past[name].append(value(name))
    return np.stack(past["spikes"]), np.stack(past["output"])


def recorded(known: Learned, task: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Inputs by time steps, spikes and answers of an episode in JAX."""
    network = frozen_network.freeze(known, "nir")
    episode = frozen_network.run_episodes(known, network, task)
    n_steps = network.circuit.n_steps
    by_step = network.learner.input == "spikes"
    inputs = episode.inputs if by_step else np.repeat(episode.inputs, n_steps, axis=0)
    return inputs, episode.spikes.astype(float), episode.action.astype(float)


@pytest.mark.parametrize(
    "learner",
    [
        {},
        {"delays_ms": [2.0, 4.0], "connectivity": 0.5, "excitatory_share": 0.7},
        {"input": "spikes", "step_ms": 0.5, "beta": 0.0, "adaptive_share": 0.5},
        {"centering_rate_hz": 30.0, "objective": {"latent_cost": 1.0}},
    ],
    ids=["plain", "delays, sparse, signs", "input spikes", "centred, asked for latents"],
)
def test_a_graph_spikes_as_jax_does(tmp_path: Path, learner: dict[str, Any]) -> None:
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


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
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
    assert graph.metadata["channels"] == "action 0-1, told 2-3, bias 4"
    np.testing.assert_array_equal(graph.metadata["channel_value"], [0, 1, 0, 1, 1])
    np.testing.assert_array_equal(graph.metadata["channel_width"], np.zeros(5))


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        ({}, ["learner.adaptive_share = 0.5, beta = 1.8", "learner.refractory_ms = 2.0"]),
        ({"refractory_ms": 0.0}, ["adapting thresholds"]),
        ({"adaptive_share": 0.0}, ["refractory time"]),
        ({**PLAIN, "tau_membrane_ms": 0.0}, ["tau_membrane_ms = 0"]),
        ({**PLAIN, "tau_readout_ms": 0.0}, ["tau_readout_ms = 0"]),
    ],
)
def test_what_nir_has_no_words_for(
    tmp_path: Path, learner: dict[str, Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nir")
    file = random_network_file(tmp_path / "some.npz", BANDIT, **learner)
    assert cli("export", file, "--to", "nir") == 2
    told = one_line(capsys)
    assert all(word in told for word in words)
    everything = ("adapting", "refractory", "tau_membrane", "tau_readout")
    assert sum(word in told for word in everything) == len(words)
    assert not (tmp_path / "some.nir").exists()


# -------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("form", ["brian2", "nir"])
def test_other_learners_are_refused_in_one_line(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    assert cli("run", toml, "--out", tmp_path) == 0
    capsys.readouterr()
    assert cli("export", tmp_path / "small", "--to", form) == 2
    assert "is for networks of the learner lsnn, this one is tabular_td" in one_line(capsys)


def test_sigmoids_tasks_and_options_that_make_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smooth = random_network_file(tmp_path / "smooth.npz", BANDIT, smooth=0.5)
    for form in ("brian2", "nir"):
        assert cli("export", smooth, "--to", form) == 2
        assert "learner.smooth is 0.5, not 0" in one_line(capsys)
    file = random_network_file(tmp_path / "some.npz", BANDIT)
    assert cli("export", file, "--to", "brian2", "--task", 6) == 2
    assert "--task must be 0 to 5, the last held-out task, got 6" in one_line(capsys)
    assert cli("export", file, "--to", "nir", "--task", 1) == 2
    assert "--task is for --to brian2" in one_line(capsys)
    assert cli("export", file, "--to", "onnx") == 2
    assert "'brian2', 'nir', 'weights'" in one_line(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smooth.npz", "some.npz"]


@pytest.mark.parametrize("package", ["jax", "nir"])
def test_what_is_not_installed_is_named(
    tmp_path: Path,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = random_network_file(tmp_path / "some.npz", BANDIT)
    monkeypatch.setitem(sys.modules, package, None)
    assert cli("export", file, "--to", "nir") == 3
    extra = {"jax": "lsnn", "nir": "nir"}[package]
    assert f"pip install 'spikeloop[{extra}]'" in one_line(capsys)
