"""Child processes with a time limit, so that a test fails instead of waiting without end."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

LIMIT_S = 300.0
"""A child is killed after this time, many times what it needs on a busy machine."""
SOON_S = 30.0
"""Processes that a killed process started must be gone within this time. That takes less than a
second, where Ray alone needs a minute."""


@contextmanager
def child(arguments: list[str], cwd: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments and kill it at the limit."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.daemon = True
    watchdog.start()
    with process:
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def ended(command: list[str], **options: Any) -> tuple[int, str, str]:
    """Exit code, output and errors of a program that has to end within the limit."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT_S, **options
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def printed(code: str, *arguments: str, cwd: Path | None = None, **variables: str) -> str:
    """What a script prints in a Python of its own, which finds the modules that this one finds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    command = [sys.executable, "-c", code, *arguments]
    status, output, errors = ended(command, cwd=cwd, env=environment)
    assert status == 0, errors
    return output


def folder_of(family: list[psutil.Process]) -> Path:
    """Return the folder of a run's cluster, from the command line of its node service."""
    for process in family:
        with suppress(psutil.NoSuchProcess):
            for word in process.cmdline():
                if word.startswith("--temp_dir="):
                    folder = Path(word.partition("=")[2]).parent
                    assert folder.name.startswith("spikeloop-"), folder
                    return folder
    pytest.fail(f"no node service among {family}")


def worker_processes(pid: int) -> list[psutil.Process]:
    """Return the workers below a process: Ray names each after its actor, or what it runs now."""
    others = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Ray starts short-ran helpers too
            title = "".join(process.cmdline()[:1])
            if title.startswith("ray::") and not title.startswith(others):
                found.append(process)
    return found


def wait_for(process: subprocess.Popen[Any], reached: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail if the child ends before."""
    while not reached():
        try:
            process.wait(timeout=0.005)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"ended before the point: {process.returncode}, {process.communicate()}")


def assert_gone(processes: list[psutil.Process], why: str, limit_s: float = LIMIT_S) -> None:
    """Fail unless all these processes end within the limit."""
    _, alive = psutil.wait_procs(processes, timeout=limit_s)
    assert alive == [], why
