"""Which process writes a folder, found out without touching its lock.

Even an attempt at a shared lock could make the writer's own attempt fail. So the text of ``.lock``
is read, and this machine is asked whether that process still holds the file open.
"""

import os
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from spikeloop.coordinator.store import reading

LOCK = re.compile(r"(a fetch by )?process (\d{1,10}) on ([\w.:-]{1,255})\s*")


@dataclass(frozen=True)
class Writer:
    """The last process that locked a folder.

    Attributes:
        host: the name of its machine.
        alive: whether it still writes; None if it runs on another machine.
        since: when it locked the folder, seconds since 1970.
        fetching: it downloads, or downloaded, a run that may continue elsewhere.
    """

    process: int
    host: str
    alive: bool | None
    since: float
    fetching: bool = False

    def __str__(self) -> str:
        """For example "process 17 on node3"."""
        return f"process {self.process} on {self.host}"


def find_writer(folder: Path) -> Writer | None:
    """Say which process writes, or last wrote, a folder; None if the lock file does not tell."""
    lock = folder / ".lock"
    try:
        text, since = reading.read_bytes(lock)[:300], lock.stat().st_mtime
    except OSError:
        return None
    if (match := LOCK.fullmatch(text.decode(errors="replace"))) is None:
        return None
    process, host = int(match[2]), match[3]
    alive = _has_open(process, lock) if host == platform.node() else None
    return Writer(process, host, alive, min(since, time.time()), bool(match[1]))


def _has_open(process: int, path: Path) -> bool:
    """Whether a process of this machine has a file open; if that is hidden, whether it exists."""
    try:
        opened = [file.path for file in psutil.Process(process).open_files()]
        return any(os.path.exists(name) and os.path.samefile(name, path) for name in opened)
    except (psutil.NoSuchProcess, OverflowError):
        return False
    except (psutil.AccessDenied, OSError):
        return True
