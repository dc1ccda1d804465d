"""An exported script spikes in Brian2 as the network that was trained."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import cli
from support.random_networks import BANDIT, VARIANTS, random_network_file

pytest.importorskip("jax")

SAMPLED = ("input spikes, short steps",)


def run_script(script: Path) -> tuple[int, str]:
    """Exit status and output of a script, run by isolated Python from another folder."""
    process = subprocess.run(
        [sys.executable, "-I", str(script)],
        cwd=script.parent.parent,
        capture_output=True,
        text=True,
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.brian
@pytest.mark.parametrize(
    "case",
    [c if c in SAMPLED else pytest.param(c, marks=pytest.mark.exhaustive) for c in VARIANTS],
)
def test_brian2_spikes_in_the_same_time_steps_as_jax(case: str, tmp_path: Path) -> None:
    family, learner = VARIANTS[case]
    file = random_network_file(tmp_path / "some.npz", family, **learner)
    assert cli("export", file, "--to", "brian2", "--task", "2") == 0
    folder = tmp_path / "some_brian2"
    assert sorted(path.name for path in folder.iterdir()) == ["network.npz", "network.py"]
    text = (folder / "network.py").read_text()
    assert "spikeloop" not in text.lower()
    assert max(map(len, text.splitlines())) <= 100
    compile(text, "network.py", "exec")
    status, printed = run_script(folder / "network.py")
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
        pytest.param("synapse_weight", lambda weights: 1.5 * weights, marks=pytest.mark.exhaustive),
        pytest.param("delay_steps", lambda steps: 3 - steps, marks=pytest.mark.exhaustive),
        pytest.param(
            "readout_bias",
            lambda bias: bias + np.array([2.0, 0.0, 0.0]),
            marks=pytest.mark.exhaustive,
        ),
        pytest.param("beta", lambda beta: 1.2 * beta, marks=pytest.mark.exhaustive),
        pytest.param("rho", lambda rho: rho[::-1], marks=pytest.mark.exhaustive),
        pytest.param(
            "inputs", lambda inputs: np.roll(inputs, 1, axis=0), marks=pytest.mark.exhaustive
        ),
        ("spike_step", lambda steps: steps + (np.arange(len(steps)) == 5)),
    ],
)
def test_the_script_notices_another_network(
    exported: Path, tmp_path: Path, name: str, wrong: Any
) -> None:
    shutil.copytree(exported, tmp_path / "script")
    with np.load(exported / "network.npz") as archive:
        numbers = dict(archive)
    numbers[name] = wrong(numbers[name])
    np.savez(tmp_path / "script" / "network.npz", **numbers)
    status, printed = run_script(tmp_path / "script" / "network.py")
    assert status == 1, printed
    assert "Error" not in printed
