"""Runs that share a cluster: one without free cores waits, and then gives the same numbers."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import LIMIT_S, child
from support.paths import OWN_CLASSES
from support.ray_head import TOKEN, Head, ray_head
from support.small_run import assert_same_contents, small_toml

from spikeloop.coordinator.store.run_store import RunStore


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with ray_head(cores=2) as started:
        yield started


def config(folder: Path, name: str, gate: Path) -> Path:
    """A run of its own name whose episodes begin once the gate exists, beside its learner."""
    folder.mkdir()
    (folder / "waiting_learner.py").write_text((OWN_CLASSES / "waiting_learner.py").read_text())
    learner = {"kind": "waiting_learner:Gated", "gate": str(gate)}
    return small_toml(folder / "run.toml", learner=learner, run={"name": name})


@contextmanager
def started(config: Path, cluster: Head, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The run on the cluster, in a process of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the head is on 127.0.0.1
        "XDG_STATE_HOME": str(config.parent / "state"),
    }
    to = ["--address", f"127.0.0.1:{cluster.gcs_port}", "--out", "runs", *options]
    arguments = ["-m", "spikeloop.coordinator.cli", "run", str(config), *to]
    with child(arguments, config.parent, env=environment) as process:
        yield process


def said(process: subprocess.Popen[str], begins: str) -> str:
    """The next line of a process that begins so; fails if it ends before."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if line.startswith(begins):
            return line.strip()
        lines.append(line)
    pytest.fail(f"{process.wait()}: {''.join(lines)}{process.communicate()}")


def spikeloop(folder: Path, *arguments: str) -> str:
    """What a command prints that is to succeed.

    It has a process of its own, which finds the learner in a folder, and leaves it to other tests
    in this one how Ray is set up.
    """
    words = [sys.executable, "-m", "spikeloop.coordinator.cli", *arguments]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def assert_as_undisturbed(config: Path, name: str) -> None:
    """The tables of a run are those of the same run without a cluster."""
    spikeloop(config.parent, "run", str(config), "--out", "alone", "--inline")
    assert_same_contents(config.parent / "runs" / name, config.parent / "alone" / name)


@pytest.mark.exhaustive
@pytest.mark.ray
def test_two_runs_with_a_limit_on_their_workers_work_side_by_side(
    cluster: Head, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first, second = config(tmp_path / "a", "one", gate), config(tmp_path / "b", "two", gate)
    with (
        started(first, cluster, "--workers", "1") as one,
        started(second, cluster, "--workers", "1") as two,
    ):
        for run in (one, two):
            said(run, "starting 1 worker")  # and holds it
        gate.touch()
        outputs = [run.communicate() for run in (one, two)]
        assert (one.returncode, two.returncode) == (0, 0), outputs


@pytest.mark.exhaustive
@pytest.mark.ray
def test_a_submitted_run_is_shown_as_waiting_and_has_no_more_workers_than_asked_for(
    cluster: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    gate = tmp_path / "gate"
    first, second = config(tmp_path / "a", "hog", gate), config(tmp_path / "b", "sent", gate)

    def there(*arguments: str) -> str:
        return spikeloop(second.parent, *arguments, "--address", cluster.url)

    def status() -> dict[str, Any]:
        value: dict[str, Any] = json.loads(there("status", "sent", "--json"))
        return value

    submit = "submit", str(second), "--workers", "1"
    with started(first, cluster) as hog:
        said(hog, "starting 2 workers")
        there(*submit)
        deadline = time.monotonic() + LIMIT_S
        while (state := status())["state"] in ("pending", "running"):
            assert time.monotonic() < deadline, state
        line = "waiting for cores: 2 of 2 are used by run 'hog'"
        assert (state["state"], state["reason"]) == ("waiting", line)
        gate.touch()
        there(*submit, "--wait")
        assert hog.communicate()[1] == ""
    assert status()["state"] == "succeeded"
    there("fetch", "sent", "--out", "runs")
    assert_as_undisturbed(second, "sent")
    episodes = RunStore(tmp_path / "b" / "runs" / "sent").table("episodes")
    assert episodes is not None
    assert len(set(episodes["worker"].to_pylist())) == 1


@pytest.mark.ray
def test_a_run_waits_for_another_runs_cores_and_both_give_identical_tables(
    cluster: Head, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first, second = config(tmp_path / "a", "hog", gate), config(tmp_path / "b", "late", gate)
    with started(first, cluster) as hog:
        assert said(hog, "starting 2 workers") == "starting 2 workers: 2 compiling"
        with started(second, cluster) as late:
            line = said(late, "waiting for cores")
            assert line == "waiting for cores: 2 of 2 are used by run 'hog'"
            gate.touch()
            outputs = [process.communicate() for process in (hog, late)]
            assert (hog.returncode, late.returncode) == (0, 0), outputs
    assert_as_undisturbed(first, "hog")
    assert_as_undisturbed(second, "late")
