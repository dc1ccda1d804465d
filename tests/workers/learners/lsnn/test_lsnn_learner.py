"""The learner: settings, refusals, the default point, and a missing JAX."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from pydantic import ValidationError
from support.child_processes import printed
from support.learner_cases import case

from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import Interface
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers import xla
from spikeloop.workers.base import Unavailable
from spikeloop.workers.evaluate import rehearse
from spikeloop.workers.job import Grid, Job, Tile
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import Parameters

QUADRATIC = Quadratic(n_steps=5)
SMALL: dict[str, Any] = {"n_neurons": 10, "window_ms": 3.0}


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"window_ms": 2.5}, "window_ms .* 2.5"),
        ({"delays_ms": [1.0, 0.5]}, "delays_ms .* 0.5"),
        ({"delays_ms": []}, "delays_ms"),
        ({"tau_adaptation_ms": [200.0, 100.0]}, "tau_adaptation_ms"),
        ({"tau_adaptation_ms": [0.0, 100.0]}, "tau_adaptation_ms"),
        ({"refractory_ms": 0.4}, "refractory_ms"),
        ({"delays_ms": [2000.0]}, "delays_ms .* 1000"),
        ({"trial_channels": 1}, "trial_channels .* 1"),
        (
            {"input": "spikes", "input_rate_hz": 900.0, "step_ms": 2.0, "delays_ms": [2.0]},
            "input_rate_hz",
        ),
        ({"input": "spikes", "centering_rate_hz": 20.0}, "centering_rate_hz .*input"),
        ({"excitatory_share": 0.8, "centering_rate_hz": 20.0}, "centering_rate_hz .*excit"),
        ({"entropy_bonus": 0.1, "explores": False}, "entropy_bonus .*explores"),
        ({"copies": 2, "tau_membrane_ms": 0.0}, "copies .*tau_membrane_ms"),
        ({"n_neurons": 0}, "n_neurons"),
        ({"adaptive_share": 1.5}, "adaptive_share"),
        ({"threshold": 0.0}, "threshold"),
        ({"beta": float("nan")}, "beta"),
        ({"objective": {"discount": 1.1}}, "discount"),
    ],
)
def test_contradictory_settings_are_refused_by_name(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        Lsnn(**settings)


ASKED: dict[str, Any] = {**SMALL, "objective": {"latent_cost": 1.0, "latent_gain": 3.0}}


@pytest.mark.parametrize(
    ("settings", "interface", "line"),
    [
        ({}, Interface(3, 2, "continuous", 10), "lsnn needs discrete actions"),
        ({}, Interface(3, 2, "discrete", 10, feedback="target"), "lsnn needs continuous actions"),
        ({"entropy_bonus": 0.1}, QUADRATIC.interface, "entropy_bonus must be 0 where answers"),
        (ASKED, Bandit(rewards="gaussian").interface, r"objective\.latent_cost"),
        (ASKED, Maze().interface, r"objective\.latent_cost"),
    ],
)
def test_unsuitable_families_are_refused(
    settings: dict[str, Any], interface: Interface, line: str
) -> None:
    with pytest.raises(ValueError, match=line):
        Lsnn(**settings).space(interface)


def test_default_point_wiring_and_neurons_are_functions_of_the_network() -> None:
    """Default weights follow the initial law, and readouts are 0."""
    learners = [Lsnn(network=seed, connectivity=0.3) for seed in (3, 3, 4)]
    space = learners[0].space(QUADRATIC.interface)
    points = [learner.space(QUADRATIC.interface).default_point() for learner in learners]
    for parameter, place in space.slices():
        one, _, other = (point[place] for point in points)
        if parameter.name.startswith("readout"):
            assert not one.any()
        else:
            assert (one != other).all()
            assert one.std() == pytest.approx(1.0, abs=0.05)
    wirings = [learner.wiring().exists.astype(float) for learner in learners]
    for one, same, other in (points, wirings, [learner.neurons().rho for learner in learners]):
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()


@pytest.mark.parametrize("changes", [{}, {"input": "spikes", "input_rate_hz": 300.0}])
def test_the_input_strength_is_the_deviation_of_the_first_drive(changes: dict[str, Any]) -> None:
    """In θ₀, over 1,200 neurons and all decisions; one-hot channels have exactly their power.

    Drives of a decision share their weights, so the standard error is about 2 %.
    """
    family = Bandit(n_arms=3, n_steps=20)
    learner = Lsnn(n_neurons=1200, input_scale=2.5, threshold=0.02, window_ms=4.0, **changes)
    parameters = learner.space(family.interface).decode(
        learner.space(family.interface).sample(1, np.random.default_rng(0))
    )
    tasks, seeds = family.sample(2, np.random.default_rng(1)), np.arange(2, dtype=np.uint64)[None]
    drive = tile.trace(learner, parameters, tasks, seeds).drive[0, 1:]
    found = np.sqrt(np.mean(drive**2)) / 0.02
    assert found == pytest.approx(2.5, rel=0.1)


def test_neurons_have_the_constants_of_the_settings() -> None:
    learner = Lsnn(n_neurons=10, adaptive_share=0.4, beta=1.7, step_ms=0.5, refractory_ms=2.0)
    neurons = learner.neurons()
    np.testing.assert_array_equal(neurons.beta, [1.7] * 4 + [0.0] * 6)
    assert neurons.alpha == pytest.approx(np.exp(-0.5 / 20))
    assert neurons.refractory == 4
    tau_ms = -0.5 / np.log(neurons.rho)
    assert (tau_ms >= 50).all()
    assert (tau_ms <= 1000).all()
    circuit = learner.circuit(QUADRATIC.interface)
    assert (circuit.n_steps, circuit.delays, circuit.n_readouts) == (20, (2,), 1)
    assert learner.circuit(Bandit(n_arms=3).interface).n_readouts == 4


@pytest.mark.parametrize(("family", "n"), [(QUADRATIC, 1 + 6), (Bandit(n_arms=3), 3 + 1 + 3)])
def test_latents_have_readouts_of_their_own_if_they_are_trained(family: Any, n: int) -> None:
    assert Lsnn(**ASKED).n_readouts(family.interface) == n
    assert Lsnn(**SMALL).n_readouts(family.interface) == n - family.interface.n_latents


@pytest.mark.parametrize(
    "family",
    [QUADRATIC, pytest.param(Bandit(n_arms=3, n_steps=5), marks=pytest.mark.exhaustive)],
)
def test_latent_readouts_change_the_gradient_and_no_episode(family: Any) -> None:
    """The gradient is that of the last readouts' squared errors; they are linear in their bias."""
    learner = Lsnn(**ASKED)
    space = learner.space(family.interface)
    tasks = family.sample(4, np.random.default_rng(0))
    seeds = np.arange(4, dtype=np.uint64)[None]
    one = space.sample(1, np.random.default_rng(1))
    other, n = one.copy(), family.interface.n_latents
    other[:, -n:] += 0.5  # biases of the last readouts come last
    episodes_done = [
        learner.run_episodes(space.decode(point), tasks, seeds) for point in (one, other)
    ]
    np.testing.assert_array_equal(episodes_done[0].returns, episodes_done[1].returns)
    gradients = []
    for point in (one, other):
        gradient = learner.differentiate(space.decode(point), tasks, seeds, 0.0).gradient
        assert gradient is not None
        gradients.append(gradient[0])
    # Of −(λ − 3 y)² / n, in coordinates: the bias moves by its scale a unit.
    scale = learner.weights(family.interface)[3].scale
    np.testing.assert_allclose(
        gradients[1][-n:] - gradients[0][-n:], -2 * 0.5 * (3 * scale) ** 2 / n, rtol=1e-3
    )


