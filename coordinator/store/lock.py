"""One process writes a folder; the second is refused and told who the first one is."""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import reading


@contextmanager
def locked(folder: Path, fetching: bool = False) -> Iterator[None]:
    """Keeps every other writer out of a folder.

    The lock is the operating system's (``flock`` on ``.lock``), so it ends with its process however
    that ends. The words in the file are for people only.

    Args:
        folder: of a run or a comparison.
        fetching: what is written is a run that is at home elsewhere.

    Raises:
        ConfigError: another writer is in the folder; it is named. Or something in the
            folder is a link, through which a foreign folder could have files changed elsewhere.
        PoolError: the folder cannot be locked, so no other writer could be kept out.
    """
    refuse_links(folder)
    descriptor = _opened(folder / ".lock")
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 300, 0).decode(errors="replace").strip()
            raise ConfigError(
                f"{folder}: {holder or 'another process'} is writing it; wait for that to end, or "
                "stop it"
            ) from error
        except OSError as error:  # ENOSYS, EOPNOTSUPP or ENOLCK, depending on the file system
            raise PoolError(
                f"{folder}: cannot be locked ({error.strerror}), like folders on some network file "
                "systems; keep it on another file system"
            ) from error
        if not _is_there(descriptor, folder):
            raise ConfigError(f"{folder}: was removed by the process that wrote it; try again")
        with suppress(OSError):  # on a full disk the lock holds without a name in it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, words(fetching).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Opens the file of a lock, which is made if it is not there."""
    try:
        return reading.opened(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode=0o644)
    except reading.Unreadable as error:
        raise ConfigError(
            f"{path}: cannot be locked, because it is no regular file; remove it"
        ) from error


def refuse_links(folder: Path) -> None:
    """ConfigError if a file of a folder, or a folder anywhere in it, is a link.

    Files further down are written under another name and renamed, which replaces a link.
    """
    links = [path for path in folder.iterdir() if path.is_symlink()]
    for inner, folders, _ in os.walk(folder):
        links += [path for name in folders if (path := Path(inner, name)).is_symlink()]
    for link in links:
        raise ConfigError(
            f"{link}: is a link, and nothing is written through links; put what it stands for in "
            "its place"
        )


def words(fetching: bool = False) -> str:
    """What stands in ``.lock``: who writes the folder, or wrote it last."""
    return f"{'a fetch by ' if fetching else ''}process {os.getpid()} on {platform.node()}\n"


def _is_there(descriptor: int, folder: Path) -> bool:
    """Whether the file that was locked is still the folder's."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(folder / ".lock"))
    except FileNotFoundError:
        return False
