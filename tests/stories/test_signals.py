"""Signals, closed terminals and kills: a run ends resumably, and leaves no process behind."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.child_processes import (
    SOON_S,
    assert_gone,
    child,
    folder_of,
    wait_for,
    worker_processes,
)
from support.small_comparison import comparison_toml
from support.small_run import assert_same_contents, small_config, small_toml, start_config

from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

COMMAND = ["-m", "spikeloop.coordinator.cli"]
RUN = [*COMMAND, "run", "small.toml", "--out", "."]
LOCAL = {"target": {"kind": "local", "workers": 2, "dashboard": False}}
# Some seconds, so that a signal hits the run at work even if this process is slow to send it.
LONG = {"run": {"generations": 10}, "family": {"n_steps": 12_000}}
ENDLESS = {**LONG, "run": {"generations": 100_000}}


@contextmanager
def on_a_terminal(
    folder: Path, hangups: signal.Handlers = signal.SIG_DFL
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a run as the leader of a terminal's session; the descriptor is the terminal."""
    terminal, inside = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, hangups)

    process = subprocess.Popen(
        [sys.executable, *RUN],
        cwd=folder,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(inside)
    os.set_blocking(terminal, False)
    try:
        yield process, terminal
    finally:
        process.kill()
        process.wait()


def processes_of(process: subprocess.Popen[Any]) -> tuple[list[psutil.Process], Path]:
    """Return the processes below one, and the folder of its cluster."""
    family = psutil.Process(process.pid).children(recursive=True)
    return family, folder_of(family)


def wait_for_state(process: subprocess.Popen[bytes], terminal: int, folder: Path) -> None:
    """Wait for the first commit; empty the terminal meanwhile, so that no write to it blocks."""

    def reached() -> bool:
        with suppress(BlockingIOError):
            os.read(terminal, 65536)
        return (folder / "state" / "000001.npz").exists()

    wait_for(process, reached)


@pytest.mark.exhaustive
@pytest.mark.ray
def test_closed_terminal_ends_a_run_resumably(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml", **ENDLESS, **LOCAL)
    folder = tmp_path / "small"
    with on_a_terminal(tmp_path) as (process, terminal):
        wait_for_state(process, terminal, folder)
        family, ray = processes_of(process)
        os.close(terminal)
        os.killpg(process.pid, signal.SIGHUP)  # as a shell does for all processes of its jobs
        assert process.wait(SOON_S) == 4
    assert_gone(family, "outlived their terminal", SOON_S)
    assert not ray.exists()
    assert RunStore(folder).generation() >= 1
    assert verify(RunStore(folder)).problems == []


@pytest.mark.exhaustive
def test_run_that_ignores_hangups_goes_on_without_its_terminal(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml", **ENDLESS)
    store = RunStore(tmp_path / "small")
    with on_a_terminal(tmp_path, signal.SIG_IGN) as (process, terminal):
        wait_for_state(process, terminal, tmp_path / "small")
        os.close(terminal)
        os.killpg(process.pid, signal.SIGHUP)
        later = store.generation() + 3
        wait_for(process, lambda: store.generation() >= later)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_S) == 4
    assert verify(store).problems == []


def exhaustive(target: str, sent: str) -> object:
    marks = [pytest.mark.exhaustive, *([pytest.mark.ray] if target == "local" else [])]
    return pytest.param(target, sent, marks=marks)


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        pytest.param("local", "Ctrl-C", marks=pytest.mark.ray),
        ("inline", "SIGINT"),
        exhaustive("local", "SIGTERM"),
        exhaustive("local", "SIGINT"),
        exhaustive("local", "SIGHUP"),
        exhaustive("inline", "SIGTERM"),
        exhaustive("inline", "SIGHUP"),
        exhaustive("inline", "Ctrl-C"),
    ],
)
def test_signal_ends_a_run_resumably(tmp_path: Path, sent: str, target: str) -> None:
    """A process manager signals the coordinator alone; Ctrl-C reaches every process of the run."""
    small_toml(tmp_path / "small.toml", **ENDLESS, **(LOCAL if target == "local" else {}))
    folder = tmp_path / "small"
    with child(RUN, tmp_path, start_new_session=True) as process:
        wait_for(process, (folder / "state" / "000001.npz").exists)
        family = psutil.Process(process.pid).children(recursive=True)
        ray = folder_of(family) if target == "local" else tmp_path / "none"
        if sent == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.Signals[sent])
        output, errors = process.communicate()
    assert process.returncode == 4, (output, errors)
    assert errors.count("\n") == 1, errors
    assert "spikeloop resume small" in errors
    assert "Traceback" not in output
    assert_gone(family, "outlived their run")
    assert not ray.exists()
    assert verify(RunStore(folder)).problems == []


@pytest.mark.ray
def test_resume_after_sigkill_of_the_coordinator_gives_identical_tables(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml", **LONG, **LOCAL)
    folder = tmp_path / "small"
    with child(RUN, tmp_path) as process:
        # The episodes of generation 3 are written, its state perhaps not: the middle of a commit.
        wait_for(process, (folder / "episodes" / "part-000003.parquet").exists)
        workers = worker_processes(process.pid)
        family, ray = processes_of(process)
        names = {p.name() for p in family}
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert workers  # one or both: the search begins with the first that is ready
    assert names > {"raylet", "gcs_server", "ray::DashboardAgent", "ray::RuntimeEnvAgent"}
    assert_gone(family, "outlived their coordinator", SOON_S)
    assert not ray.exists()
    assert 2 <= RunStore(folder).generation() < 10
    with child([*COMMAND, "resume", "small", "--inline"], tmp_path) as resumed:
        output = resumed.communicate()
    assert resumed.returncode == 0, output
    assert_same_contents(folder, start_config(small_config(**LONG), tmp_path / "undisturbed"))


@pytest.mark.exhaustive
@pytest.mark.ray
@pytest.mark.parametrize(("sent", "code"), [("SIGKILL", -signal.SIGKILL), ("SIGHUP", 4)])
def test_no_process_outlives_a_comparison(tmp_path: Path, sent: str, code: int) -> None:
    comparison_toml(
        tmp_path / "small.toml",
        budget="budget = 96000",
        episodes="episodes = 480000",
        n_steps="n_steps = 2000",
    )
    arguments = [*COMMAND, "compare", "small.toml", "--workers", "2", "--out", "."]
    with child(arguments, tmp_path) as process:
        wait_for(process, lambda: any((tmp_path / "small").glob("**/*.npz")))
        family, ray = processes_of(process)
        process.send_signal(signal.Signals[sent])
        output, errors = process.communicate()
    assert process.returncode == code, (output, errors)
    assert_gone(family, "outlived their comparison", SOON_S)
    assert not ray.exists()