def test_tasks_without_the_latents_that_their_interface_counts_are_refused() -> None:
    learner, tasks = Lsnn(**ASKED), QUADRATIC.sample(4, np.random.default_rng(0))
    learner.check_tasks(tasks)
    for latents, got in ({}, r"\(\)"), ({"latents": np.zeros((4, 5))}, r"\(4, 5\)"):
        bare = SimpleNamespace(
            interface=tasks.interface, n_tasks=4, program=tasks.program, arrays=lambda a=latents: a
        )
        with pytest.raises(ValueError, match=rf"latents of shape \(4, 6\), .*, got {got}"):
            learner.check_tasks(cast(Any, bare))


def test_centring_is_a_change_of_biases() -> None:
    """The same network in other coordinates: every spike is that of one that centres nothing."""
    family = Bandit(n_arms=3, n_steps=6)
    changes = {**SMALL, "precision": "float64", "input_scale": 9.0}
    centred, plain = Lsnn(**changes, centering_rate_hz=30.0), Lsnn(**changes)
    space = centred.space(family.interface)
    point = space.sample(1, np.random.default_rng(4))
    values = space.decode(point)
    w_in, between, out, bias = (
        values.values[0, place].reshape(part.shape)
        for part, (_, place) in zip(centred.weights(family.interface), space.slices(), strict=True)
    )
    inputs, usual = centred.mean_activity(family.interface)
    assert usual == pytest.approx(0.03, abs=2**-17)
    exists = centred.wiring().exists
    other_in, other_bias = w_in.copy(), bias - usual * out.sum(axis=0)
    other_in[-1] -= inputs @ w_in + usual * np.where(exists, between, 0.0).sum(axis=0)
    moved = np.concatenate([a.ravel() for a in (other_in, between, out, other_bias)])
    tasks = family.sample(5, np.random.default_rng(0))
    seeds = np.arange(5, dtype=np.uint64)[None]
    one = tile.trace(centred, values, tasks, seeds)
    other = tile.trace(plain, Parameters(values.space, moved[None]), tasks, seeds)
    assert one.spikes.sum() > 20
    np.testing.assert_array_equal(one.spikes, other.spikes)
    np.testing.assert_array_equal(one.action, other.action)
    np.testing.assert_allclose(one.drive, other.drive, atol=1e-5)
    uncentred = tile.trace(plain, values, tasks, seeds)
    assert (one.spikes != uncentred.spikes).any()


