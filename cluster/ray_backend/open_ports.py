"""Which Ray clusters of this machine can be reached from elsewhere, and where their files are.

Everyone who reaches the ports of a cluster that asks for no token can run code as the user who
started it. What belongs to other users may be invisible; that is reported, not guessed.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SESSION = re.compile(r"session_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d+_\d+")
"""How Ray names a cluster's folder, which stands on the command line of its helpers."""
ROLES = (
    ("gcs_server", "head service"),
    ("raylet/raylet", "node service"),
    ("dashboard/dashboard.py", "dashboard"),
    ("ray::DashboardAgent", "dashboard agent"),
    ("ray::RuntimeEnvAgent", "environment agent"),
    ("ray::", "worker"),
)
"""Words on the command lines of Ray's processes, and what these are."""
ANSWER_S = 2.0
"""A dashboard that takes longer is not asked any more."""


@dataclass
class ExposedCluster:
    """One Ray cluster on this machine, as far as it is known.

    Attributes:
        session: Ray's name of it.
        public: what its processes are -> ports on which they listen beyond the loopback interface.
        hidden: processes whose sockets this user may not see.
        token: whether it asks for one; None if that cannot be known.
        folder: that Ray has made for it on this machine, if that is known.
        dashboard: host and port on which its dashboard listens, if it is here.
    """

    session: str
    public: dict[str, list[int]] = field(default_factory=dict)
    hidden: int = 0
    token: bool | None = None
    folder: Path | None = None
    dashboard: tuple[str, int] | None = None

    def __str__(self) -> str:
        """For example "head service on port 6379, worker on 34567 and 3 more"."""
        return "; ".join(f"{role} on {_ports(ports)}" for role, ports in self.public.items())


def clusters() -> list[ExposedCluster]:
    """Return all Ray clusters that have processes on this machine, in the order of their start."""
    import psutil

    found: dict[str, ExposedCluster] = {}
    sessions: dict[int, str] = {}
    for process in sorted(psutil.process_iter(), key=lambda process: process.pid):
        with suppress(psutil.NoSuchProcess):
            try:
                command = process.cmdline()
            except psutil.AccessDenied:
                continue
            words = " ".join(command)
            role = next((role for word, role in ROLES if word in words), "")
            # A worker's title has no session in it; its parent is a node service.
            match = SESSION.search(words)
            session = match[0] if match else sessions.get(process.ppid(), "")
            if not role or not session:
                continue
            sessions[process.pid] = session
            cluster = found.setdefault(session, ExposedCluster(session))
            for word in command:
                key, _, value = word.partition("=")
                if key in ("--session-dir", "--session_dir"):
                    cluster.folder = Path(value)
            try:
                sockets = list(_listening(process))
            except psutil.AccessDenied:
                cluster.hidden += 1
                continue
            public = [port for host, port in sockets if not _is_loopback(host)]
            if public:
                cluster.public.setdefault(role, []).extend(public)
            if role == "dashboard" and (own := re.search(r"--port=(\d+)", words)):
                own_sockets = (one for one in sockets if one[1] == int(own[1]))
                cluster.dashboard = next(own_sockets, cluster.dashboard)
    for cluster in found.values():
        if cluster.dashboard is not None:
            cluster.token = asks_for_token(*cluster.dashboard)
    return list(found.values())


def folder_behind(url: str) -> Path | None:
    """Return the folder of the cluster with this dashboard; None unless it is on this machine."""
    parts = urlsplit(url)
    for cluster in clusters():
        if cluster.dashboard is not None and cluster.dashboard[1] == parts.port:
            host, asked = cluster.dashboard[0], str(parts.hostname)
            if asked == host or asked in ("localhost", "127.0.0.1", "::1"):
                return cluster.folder
    return None


def asks_for_token(host: str, port: int) -> bool | None:
    """Return whether a dashboard refuses a request without token; None if it answers otherwise."""
    import http.client

    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(here, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/api/version")
        answer = connection.getresponse()
        if answer.status == 200 and b"ray_version" in answer.read(10_000):
            return False
        return True if answer.status == 401 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _listening(process: Any) -> Iterator[tuple[str, int]]:
    """Yield host and port of each socket on which a process waits for connections."""
    for connection in process.net_connections("tcp"):
        if connection.status == "LISTEN":
            yield connection.laddr.ip, connection.laddr.port


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _ports(ports: Sequence[int], shown: int = 3) -> str:
    first = ", ".join(str(port) for port in sorted(set(ports))[:shown])
    more = len(set(ports)) - shown
    return f"{first} and {more} more" if more > 0 else first
