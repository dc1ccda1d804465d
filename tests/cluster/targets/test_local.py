"""The local cluster from outside: quiet, closed to other users, and gone afterwards."""

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from support.child_processes import LIMIT_S, assert_gone, child, folder_of
from support.other_account import successes, within
from support.paths import OWN_CLASSES

from spikeloop.cluster.targets.local import Local

SCRIPT = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
import numpy as np
from failing_learner import Echo
from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.cluster.targets.local import Local
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.job import Grid, Job, Tile, cut
from spikeloop.workers.seeding import TaskSet

def grid(fault):
    family = RandomMdp(n_states=2, n_actions=2, n_steps=5)
    points = Explicit(np.array([[0.1, 0.5], [1.0, 0.5]]))
    return Grid(family, Echo(fault=fault), points, 1, 1, TaskSet.SEARCH, 0)

stop = StopSignal()
stop.install()
warm_up = Job(grid("none"), Tile(0, 1, 0, 1))
try:
    with Local(workers=2).open([warm_up], stop, Path(sys.argv[1])) as pool:
        outcomes = list(pool.run(cut(grid("exit"), 1, 1, "deadly")))
        print(pool.description, flush=True)
        print(pool.n_replaced, flush=True)
        for outcome in pool.run(cut(grid("hang_compiled"), 1, 1, "endless")):
            print("hanging", flush=True)
except Interrupted:
    print("interrupted")
    sys.exit(4)
"""


def is_public(process: psutil.Process) -> bool:
    """Whether a process listens on more than the loopback interface."""
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:  # Ray starts short helpers too
        return False
    return any(
        connection.status == psutil.CONN_LISTEN
        and connection.laddr.ip not in ("127.0.0.1", "::1", "::ffff:127.0.0.1")
        for connection in connections
    )


def shown(process: psutil.Process) -> str:
    """What anybody on the machine may read of a process: its command line and its title."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def ran(script: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """A script without settings of Ray, in a home of its own."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("RAY_")}
    options = {"env": {**environment, "HOME": str(home)}}
    with child(["-c", script, str(OWN_CLASSES)], home, **options) as run:
        yield run


@contextmanager
def hanging(home: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A run whose workers hang in compiled code, its description and how many it has replaced."""
    with ran(SCRIPT, home) as run:
        assert run.stdout is not None
        description, n_replaced, hanging = (run.stdout.readline().strip() for _ in range(3))
        assert hanging == "hanging", run.communicate()
        yield run, description, n_replaced


def temporary_files(processes: list[psutil.Process]) -> list[Path]:
    """Files that processes have open in folders which all accounts share."""
    found = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found |= {Path(file.path) for file in process.open_files()}
            found |= {
                Path(str(socket.laddr))
                for socket in process.net_connections("unix")
                if str(socket.laddr).startswith("/")
            }
    shared = ("/tmp/", "/var/tmp/", "/dev/shm/")
    return sorted(path for path in found if str(path).startswith(shared) and path.exists())


@pytest.mark.ray
def test_a_run_is_quiet_closed_to_others_and_leaves_nothing_behind(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with hanging(tmp_path) as (run, description, n_replaced):
        processes = psutil.Process(run.pid).children(recursive=True)
        folder = folder_of(processes)
        public = [p for p in (psutil.Process(run.pid), *processes) if is_public(p)]
        assert_no_other_account_gets_in(folder, processes)
        assert_the_dashboard_wants_the_token(description, tmp_path / ".ray" / "auth_token")
        token = (tmp_path / ".ray" / "auth_token").read_text()
        assert not [process for process in processes if token in shown(process)]
        run.send_signal(signal.SIGTERM)
        output, errors = run.communicate()
    assert (run.returncode, output, errors) == (4, "interrupted\n", "")
    assert n_replaced == "3"
    assert len(processes) > 5
    assert public == []
    assert_gone(processes, "outlived their run")
    assert not folder.exists()


def assert_no_other_account_gets_in(folder: Path, processes: list[psutil.Process]) -> None:
    paths = within(folder)
    names = {path.name for path in paths}
    assert names > {"working_dir_files", "raylet", "plasma_store", "raylet.out"}
    assert any(name.startswith("_ray_pkg_") for name in names)
    opened = temporary_files(processes)
    assert opened
    assert [path for path in opened if not path.is_relative_to(folder)] == []
    if os.geteuid() == 0:  # who alone can try what another account can do
        assert successes(paths) == []


def assert_the_dashboard_wants_the_token(description: str, secret: Path) -> None:
    found = re.search(
        r"dashboard (http://127\.0\.0\.1:\d+) \(token: ray get-auth-token\)", description
    )
    assert found is not None, description
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(f"{found[1]}/api/version", timeout=LIMIT_S)
    refused.value.close()
    assert secret.stat().st_mode & 0o077 == 0
    request = urllib.request.Request(f"{found[1]}/api/version")
    request.add_header("Authorization", f"Bearer {secret.read_text()}")
    with urllib.request.urlopen(request, timeout=LIMIT_S) as reply:
        assert json.load(reply)["ray_version"]


@pytest.mark.exhaustive
@pytest.mark.ray
def test_where_no_worker_starts_the_message_names_logs_that_are_there(tmp_path: Path) -> None:
    script = SCRIPT.replace("workers=2", "workers=1, dashboard=False, warm_up_timeout_s=0.001")
    with ran(script, tmp_path) as run:
        _, errors = run.communicate()
    last = errors.splitlines()[-1]
    assert "no worker can be started" in last
    logs = Path(last.rpartition("look into ")[2])
    folder = logs.parents[2]
    assert folder.name.startswith("spikeloop-")
    try:
        assert (logs / "raylet.out").exists()
    finally:
        shutil.rmtree(folder)


def test_settings_reject_what_cannot_work() -> None:
    for wrong in ({"workers": 0}, {"job_timeout_s": 0.0}, {"max_attempts": 1}):
        with pytest.raises(ValueError, match="greater than"):
            Local.model_validate(wrong)


def test_one_worker_per_node_is_one_worker() -> None:
    Local.model_validate({"cores_per_worker": "node", "workers": 1})
    with pytest.raises(ValueError, match="there is one worker, got workers = 2"):
        Local.model_validate({"cores_per_worker": "node", "workers": 2})