def test_a_missing_jax_is_one_line_with_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the first episode on; the space needs none, so that plans can be made anywhere."""
    monkeypatch.setitem(sys.modules, "jax", None)
    whole = case("lsnn", QUADRATIC)
    line = r"^lsnn needs JAX: pip install 'spikeloop\[lsnn\]'$"
    with pytest.raises(Unavailable, match=line):
        whole.run_episodes()
    with pytest.raises(Unavailable, match=line.replace("lsnn needs", "bptt needs")):
        xla.jax("bptt")
    learner = whole.learner
    point = Explicit(learner.space(QUADRATIC.interface).default_point()[None])
    weight_spacing = Grid(QUADRATIC, learner, point, 1, 1, TaskSet.PLAN, 0)
    with pytest.raises(Unavailable, match=line):
        rehearse(Job(weight_spacing, Tile(0, 1, 0, 1)))


def test_the_error_of_a_broken_jax_has_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jax.py").write_text("import a_part_of_jax_that_is_not_here\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    with pytest.raises(Unavailable, match=r"^lsnn needs JAX: .* \(No module named 'a_part"):
        xla.jax()


@pytest.mark.parametrize(("asked", "started"), [("cuda", "cuda,cpu"), ("cpu", "cpu"), ("", None)])
def test_the_processor_is_there_beside_the_device_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, started: str | None
) -> None:
    """``bptt`` needs it, and JAX has it only if it is named, too."""
    module = stand_in(tmp_path, monkeypatch, asked, backend="gpu").jax()
    assert module.asked == started
    assert os.environ["JAX_PLATFORMS"] == asked


def test_a_device_that_is_not_there_is_refused_and_not_replaced_by_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = stand_in(tmp_path, monkeypatch, "cuda", backend="cpu")
    line = r"^bptt needs JAX, which does not start \(it finds no such device\); JAX_PLATFORMS asks "
    with pytest.raises(Unavailable, match=line + "for 'cuda', unset it or install that$"):
        found.jax("bptt")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str, backend: str) -> ModuleType:
    """Let a module in place of JAX find that backend, for a process that asks for a platform."""
    (folder / "jax.py").write_text(
        "import os\nasked = os.environ.get('JAX_PLATFORMS')\ndevices = lambda: []\n"
        f"default_backend = lambda: {backend!r}\n"
    )
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.setenv("JAX_PLATFORMS", asked)
    monkeypatch.setattr(xla, "_started", False)
    return xla


SCRIPT = """
import os, sys
from pathlib import Path
from spikeloop.coordinator.cli import main
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners import LEARNERS
LEARNERS["lsnn"]().space(Quadratic().interface)
assert "jax" not in sys.modules, "imported too early"
if "late" in sys.argv:
    from spikeloop.workers import xla
    numpy = xla.jax().numpy
    assert xla.jax() is sys.modules["jax"]
else:
    from jax import numpy
numpy.ones(3).sum().block_until_ready()
names = [name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")]
print(names.count("tf_XLAEigen"), os.environ["NPROC"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.parametrize(("how", "threads"), [("late", 1), ("plainly", 3)])
def test_jax_is_imported_late_and_with_one_thread(how: str, threads: int) -> None:
    """Whatever the user's environment says, and keeps; the control imports it plainly."""
    assert printed(SCRIPT, how, NPROC="3").split() == [str(threads), "3"]
