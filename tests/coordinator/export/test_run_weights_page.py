"""The program in docs/how-to/run_weights.md runs a weights file as the library does."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.paths import EXAMPLES, ROOT
from support.random_networks import VARIANTS, random_network_file

from spikeloop.coordinator.export import learned_network
from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.export.learned_network import RecordedEpisode
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.search.transfer_design import transfer_grid
from spikeloop.tasks.base import FloatArray

pytest.importorskip("jax")

PAGE = ROOT / "docs" / "how-to" / "run_weights.md"
TRAINED = sorted((EXAMPLES / "trained").glob("lsnn_*.npz"))
assert len(TRAINED) >= 4
SAMPLED = ("lsnn_quadratic", "input spikes, short steps")
TASK = 2


class Recorded:
    """The random numbers of a recorded episode, in place of a generator.

    A channel's spike is a number below its chance, and no spike is one that is not.
    """

    def __init__(self, episode: RecordedEpisode) -> None:
        self.sent, self.choice = iter(episode.inputs), iter(episode.choice)

    def random(self, n: int | None = None) -> Any:
        return next(self.choice) if n is None else 1.0 - next(self.sent)


def program() -> dict[str, Any]:
    """Run the page's program, as a module that is imported."""
    names: dict[str, Any] = {"__name__": "run_weights"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    return names


def sampled(name: str) -> Any:
    return pytest.param(name, marks=[] if name in SAMPLED else pytest.mark.exhaustive)


def recorded(known: Learned) -> tuple[RecordedEpisode, FloatArray]:
    """Return an episode of the library in double precision, and what it observed."""
    network = learned_network.freeze(known, "NumPy")
    tasks: Any = transfer_grid(known.config, known.config.transfer, known.point).tasks()
    n_decisions = network.interface.n_steps
    seen = tasks.inputs[TASK] if hasattr(tasks, "inputs") else np.zeros((n_decisions, 0))
    return learned_network.record_episode(known, network, TASK), seen


def run(path: Path, known: Learned) -> tuple[NDArray[np.bool_], FloatArray]:
    """Compare an episode of the page's program with the library's.

    Returns:
        Whether each spike, or its absence, is the same, and (n_decisions,) by how much actions
        differ. ``known`` is what the library runs, ``path`` the file that the page reads.
    """
    page, (episode, observations) = program(), recorded(known)
    network = page["Network"](path, Recorded(episode))
    feedback = episode.feedback
    actions = page["run_episode"](network, observations, lambda step, action: feedback[step])
    assert episode.spikes.sum() >= 10  # or nothing has been compared
    spikes = np.array(network.raster)
    return spikes == episode.spikes, np.abs(actions - episode.action).ravel()


@pytest.mark.parametrize("name", [sampled(path.stem) for path in TRAINED])
def test_the_page_runs_trained_weights_spike_for_spike(name: str) -> None:
    path = EXAMPLES / "trained" / f"{name}.npz"
    same, off = run(path, learned.open_learned(path, trust=False))
    assert same.all()
    assert off.max() < 1e-12


@pytest.mark.parametrize("name", [sampled(name) for name in VARIANTS])
def test_the_page_runs_every_kind_of_network_spike_for_spike(name: str, tmp_path: Path) -> None:
    family, settings = VARIANTS[name]
    path = random_network_file(tmp_path / "some.npz", family, **settings)
    same, off = run(path, learned.open_learned(path, trust=False))
    assert same.all()
    assert off.max() < 1e-12


@pytest.mark.parametrize(
    "name", ["rho", "beta", "delay_steps", "input_weights", "recurrent_weights", "readout_weights"]
)
def test_the_comparison_notices_other_numbers(name: str, tmp_path: Path) -> None:
    """The negative control: the numbers of two neurons are exchanged, or all delays longer."""
    path = EXAMPLES / "trained" / "lsnn_quadratic.npz"
    with np.load(path) as file:
        numbers = dict(file)
    if name == "delay_steps":
        numbers[name] = numbers[name] + 1
    else:
        neurons = numbers[name].T if name == "input_weights" else numbers[name]
        neurons[[0, -1]] = neurons[[-1, 0]]
    np.savez(tmp_path / "other.npz", **numbers)
    same, off = run(tmp_path / "other.npz", learned.open_learned(path, trust=False))
    assert off.max() > 1e-3
    assert same.all() == (name == "readout_weights")
