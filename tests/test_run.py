"""Whole runs: the same contents whatever happens on the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from small import Silent, assert_same_contents, contents, small_config, small_toml

from spikeloop.cluster.stop import Interrupted, StopSignal
from spikeloop.coordinator import session
from spikeloop.coordinator.config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.manifest import read_config
from spikeloop.coordinator.store import RunStore
from spikeloop.coordinator.verification import verify


def start(config: RunConfig, folder: Path, reporter: Any = None) -> Path:
    session.start(config, folder, reporter or Silent(), StopSignal())
    return folder


def resume(folder: Path) -> None:
    store = RunStore.open(folder)
    session.resume(read_config(store), store, Silent(), StopSignal())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(small_config(), tmp_path_factory.mktemp("undisturbed") / "small")


def test_run_leaves_every_table_and_verifies(undisturbed: Path) -> None:
    tables = contents(undisturbed)
    assert {name: len(table) for name, table in tables.items()} == {
        "generations": 3,
        "candidates": 18,
        "lives": 72,
        "curves": 12,  # before the search, after generations 2 and 3
        "transfer": 30,
    }
    assert verify(RunStore(undisturbed)).problems == []


def test_same_seed_same_contents(undisturbed: Path, tmp_path: Path) -> None:
    assert_same_contents(start(small_config(), tmp_path / "small"), undisturbed)


def test_other_seed_other_contents(undisturbed: Path, tmp_path: Path) -> None:
    other = start(small_config(run={"seed": 8}), tmp_path / "small")
    with pytest.raises(AssertionError):
        assert_same_contents(other, undisturbed)


def test_tile_shape_changes_no_life(undisturbed: Path, tmp_path: Path) -> None:
    changes = {"tile_candidates": 5, "tile_tasks": 3}
    assert_same_contents(start(small_config(run=changes), tmp_path / "small"), undisturbed)


def test_held_out_tasks_are_never_those_of_the_search(undisturbed: Path) -> None:
    tables = contents(undisturbed)
    searched = set(tables["lives"]["optimal"])
    assert searched.isdisjoint(tables["transfer"]["optimal"])
    assert searched.isdisjoint(tables["curves"]["optimal"])
    assert set(tables["curves"]["optimal"]).isdisjoint(tables["transfer"]["optimal"])


class Crash(BaseException):
    """A process that is gone at this point."""


def test_crash_at_every_rename_then_resume(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run dies at its first rename, is resumed and dies at the second, and so on to the end."""
    replace, folder = os.replace, tmp_path / "small"
    deaths = 0

    def crash_before(source: Any, target: Any) -> None:
        if Path(target).name not in survived:
            survived.add(Path(target).name)
            raise Crash
        replace(source, target)

    survived = {"run.json"}  # without it there is no run to resume
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", crash_before)
        while True:
            try:
                if folder.exists():
                    resume(folder)
                else:
                    start(small_config(), folder)
                break
            except Crash:
                deaths += 1
    assert deaths >= 8
    assert_same_contents(folder, undisturbed)
    assert verify(RunStore(folder)).problems == []


def test_interrupt_between_jobs_then_resume(undisturbed: Path, tmp_path: Path) -> None:
    stop = StopSignal()

    class Interrupting(Silent):
        def generation(self, report: object) -> None:
            stop.requested = True

    with pytest.raises(Interrupted):
        session.start(small_config(), tmp_path / "small", Interrupting(), stop)
    assert RunStore(tmp_path / "small").generation() == 1
    resume(tmp_path / "small")
    assert_same_contents(tmp_path / "small", undisturbed)


def test_finished_run_can_be_resumed_without_change(undisturbed: Path, tmp_path: Path) -> None:
    folder = start(small_config(), tmp_path / "small")
    resume(folder)
    assert_same_contents(folder, undisturbed)


def test_too_many_failures_end_the_run_with_one_traceback(tmp_path: Path) -> None:
    config = small_config(learner={"kind": "faulty:Echo", "fault": "raise", "broken_from": 0.0})
    with pytest.raises(RunFailed, match=r"more than run\.max_failed_share") as error:
        start(config, tmp_path / "small")
    assert "Traceback" in error.value.traceback


# --- with Ray ---------------------------------------------------------------------------------


def local(workers: int) -> dict[str, Any]:
    return {"kind": "local", "workers": workers, "dashboard": False}


@pytest.mark.ray
@pytest.mark.parametrize("workers", [1, 2])
def test_number_of_workers_changes_nothing(undisturbed: Path, tmp_path: Path, workers: int) -> None:
    config = small_config(target=local(workers))
    assert_same_contents(start(config, tmp_path / "small"), undisturbed)


@pytest.mark.ray
def test_killed_worker_changes_nothing(undisturbed: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    class Killing(Silent):
        """Kills one worker when the first lives of the second generation are in."""

        searching = False

        def started(self, what: str, n_lives: int) -> None:
            self.searching = what.startswith("generation 2")

        def lived(self, n_lives: int) -> None:
            if self.searching and not killed:
                worker = workers_of(os.getpid())[0]
                worker.kill()
                killed.append(worker.pid)

    folder = start(small_config(target=local(2)), tmp_path / "small", Killing())
    assert killed
    assert_same_contents(folder, undisturbed)


def workers_of(pid: int) -> list[psutil.Process]:
    """The worker processes below a process: Ray names each after its actor's class."""
    family = psutil.Process(pid).children(recursive=True)
    return [p for p in family if any("ray::LifeWorker" in part for part in p.cmdline())]


def spawn(arguments: list[str], cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "spikeloop.coordinator.cli", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Returns as soon as a point is reached; fails if the process ends before it."""
    while not reached():
        try:
            process.wait(timeout=0.005)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"ended too early: {process.communicate()}")


# Long enough lives for a signal to hit the run while it is at work.
LONG = {"run": {"generations": 12}, "family": {"n_steps": 20_000}}


@pytest.mark.ray
def test_coordinator_killed_then_resumed_equals_undisturbed(tmp_path: Path) -> None:
    changes = {**LONG, "target": local(2)}
    small_toml(tmp_path / "small.toml", **changes)
    process = spawn(["run", "small.toml", "--out", "killed"], tmp_path)
    folder = tmp_path / "killed" / "small"
    # The lives of generation 3 are written, its state perhaps not: the middle of a commit.
    wait_for(process, (folder / "lives" / "part-000003.parquet").exists)
    workers = workers_of(process.pid)
    assert len(workers) == 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == [], "workers outlived their coordinator"
    assert RunStore(folder).generation() in (2, 3)
    resumed = spawn(["resume", "killed/small", "--inline"], tmp_path)
    output = resumed.communicate()
    assert resumed.returncode == 0, output
    undisturbed = start(small_config(**LONG), tmp_path / "undisturbed")
    assert_same_contents(folder, undisturbed)


@pytest.mark.ray
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("target", ["local", "inline"])
def test_signal_ends_a_run_resumably(tmp_path: Path, number: signal.Signals, target: str) -> None:
    changes = {**LONG, "target": local(2) if target == "local" else {"kind": "inline"}}
    small_toml(tmp_path / "small.toml", **changes)
    process = spawn(["run", "small.toml", "--out", "."], tmp_path)
    folder = tmp_path / "small"
    wait_for(process, (folder / "state" / "000001.npz").exists)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 4, (output, errors)
    assert errors.count("\n") == 1, errors
    assert "resume with: spikeloop resume small" in errors
    assert "Traceback" not in output + errors
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    assert verify(RunStore(folder)).problems == []
