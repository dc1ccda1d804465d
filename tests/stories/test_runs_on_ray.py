"""Whole runs on Ray, as processes of their own: workers, kills and signals change no number."""

import os
import signal
import subprocess
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.child_processes import SOON_S, assert_gone, child, folder_of, wait_for
from support.command_line import cli, one_line
from support.small_run import SilentReporter, assert_same_contents, small_toml, start_run

from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

pytestmark = pytest.mark.usefixtures("without_figures")

# Some seconds, so that a signal arrives while the run works even if this process is slow.
LONG = {"run": {"generations": 40}, "family": {"n_steps": 20_000}}
ENDLESS = {**LONG, "run": {"generations": 100_000}}


def local(workers: int) -> dict[str, Any]:
    return {"kind": "local", "workers": workers, "dashboard": False}


@pytest.mark.ray
def test_number_of_workers_and_a_killed_one_change_no_table(tmp_path: Path) -> None:
    killed: list[int] = []

    class Killing(SilentReporter):
        """Kills one worker when the first episodes of the second generation are in."""

        searching = False

        def started(self, what: str, n_episodes: int) -> None:
            self.searching = what.startswith("generation 2")

        def episodes_done(self, n_episodes: int) -> None:
            if self.searching and not killed:
                worker = workers_of(os.getpid())[0]
                worker.kill()
                killed.append(worker.pid)

    undisturbed = start_run(tmp_path / "inline")
    assert_same_contents(start_run(tmp_path / "one", target=local(1)), undisturbed)
    two = start_run(tmp_path / "two", Killing(), target=local(2))
    assert killed
    assert_same_contents(two, undisturbed)


def workers_of(pid: int) -> list[psutil.Process]:
    """Find the worker processes below a process; Ray names each after its actor or its call."""
    others = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Ray starts short-ran helpers too
            title = "".join(process.cmdline()[:1])
            if title.startswith("ray::") and not title.startswith(others):
                found.append(process)
    return found


def spikeloop(
    arguments: list[str], cwd: Path, **options: Any
) -> AbstractContextManager[subprocess.Popen[str]]:
    return child(["-m", "spikeloop.coordinator.cli", *arguments], cwd, **options)


@pytest.mark.ray
def test_resume_after_sigkill_gives_identical_tables(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml", **LONG, target=local(2))
    folder = tmp_path / "killed" / "small"
    with spikeloop(["run", "small.toml", "--out", "killed"], tmp_path) as process:
        # Episodes of generation 3 are written, its state perhaps not: the middle of a commit.
        wait_for(process, (folder / "episodes" / "part-000003.parquet").exists)
        workers = workers_of(process.pid)
        family = psutil.Process(process.pid).children(recursive=True)
        names = {p.name() for p in family}
        folder_of_ray = folder_of(family)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert workers  # one or both: the search begins with the first that is ready
    assert names > {"raylet", "gcs_server", "ray::DashboardAgent", "ray::RuntimeEnvAgent"}
    assert_gone(family, "outlived their coordinator", SOON_S)
    assert not folder_of_ray.exists()
    assert 2 <= RunStore(folder).generation() < 40
    with spikeloop(["resume", "killed/small", "--inline"], tmp_path) as resumed:
        output = resumed.communicate()
    assert resumed.returncode == 0, output
    assert_same_contents(folder, start_run(tmp_path / "undisturbed", **LONG))


@pytest.mark.ray
@pytest.mark.parametrize(
    ("sent", "target"),
    [
        ("SIGTERM", "local"),
        ("Ctrl-C", "local"),
        ("SIGHUP", "inline"),
        *(
            pytest.param(sent, target, marks=pytest.mark.exhaustive)
            for sent, target in (
                *(("SIGINT", "local"), ("SIGHUP", "local"), ("SIGTERM", "inline")),
                *(("SIGINT", "inline"), ("Ctrl-C", "inline")),
            )
        ),
    ],
)
def test_a_signal_ends_a_run_resumably(tmp_path: Path, sent: str, target: str) -> None:
    """A process manager signals the coordinator alone, Ctrl-C every process of the run."""
    small_toml(
        tmp_path / "small.toml",
        **ENDLESS,
        target=local(2) if target == "local" else {"kind": "inline"},
    )
    folder = tmp_path / "small"
    arguments = ["run", "small.toml", "--out", "."]
    with spikeloop(arguments, tmp_path, start_new_session=True) as process:
        wait_for(process, (folder / "state" / "000001.npz").exists)
        family = psutil.Process(process.pid).children(recursive=True)
        folder_of_ray = folder_of(family) if target == "local" else tmp_path / "none"
        if sent == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.Signals[sent])
        output, errors = process.communicate()
    assert process.returncode == 4, (output, errors)
    assert errors.count("\n") == 1, errors
    assert "resume with: spikeloop resume small" in errors
    assert "Traceback" not in output + errors
    assert_gone(family, "outlived their run")
    assert not folder_of_ray.exists()
    assert verify(RunStore(folder)).problems == []


def test_a_cluster_that_cannot_start_is_exit_code_3_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ray

    def no_socket(**settings: Any) -> None:
        raise ConnectionError("no free port\nand many more lines")

    monkeypatch.setattr(ray, "init", no_socket)
    config = small_toml(tmp_path / "small.toml", target=local(2))
    assert cli("run", config, "--out", tmp_path) == 3
    assert "no free port; run `spikeloop doctor`" in one_line(capsys)
    assert not (tmp_path / "small").exists()
