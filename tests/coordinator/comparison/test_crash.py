"""A comparison that is killed at random moments and resumed ends as an undisturbed one does."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from contest import assert_same_comparison, write_toml

DRIVER = '''
"""Runs the command line and kills its own process at the n-th thing that it makes durable."""
import os, signal, sys
from optuna.storages import RDBStorage
from spikeloop.coordinator import files
from spikeloop.coordinator.cli import main

count, deadline = 0, int(sys.argv[1])

def counted(function, after):
    def call(*arguments, **keywords):
        global count
        count += 1
        if count == deadline and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **keywords)
        if count == deadline and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

after = deadline % 2 == 0
files.write_bytes = counted(files.write_bytes, after)
for name in dir(RDBStorage):
    if name.startswith(("set_", "create_")):
        setattr(RDBStorage, name, counted(getattr(RDBStorage, name), after))
try:
    main(sys.argv[2:])
finally:
    print("events", count)
'''


def drive(deadline: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DRIVER, str(deadline), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A comparison's folder, and how many things it made durable."""
    folder = tmp_path_factory.mktemp("undisturbed")
    config = write_toml(folder / "small.toml")
    done = drive(0, "compare", str(config), "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder / "small", int(done.stdout.rsplit("events", 1)[1])


@pytest.mark.slow
def test_killed_five_times_it_ends_with_the_same_trials_and_findings(
    undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    whole, n_events = undisturbed
    config = write_toml(tmp_path / "small.toml")
    folder = tmp_path / "small"
    moments = random.Random(1)
    command = ["compare", str(config), "--out", str(tmp_path)]
    for _ in range(5):  # at most a sixth of the whole each time, so that something is left to kill
        done = drive(moments.randint(2, n_events // 6), *command)
        assert done.returncode == -signal.SIGKILL, done.stderr
        if (folder / "comparison.json").exists():
            command = ["resume", str(folder)]
    done = drive(0, *command)
    assert done.returncode == 0, done.stderr
    assert_same_comparison(folder, whole)


def test_another_seed_gives_another_comparison(
    undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    """The negative control: the assert above sees a difference where there is one."""
    config = write_toml(tmp_path / "small.toml", seed="seed = 4")
    assert drive(0, "compare", str(config), "--out", str(tmp_path)).returncode == 0
    with pytest.raises(AssertionError):
        assert_same_comparison(tmp_path / "small", undisturbed[0])
