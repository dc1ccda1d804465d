"""A Ray head of a test's own: dashboard, token, loopback only, ended with all its processes."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from support.child_processes import child, wait_for

TOKEN = "a-token-of-the-tests-alone-0123456789"


@dataclass(frozen=True)
class Head:
    """A running head.

    Attributes:
        url: of its dashboard.
        gcs_port: where Ray itself listens, which is no dashboard.
        runs: folder for run folders, that its environment names.
        session: Ray's name of it.
    """

    url: str
    gcs_port: int
    runs: Path
    session: str

    @property
    def address(self) -> str:
        """Of Ray itself."""
        return f"127.0.0.1:{self.gcs_port}"


@contextmanager
def ray_head(
    cores: int, token: str = TOKEN, loopback: bool = True, closed: bool = True
) -> Iterator[Head]:
    """Start a head and end it with all of its processes.

    Args:
        cores: cores of its node.
        token: that it asks for; "" for none.
        loopback: whether everything binds to 127.0.0.1.
        closed: whether Ray's folder is inside one that other accounts cannot enter.
    """
    folder = Path(tempfile.mkdtemp(prefix="sl", dir="/tmp"))  # sockets need a short path
    gcs, dashboard, agent, agent_grpc, client = free_ports(5)
    ports = {
        "port": gcs,
        "dashboard-port": dashboard,
        "dashboard-agent-listen-port": agent,
        "dashboard-agent-grpc-port": agent_grpc,
        "ray-client-server-port": client,
        "min-worker-port": 0,
        "max-worker-port": 0,
    }
    rays = folder / "r" if closed else folder
    arguments = ["-m", "ray.scripts.scripts", "start", "--head", "--block"]
    arguments += [f"--{name}={port}" for name, port in ports.items()]
    arguments += [f"--num-cpus={cores}", "--object-store-memory=80000000"]
    arguments += [f"--temp-dir={rays}", "--dashboard-host=127.0.0.1"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "RAY_AUTH_MODE": "token" if token else "disabled",
        **({"RAY_AUTH_TOKEN": token} if token else {}),
        "RAY_USAGE_STATS_ENABLED": "0",
        **({"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"} if loopback else {}),
        "SPIKELOOP_RUNS": str(folder / "runs"),
    }
    try:
        with child(arguments, folder, env=environment) as process:
            started = psutil.Process(process.pid)
            try:
                wait_for(process, lambda: answers(dashboard) and answers(agent))
                session = (rays / "session_latest").resolve().name
                yield Head(f"http://127.0.0.1:{dashboard}", gcs, folder / "runs", session)
            finally:
                for one in [*started.children(recursive=True), started]:
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(n: int) -> list[int]:
    """Return unused ports of the loopback interface."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def answers(port: int) -> bool:
    """Whether a process listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
