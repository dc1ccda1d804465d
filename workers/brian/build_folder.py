"""Temporary folders that do not outlive their process for long, however it ends.

A process that is killed cannot clean up, and workers on Ray end by being killed. So each folder
holds a file that its process keeps locked; the system releases the lock when the process is gone,
and the next process that makes a folder removes those without a lock.
"""

import fcntl
import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

FOLDER_PREFIX = "spikeloop-brian-"
LOCK_FILE = ".held"


def scratch_folder(owner: object) -> Path:
    """Make a folder in the temporary folder, removed with its owner or when the process ends."""
    remove_left_behind()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        with suppress(OSError):  # removed by another process before it was locked
            held = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
            if _locked(held) and (folder / LOCK_FILE).exists():
                weakref.finalize(owner, _remove, folder, held)
                return folder
            os.close(held)


def remove_left_behind() -> None:
    """Remove this user's folders whose processes are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with suppress(OSError):  # another user's, or gone by now
            held = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _locked(held):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def _locked(held: int) -> bool:
    """Take the lock; return False if another process holds it."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove(folder: Path, held: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(held)
