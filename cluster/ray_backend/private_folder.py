"""Makes a folder for Ray's files that no other account can enter, and removes it after the run.

Ray makes its temporary folder and most folders in it writable for every account, whatever mode they
had before, and its workers import modules from there. So Ray gets a folder *inside* one of mode
700. Decision 0023 says more.
"""

import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spikeloop.cluster.pool import PoolError

PREFIX = "spikeloop-"
RAYS = "r"
"""The folder in it that Ray is given."""
IN_USE = ".in-use"
"""A file that the process which made the folder keeps locked."""
LONGEST_BASE = 18
"""Paths of sockets end at 107 characters, and the longest of Ray's needs 89 below this folder, as
``/spikeloop-abcdefgh/r/session_2026-11-30_19-39-46_159731_4194304/sockets/dash_MetricsHead``."""
KEPT_S = 3600.0
"""A folder without a process is removed after this time by the next run, so that the logs of a
start that failed can be read."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder of mode 700 in the temporary folder, and remove it at the end.

    After a ``PoolError``, whose message may name logs in it, it is left for ``KEPT_S`` at least.
    """
    base = _base()
    _remove_abandoned(base)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        lock = os.open(folder / IN_USE, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PoolError(
            f"Ray needs a folder for its files: {base}: {error.strerror}; set TMPDIR to a folder "
            f"of your own whose path has at most {LONGEST_BASE} characters"
        ) from error
    kept = False
    try:
        with suppress(OSError):  # a file system without locks: its folders are never cleared away
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    except PoolError:
        kept = (folder / RAYS).exists()
        raise
    finally:
        if kept:
            with suppress(OSError):
                os.utime(folder)
        else:
            remove(folder)
        os.close(lock)


def remove(folder: Path, patience_s: float = 5.0) -> None:
    """Remove a folder into which processes that are about to end may still write."""
    deadline = time.monotonic() + patience_s
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def _base() -> Path:
    """Return ``RAY_TMPDIR`` or ``TMPDIR`` if Ray can work there, else ``/tmp``."""
    for name in ("RAY_TMPDIR", "TMPDIR"):
        if given := os.environ.get(name):
            base = Path(given).resolve()
            if (
                len(os.fsencode(base)) <= LONGEST_BASE
                and os.access(base, os.W_OK | os.X_OK)
                and not any(_replaceable(path) for path in (base, *base.parents))
            ):
                return base
    return Path("/tmp")


def _replaceable(folder: Path) -> bool:
    """Return whether another account could replace what is in a folder."""
    found = folder.stat()
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    return bool(shared) or found.st_uid not in (0, os.geteuid())


def _remove_abandoned(base: Path) -> None:
    """Remove the folders that killed processes of this account have left behind."""
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            if (
                not re.fullmatch(rf"{PREFIX}\w{{8}}", folder.name)
                or not stat.S_ISDIR(found.st_mode)
                or found.st_uid != os.geteuid()
                or time.time() - found.st_mtime < KEPT_S
            ):
                continue
            lock = os.open(folder / IN_USE, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
