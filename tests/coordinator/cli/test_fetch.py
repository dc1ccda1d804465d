"""``fetch`` verifies what it downloads, but does not load own classes to do so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S
from support.command_line import answer, refused
from support.paths import OWN_CLASSES
from support.small_run import change_part, small_toml

from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")


def run_printed_line(line: str, **variables: str) -> str:
    """Run a printed line and return its output; fail unless its exit code is 0.

    Args:
        line: as printed.
        variables: of the environment, besides this process's own.
    """
    bin_ = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", line],
        cwd="/",
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def test_fetch_of_own_classes_prints_the_command_that_compares_the_numbers(tmp_path: Path) -> None:
    source, shared = tmp_path / "it's mine", tmp_path / "shared"
    source.mkdir()
    shared.mkdir()
    shutil.copy(OWN_CLASSES / "failing_learner.py", source / "fetched_echo.py")
    config = small_toml(
        source / "own.toml",
        run={"name": "own", "upload_to": str(shared)},
        learner={"kind": "fetched_echo:Echo"},
    )
    program = f"{sys.executable} -m spikeloop.coordinator.cli"
    run_printed_line(f'{program} run "{config}" --out "{tmp_path / "there"}"')
    found = answer("fetch", shared / "own", "--out", tmp_path / "here now")
    assert (found["generation"], found["n_new"]) == (3, found["n_files"])
    command = f"spikeloop verify '{tmp_path / 'here now' / 'own'}' --trust"
    assert found["note"].endswith(command)
    assert "follow from the episodes" in run_printed_line(command)
    assert "fetched_echo" not in sys.modules


def test_fetch_of_numbers_that_contradict_each_other_exits_with_1(
    copied_run: Path, tmp_path: Path
) -> None:
    store = RunStore(copied_run)
    change_part(store, store.part_path("generations", 1), lambda rows: rows.assign(best=0.123))
    error = refused("fetch", copied_run, "--out", tmp_path / "here", code=1)
    assert "problem(s); the first:" in error
