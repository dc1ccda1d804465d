"""Child processes of tests: watched, so that a test fails instead of waiting for ever."""

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
"""A child is killed after this time: many times what it needs on a busy machine."""
SOON_S = 30.0
"""What a killed process has started must be gone within this time; that takes less than a second,
where Ray alone needs a minute."""


@contextmanager
def child(arguments: list[str], cwd: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Runs Python with these arguments; whatever is read or awaited from it ends at the limit."""
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


def folder_of(family: list[psutil.Process]) -> Path:
    """The folder that a run's cluster was given, from the command line of its node service."""
    for process in family:
        with suppress(psutil.NoSuchProcess):
            for word in process.cmdline():
                if word.startswith("--temp_dir="):
                    folder = Path(word.partition("=")[2]).parent
                    assert folder.name.startswith("spikeloop-"), folder
                    return folder
    pytest.fail(f"no node service among {family}")


def wait_for(process: subprocess.Popen[Any], reached: Callable[[], bool]) -> None:
    """Returns as soon as a point is reached; fails if the child ends before it."""
    while not reached():
        try:
            process.wait(timeout=0.005)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"ended before the point: {process.returncode}, {process.communicate()}")


def assert_gone(processes: list[psutil.Process], why: str, limit_s: float = LIMIT_S) -> None:
    """All these processes end, at the latest within the limit."""
    _, alive = psutil.wait_procs(processes, timeout=limit_s)
    assert alive == [], why
