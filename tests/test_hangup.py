"""A closed terminal ends a run as SIGTERM does, a kill leaves nothing, and ``nohup`` goes on."""

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

import psutil
import pytest
from contest import write_toml
from processes import SOON_S, assert_gone, child, folder_of, wait_for
from small import small_toml

from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

ENDLESS = {"run": {"generations": 100_000}, "family": {"n_steps": 20_000}}
LOCAL = {"target": {"kind": "local", "workers": 2}}
COMMAND = [sys.executable, "-m", "spikeloop.coordinator.cli"]


@contextmanager
def on_a_terminal(
    arguments: list[str], cwd: Path, hangups: signal.Handlers = signal.SIG_DFL
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command as the leader of a terminal's session, and the descriptor that is the terminal."""
    terminal, inside = pty.openpty()

    def take_it() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, hangups)

    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        preexec_fn=take_it,
    )
    os.close(inside)
    os.set_blocking(terminal, False)
    try:
        yield process, terminal
    finally:
        process.kill()
        process.wait()


def read(terminal: int) -> bool:
    """Empties a terminal, so that nobody waits to write to it; False, to be asked again."""
    with suppress(BlockingIOError):
        os.read(terminal, 65536)
    return False


@pytest.mark.ray
def test_a_closed_terminal_ends_a_run_resumably(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml", **ENDLESS, **LOCAL)
    folder = tmp_path / "small"
    with on_a_terminal(["run", "small.toml", "--out", "."], tmp_path) as (process, terminal):
        reached = folder / "state" / "000001.npz"
        wait_for(process, lambda: read(terminal) or reached.exists())
        family = psutil.Process(process.pid).children(recursive=True)
        ray = folder_of(family)
        os.close(terminal)
        # A shell passes the signal on to all processes of its jobs.
        os.killpg(process.pid, signal.SIGHUP)
        assert process.wait(SOON_S) == 4
    assert_gone(family, "outlived their terminal", SOON_S)
    assert not ray.exists()
    assert RunStore(folder).generation() >= 1
    assert verify(RunStore(folder)).problems == []


def test_a_run_that_ignores_hangups_goes_on_without_its_terminal(tmp_path: Path) -> None:
    """As under ``nohup``; the lines that it would print go nowhere."""
    small_toml(tmp_path / "small.toml", **ENDLESS)
    folder = tmp_path / "small"
    arguments = ["run", "small.toml", "--out", "."]
    with on_a_terminal(arguments, tmp_path, signal.SIG_IGN) as (process, terminal):
        reached = folder / "state" / "000001.npz"
        wait_for(process, lambda: read(terminal) or reached.exists())
        os.close(terminal)
        os.killpg(process.pid, signal.SIGHUP)
        store = RunStore(folder)
        later = store.generation() + 3
        wait_for(process, lambda: store.generation() >= later)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_S) == 4
    assert verify(RunStore(folder)).problems == []


@pytest.mark.ray
@pytest.mark.parametrize(("sent", "code"), [("SIGHUP", 4), ("SIGKILL", -signal.SIGKILL)])
def test_nothing_outlives_a_comparison(tmp_path: Path, sent: str, code: int) -> None:
    write_toml(
        tmp_path / "small.toml",
        budget="budget = 96000",
        episodes="episodes = 480000",
        n_steps="n_steps = 2000",
    )
    arguments = [*COMMAND[1:], "compare", "small.toml", "--workers", "2", "--out", "."]
    with child(arguments, tmp_path) as process:
        wait_for(process, lambda: any((tmp_path / "small").glob("**/*.npz")))
        family = psutil.Process(process.pid).children(recursive=True)
        ray = folder_of(family)
        process.send_signal(signal.Signals[sent])
        output, errors = process.communicate()
    assert process.returncode == code, (output, errors)
    assert_gone(family, "outlived their comparison", SOON_S)
    assert not ray.exists()
