"""Runs on a cluster that runs already: they share its cores, and come from one of its nodes."""

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
from support.child_processes import LIMIT_S, child, ended
from support.paths import OWN_CLASSES
from support.ray_head import TOKEN, Head, ray_head
from support.small_run import assert_same_contents, small_toml

from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.ray

CLI = ["-m", "spikeloop.coordinator.cli"]
ALONE = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() else [])]
ALONE += ["--pid", "--fork", "--mount-proc", "--kill-child"]
"""What a command begins with that is to see no process of this machine: no raylet, as elsewhere."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with ray_head(cores=2) as started:
        yield started


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Clients are processes of their own, because Ray reads its token once."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # the head is on 127.0.0.1
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def spikeloop(folder: Path, *arguments: str) -> str:
    """What a command prints that is to succeed."""
    code, output, errors = ended([sys.executable, *CLI, *arguments], cwd=folder)
    assert code == 0, (output, errors)
    return output


def config(folder: Path, name: str, gate: Path) -> Path:
    """A run of its own name whose episodes begin once the gate exists, beside its learner."""
    folder.mkdir()
    (folder / "waiting_learner.py").write_text((OWN_CLASSES / "waiting_learner.py").read_text())
    learner = {"kind": "waiting_learner:Gated", "gate": str(gate)}
    return small_toml(folder / "run.toml", learner=learner, run={"name": name})


@contextmanager
def started(config: Path, cluster: Head, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The run on the cluster."""
    to = ["--address", cluster.address, "--out", "runs", *options]
    with child([*CLI, "run", str(config), *to], config.parent) as process:
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


def assert_as_undisturbed(config: Path, name: str) -> None:
    """The tables of a run are those of the same run without a cluster."""
    spikeloop(config.parent, "run", str(config), "--out", "alone", "--inline")
    assert_same_contents(config.parent / "runs" / name, config.parent / "alone" / name)


@pytest.mark.exhaustive
def test_a_run_waits_for_another_runs_cores_and_both_give_identical_tables(
    cluster: Head, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first, second = config(tmp_path / "a", "hog", gate), config(tmp_path / "b", "late", gate)
    with started(first, cluster) as hog:
        said(hog, "starting 2 workers")  # and holds their cores
        with started(second, cluster) as late:
            line = said(late, "waiting for cores")
            assert line == "waiting for cores: 2 of 2 are used by run 'hog'"
            gate.touch()
            outputs = [process.communicate() for process in (hog, late)]
            assert (hog.returncode, late.returncode) == (0, 0), outputs
            assert [errors for _, errors in outputs] == ["", ""]
    assert_as_undisturbed(second, "late")
    assert_same_contents(tmp_path / "a" / "runs" / "hog", tmp_path / "b" / "runs" / "late")


@pytest.mark.exhaustive
def test_a_submitted_run_is_shown_as_waiting_and_has_no_more_workers_than_asked_for(
    cluster: Head, tmp_path: Path
) -> None:
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


@pytest.mark.skipif(
    subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode != 0,
    reason="needs namespaces of processes",
)
def test_a_run_from_a_machine_that_is_no_node_is_refused(cluster: Head, tmp_path: Path) -> None:
    run = ["run", str(small_toml(tmp_path / "small.toml")), "--out", "runs"]
    command = [*ALONE, sys.executable, *CLI, *run, "--address", cluster.address]
    code, _, errors = ended(command, cwd=tmp_path)
    assert code == 3
    no_node = f"this machine is no node of the Ray cluster at {cluster.address}"
    assert errors.startswith(f"spikeloop: {no_node}")
    assert f"`ray start --address={cluster.address} --num-cpus=0`" in errors
    assert "`spikeloop submit --address http://127.0.0.1:8265`" in errors
    assert "\n" not in errors
    assert not (tmp_path / "runs" / "small").exists()
