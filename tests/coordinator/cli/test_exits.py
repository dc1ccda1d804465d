"""Every error ends the process with its own exit code and one line, and prints nothing more.

A process is started for each try, because libraries with threads fail at its very end, now and
then. ``SPIKELOOP_EXITS=200`` makes 200 tries of each error, as many at once as there are cores.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S, child
from support.command_line import cli
from support.paths import OWN_CLASSES
from support.small_run import small_toml

TRIES = int(os.environ.get("SPIKELOOP_EXITS", "1"))
COMMAND = ["-m", "spikeloop.coordinator.cli"]

ERRORS = {
    "no configuration": ("run none.toml", 2, "none.toml: cannot be read"),
    "unknown key": ("run small.toml --set strategy.sigm=1.0", 2, "did you mean 'sigma'?"),
    "unknown command": ("rnu small.toml", 2, "No such command 'rnu'"),
    "options that exclude each other": ("run small.toml --workers 2 --inline", 2, "exclude each"),
    "unknown list": ("list familys", 2, "did you mean 'families'?"),
    "no run": ("verify nowhere", 2, "nowhere: not a run folder"),
    "existing run": ("run small.toml", 2, "exists already; resume it with"),
    "policies without mazes": ("policies runs/small", 2, "kind must be maze to draw policies"),
    "episodes without networks": ("episodes runs/small", 2, "runs/small: [learner] kind must be"),
    "export of another learner": ("export runs/small --to nir", 2, "--to nir is for networks"),
    "too few points": ("transfer runs/small --tasks 5000", 2, "must be at least tasks"),
    "resume of damage": ("resume runs/damaged", 2, "part-000002.parquet: damaged"),
    "transfer of damage": ("transfer runs/damaged --seed 3", 2, "000003.npz: damaged"),
    "report of damage": ("report runs/damaged", 2, "part-000002.parquet: damaged"),
    "problems found": ("verify runs/damaged", 1, "2 problem(s); the first: "),
    "failing episodes": ("run faulty.toml --set run.name=TRY", 1, "24 of 24 episodes failed"),
    "failing plan": ("plan faulty.toml", 1, "failed"),
    "no cluster": ("status --address http://127.0.0.1:1 small", 3, "127.0.0.1:1"),
    "full disk": ("list > /dev/full", 3, "No space left on device"),
}
"""Command, exit code, and words of the line."""


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


def tried(name: str, once: Callable[[int], tuple[int, str]]) -> Counter[tuple[int, str]]:
    """How often each exit code and standard error came in all tries, which is printed too."""
    with ThreadPoolExecutor(os.cpu_count() if TRIES > 1 else 1) as pool:
        found = Counter(pool.map(once, range(TRIES)))
    codes = Counter({code: n for (code, _), n in found.items()})
    lines = {errors.count("\n") for _, errors in found}
    print(f"{name:32} {TRIES:4} tries, exit codes {dict(codes)}, lines of errors {lines}")
    return found


SAMPLE = {"unknown key", "unknown command", "existing run", "resume of damage"}
SAMPLE |= {"problems found", "failing episodes", "no cluster", "full disk"}
"""Errors that the default run tries."""


@pytest.mark.parametrize(
    "name",
    [
        name if name in SAMPLE else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in ERRORS
    ],
)
def test_the_exit_code_and_the_one_line_are_those_of_the_error(name: str, folder: Path) -> None:
    command, code, words = ERRORS[name]

    def once(number: int) -> tuple[int, str]:
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

    for found_code, errors in tried(name, once):
        assert (found_code, errors.count("\n")) == (code, 1), errors
        assert errors.startswith("spikeloop: ")
        assert words in errors


def test_a_transfer_that_is_interrupted_prints_one_line(folder: Path) -> None:
    """The signal comes as soon as held-out episodes are under way, wherever that may be."""

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

    for code, errors in tried("interrupted transfer", once):
        assert (code, errors) == (4, "spikeloop: interrupted\n")
