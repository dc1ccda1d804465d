"""Who writes a folder: found out without touching the lock that keeps a second writer out.

Trying the lock, even a shared one, could make the writer's own attempt fail. So the words in
``.lock`` are read, and this machine is asked whether that process still holds the file open.
"""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spikeloop.coordinator.store import reading


@dataclass(frozen=True)
class Writer:
    """The last process that locked a folder.

    Attributes:
        process: its number on its host.
        host: the name of that.
        alive: whether it still writes; None if that is another host, where nobody here can look.
        since: when it began, seconds since 1970.
        fetching: it brings, or brought, a run that may go on elsewhere.
    """

    process: int
    host: str
    alive: bool | None
    since: float
    fetching: bool = False

    def __str__(self) -> str:
        """For example "process 17 on node3"."""
        return f"process {self.process} on {self.host}"


def writer(folder: Path) -> Writer | None:
    """Who writes, or last wrote, a folder; None if nobody did or that cannot be read."""
    lock = folder / ".lock"
    try:
        words, since = reading.read_bytes(lock)[:300], lock.stat().st_mtime
    except OSError:
        return None
    match = re.fullmatch(
        r"(a fetch by )?process (\d{1,10}) on ([\w.:-]{1,255})\s*", words.decode(errors="replace")
    )
    if match is None:
        return None
    process, host = int(match[2]), match[3]
    alive = _holds(process, lock) if host == platform.node() else None
    return Writer(process, host, alive, min(since, time.time()), bool(match[1]))


def _holds(process: int, path: Path) -> bool:
    """Whether a process of this machine has a file open; if that is hidden, whether it is alive."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it is alive, under another user
    try:
        own = path.stat()
        return any(os.path.samestat(own, opened) for opened in _opened(process))
    except OSError:
        return True


def _opened(process: int) -> Iterator[os.stat_result]:
    folder = f"/proc/{process}/fd"
    for number in os.listdir(folder):
        with suppress(FileNotFoundError):  # closed meanwhile
            yield os.stat(f"{folder}/{number}")
