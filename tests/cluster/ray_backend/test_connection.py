"""A run from a machine that is no node of the cluster fails with one line that says what to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ray_head import TOKEN, Head, ray_head
from support.small_run import small_toml

pytestmark = pytest.mark.ray

ALONE = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() else [])]
ALONE += ["--pid", "--fork", "--mount-proc", "--kill-child"]
"""What a command begins with that is to see no process of this machine: no raylet, as elsewhere."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with ray_head(cores=1) as started:
        yield started


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # the head is on 127.0.0.1
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def said(command: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


may_be_alone = pytest.mark.skipif(
    subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode != 0,
    reason="needs namespaces of processes",
)


@may_be_alone
def test_a_run_from_a_machine_that_is_no_node_is_refused(cluster: Head, tmp_path: Path) -> None:
    address, out = f"127.0.0.1:{cluster.gcs_port}", tmp_path / "runs"
    run = ["spikeloop.coordinator.cli", "run", str(small_toml(tmp_path / "small.toml"))]
    to = ["--address", address, "--out", str(out)]
    code, _, errors = said([*ALONE, sys.executable, "-m", *run, *to])
    assert code == 3
    assert errors.startswith(f"spikeloop: this machine is no node of the Ray cluster at {address}")
    assert f"`ray start --address={address} --num-cpus=0`" in errors
    assert "`spikeloop submit --address http://127.0.0.1:8265`" in errors
    assert errors.count("\n") == 1
    assert not (out / "small").exists()


NODE_OF_ANOTHER = """
import sys
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.connection import _require_node
from spikeloop.cluster.ray_backend.local_cluster import local_ray
from spikeloop.cluster.signals import StopSignal

with local_ray(1, False, StopSignal()):
    try:
        _require_node(sys.argv[1])
    except PoolError as error:
        print(error)
"""


@pytest.mark.exhaustive
@may_be_alone
def test_a_node_of_another_cluster_is_refused(cluster: Head) -> None:
    address = f"127.0.0.1:{cluster.gcs_port}"
    code, output, errors = said([*ALONE, sys.executable, "-c", NODE_OF_ANOTHER, address])
    assert code == 0, errors
    assert output.startswith(f"this machine is no node of the Ray cluster at {address}")


@pytest.mark.exhaustive
def test_the_machine_of_the_head_is_accepted(cluster: Head) -> None:
    """In a process of its own, because Ray reads its token once."""
    program = NODE_OF_ANOTHER.replace("local_ray(1, False, StopSignal())", "nullcontext()")
    program = f"from contextlib import nullcontext\n{program}"
    code, output, errors = said([sys.executable, "-c", program, f"127.0.0.1:{cluster.gcs_port}"])
    assert (code, output) == (0, ""), errors
