"""Every error ends the process with its exit code and one line, and nothing comes after it.

Each try is a process of its own, because libraries with threads fail at its very end, now and then.
The default run makes one try of some errors, the exhaustive variant 200 of each, as many at once as
there are cores.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest
from support.child_processes import LIMIT_S, child
from support.command_line import cli
from support.paths import OWN_CLASSES
from support.small_run import small_toml

pytestmark = pytest.mark.usefixtures("without_figures")

COMMAND = ["-m", "spikeloop.coordinator.cli"]
Try: TypeAlias = Callable[[int], tuple[int, str]]

ERRORS = {
    "unknown key": ("run small.toml --set strategy.sigm=1.0", 2, "did you mean 'sigma'?"),
    "options that exclude each other": ("run small.toml --workers 2 --inline", 2, "exclude each"),
    "unknown list": ("list familys", 2, "did you mean 'families'?"),
    "no run": ("verify nowhere", 2, "nowhere: not a run folder"),
    "existing run": ("run small.toml", 2, "exists already; resume it with"),
    "renamed command": ("policies runs/small", 2, "is now spikeloop interpret"),
    "too few points": ("run small.toml --set transfer.tasks=5000", 2, "must be at least tasks"),
    "resume of damage": ("resume runs/damaged-TRY", 2, "part-000002.parquet: damaged"),
    "transfer of damage": ("transfer runs/damaged --seed 3", 2, "000003.npz: damaged"),
    "problems found": ("verify runs/damaged", 1, "2 problem(s); the first: "),
    "failing episodes": ("run faulty.toml --set run.name=TRY", 1, "24 of 24 episodes failed"),
    "no cluster": ("status --address http://127.0.0.1:1 small", 3, "127.0.0.1:1"),
    "full disk": ("list > /dev/full", 3, "No space left on device"),
}
"""Command, exit code, and words of the line."""

SAMPLED = (
    *("unknown key", "existing run", "resume of damage", "problems found", "failing episodes"),
    *("no cluster", "full disk"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with configurations, a finished run and one with two damaged files."""
    folder = tmp_path_factory.mktemp("exits")
    small_toml(folder / "small.toml", transfer={"random_points": 30})
    (folder / "failing_learner.py").write_bytes((OWN_CLASSES / "failing_learner.py").read_bytes())
    learner = {"kind": "failing_learner:Echo", "fault": "nan", "broken_from": 0.0}
    small_toml(folder / "faulty.toml", learner=learner)
    assert cli("run", folder / "small.toml", "--out", folder / "runs") == 0
    shutil.copytree(folder / "runs" / "small", folder / "runs" / "damaged")
    for name in ("episodes/part-000002.parquet", "state/000003.npz"):
        path = folder / "runs" / "damaged" / name
        path.write_bytes(path.read_bytes()[:-9])
    return folder


@pytest.fixture(params=[1, pytest.param(200, marks=pytest.mark.exhaustive)])
def tried(request: pytest.FixtureRequest) -> Callable[[Try], set[tuple[int, str]]]:
    """Try something several times, and give the exit codes and standard errors."""

    def try_often(once: Try) -> set[tuple[int, str]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return set(pool.map(once, range(request.param)))

    return try_often


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.exhaustive] * (name not in SAMPLED)) for name in ERRORS],
)
def test_each_error_has_its_exit_code_and_one_line(
    name: str, folder: Path, tried: Callable[[Try], set[tuple[int, str]]]
) -> None:
    command, code, words = ERRORS[name]

    def once(number: int) -> tuple[int, str]:
        if "damaged-TRY" in command:  # one at a time may write a folder
            damaged = folder / "runs" / "damaged"
            shutil.copytree(damaged, damaged.with_name(f"damaged-try{number}"), dirs_exist_ok=True)
        arguments, _, output = command.replace("TRY", f"try{number}").partition(" > ")
        with open(output or os.devnull, "w") as stream:
            ended = subprocess.run(
                [sys.executable, *COMMAND, *arguments.split()],
                cwd=folder,
                stdout=stream,
                stderr=subprocess.PIPE,
                text=True,
                timeout=LIMIT_S,
            )
        return ended.returncode, ended.stderr.replace(f"try{number}", "TRY")

    for found_code, errors in tried(once):
        assert (found_code, errors.count("\n")) == (code, 1), errors
        assert errors.startswith("spikeloop: ")
        assert words in errors


def test_an_interrupted_transfer_prints_one_line(
    folder: Path, tried: Callable[[Try], set[tuple[int, str]]]
) -> None:
    """The signal comes as soon as held-out episodes are running."""

    def once(number: int) -> tuple[int, str]:
        shutil.copytree(folder / "runs" / "small", folder / "tries" / str(number))
        arguments = [*COMMAND, "transfer", f"tries/{number}", "--tasks", "1000", "--seed", "9"]
        with child(arguments, folder, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("transfer to held-out tasks"):
                    break
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate()
        return process.returncode, errors

    for code, errors in tried(once):
        assert (code, errors) == (4, "spikeloop: interrupted\n")
