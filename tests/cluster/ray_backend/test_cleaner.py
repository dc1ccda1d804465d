"""What a cluster has started ends with its coordinator, and nothing else does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.child_processes import SOON_S, assert_gone, child, ended

from spikeloop.cluster.ray_backend.cleaner import MARK, cleaned_up

COORDINATOR = """
import subprocess, sys
from pathlib import Path
from spikeloop.cluster.ray_backend.cleaner import cleaned_up
from spikeloop.workers.environment import environment

with cleaned_up(Path(sys.argv[1])) as marks:
    with environment(marks):
        # One that leaves its parent, as a daemon does, and one that ignores polite signals.
        far = subprocess.run(["sh", "-c", "setsid sleep 600 > /dev/null & echo $!"],
                             stdout=subprocess.PIPE, text=True).stdout
        deaf = subprocess.Popen(["sh", "-c", "trap '' TERM HUP; sleep 600; sleep 600"])
    print(far.strip(), deaf.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def others() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are none of the cluster's: without a mark, and with another one."""
    environments = (dict(os.environ), {**os.environ, MARK: "0" * 32}, {"X": MARK})
    found = [subprocess.Popen(["sleep", "600"], env=environment) for environment in environments]
    yield found
    for process in found:
        process.kill()
        process.wait()


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_everything_marked_ends_and_nothing_else(
    tmp_path: Path, others: list[subprocess.Popen[bytes]], how: str
) -> None:
    folder = tmp_path / "folder"
    (folder / "within").mkdir(parents=True)
    arguments = ["-c", COORDINATOR, str(folder)]
    with child(arguments, tmp_path, stdin=subprocess.PIPE) as coordinator:
        assert coordinator.stdout is not None
        started = [psutil.Process(int(word)) for word in coordinator.stdout.readline().split()]
        family = psutil.Process(coordinator.pid).children(recursive=True)
        assert len(started) == 2
        if how == "killed":
            coordinator.send_signal(signal.SIGKILL)
        coordinator.communicate()
    assert coordinator.returncode == (-signal.SIGKILL if how == "killed" else 0)
    assert_gone([*started, *family], "outlived their coordinator", SOON_S)
    assert folder.exists() == (how == "ended")
    assert [process.poll() for process in others] == [None] * len(others)


def test_a_cleaner_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    with cleaned_up(tmp_path):
        cleaner = [p for p in psutil.Process().children() if "cleaner.py" in " ".join(p.cmdline())]
        assert len(cleaner) == 1
        cleaner[0].kill()
        cleaner[0].wait()
    assert tmp_path.exists()


def test_the_program_needs_nothing_of_the_package(tmp_path: Path) -> None:
    """It must be small; the package imports numpy and pydantic."""
    from spikeloop.cluster.ray_backend import cleaner

    code = f"import runpy, sys; runpy.run_path({cleaner.__file__!r}, run_name='__main__')"
    code += "; print([name for name in sys.modules if name.startswith(('spikeloop', 'numpy'))])"
    command = [sys.executable, "-c", code]
    assert ended(command, cwd=tmp_path, stdin=subprocess.DEVNULL) == (0, "[]", "")
