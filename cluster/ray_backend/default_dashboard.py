"""Whose dashboard listens at the address that is used where none is given.

The token goes to whatever listens there, and every account of a machine may listen at a free port.
So the process behind the default address has to be this user's or root's, and no cluster that Ray
has started for one run alone.
"""

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.open_ports import SESSION
from spikeloop.cluster.ray_backend.private_folder import PREFIX, RAYS

LISTENS = "0A"
"""The state of a socket that waits for connections, in ``/proc/net/tcp``."""


@dataclass(frozen=True)
class Listener:
    """The process that listens at a port of this machine, as far as it can be seen.

    Attributes:
        user: number of its account; None if unknown.
        pid: of the process; None for one that belongs to another account.
        name: of the program, or "".
        session: Ray's folder of the cluster, if it is a dashboard.
        parent: the process that started it; for a run's own cluster, that run.
    """

    user: int | None
    pid: int | None = None
    name: str = ""
    session: Path | None = None
    parent: int | None = None

    @property
    def private(self) -> bool:
        """Whether the cluster is one that Spikeloop has started for a run, and ends with it."""
        if self.session is None:
            return False
        *_, above, rays, _ = ("", "", *self.session.parts)
        return rays == RAYS and re.fullmatch(rf"{PREFIX}\w{{8}}", above) is not None

    def __str__(self) -> str:
        """For example "session_… of alice (process 1234, /tmp/ray/session_…)"."""
        what = self.name or "a process"
        if self.session is not None:
            what = f"Ray's {self.session.name}"
        details = [] if self.pid is None else [f"process {self.pid}"]
        details += [] if self.session is None else [str(self.session)]
        return f"{what} of {_account(self.user)}" + (f" ({', '.join(details)})" if details else "")


def require_own(url: str) -> Listener:
    """Find who listens at the default address, and refuse to talk to strangers.

    Raises:
        PoolError: it is another account's, a run's private cluster, or cannot be seen.
    """
    name_it = f"if that is the cluster you mean, name it: --address {url}"
    found = listener(urlsplit(url).port or 80)
    if found is None or found.user is None:
        raise PoolError(
            f"no --address was given, and who listens at {url} cannot be seen from here, so it is "
            f"not shown your token; {name_it}"
        )
    if found.user not in (0, os.geteuid()):
        raise PoolError(
            f"no --address was given, and at {url} listens {found}, another account, which is not "
            f"shown your token; {name_it}"
        )
    if found.private:
        raise PoolError(
            f"no --address was given, and at {url} listens {found}, the private cluster of the run "
            f"in process {found.parent}, which ends with it; name your cluster with --address, or "
            "start one: docs/how-to/ray_cluster.md"
        )
    return found


def listener(port: int) -> Listener | None:
    """Return who listens at a port of the loopback interface; None if that cannot be seen."""
    import psutil

    with suppress(psutil.AccessDenied):  # where only root may list connections
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid is not None:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    return _described(psutil.Process(one.pid))
    users = set(_users(port))
    return Listener(users.pop()) if len(users) == 1 else None


def _described(process: Any) -> Listener:
    words = " ".join(process.cmdline())
    session = re.search(rf"--session[-_]dir=(\S*{SESSION.pattern})", words)
    return Listener(
        process.uids().effective,
        process.pid,
        process.name(),
        Path(session[1]) if session else None,
        process.ppid(),
    )


def _users(port: int) -> Iterator[int]:
    """Yield the accounts whose sockets listen at a port, which Linux tells everybody."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                local, state, user = fields[1], fields[3], fields[7]
                if state == LISTENS and int(local.rpartition(":")[2], 16) == port:
                    yield int(user)


def _account(user: int | None) -> str:
    if user is None:
        return "an unknown account"
    with suppress(KeyError):
        return pwd.getpwuid(user).pw_name
    return f"account {user}"
