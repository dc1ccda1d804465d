"""``fetch`` verifies what it downloads, but does not load own classes to do so."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S
from support.command_line import cli
from support.paths import OWN_CLASSES
from support.small_run import small_toml

from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore


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


def test_fetch_of_own_classes_prints_the_command_that_compares_the_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    assert cli("fetch", shared / "own", "--out", tmp_path / "here now", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["generation"], found["n_new"]) == (3, found["n_files"])
    command = f"spikeloop verify '{tmp_path / 'here now' / 'own'}' --trust"
    assert found["note"].endswith(command)
    assert "follow from the episodes" in run_printed_line(command)
    assert "fetched_echo" not in sys.modules


@pytest.mark.usefixtures("without_figures")
def test_fetch_of_numbers_that_contradict_each_other_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small_toml(tmp_path / "small.toml", run={"generations": 1})
    assert cli("run", config, "--out", tmp_path) == 0
    store = RunStore(tmp_path / "small")
    path = store.part_path("generations", 1)
    table = store.read_part(path)
    column = table.column_names.index("best")
    changed = table.set_column(column, table.field(column), [[0.123]])
    atomic_files.write_parquet(path, changed)
    capsys.readouterr()
    assert cli("fetch", tmp_path / "small", "--out", tmp_path / "here") == 1
    assert "problem(s); the first:" in capsys.readouterr().err


def test_relative_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("fetch", "copies/own") == 2
    assert "must be an absolute path or a URI" in capsys.readouterr().err
