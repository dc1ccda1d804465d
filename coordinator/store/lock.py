"""Let one process write a folder; a second one is refused, with the name of the first."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import reading

FETCH = "a fetch by "
"""What a download writes before its process."""


@contextmanager
def locked(folder: Path, fetching: bool = False) -> Iterator[None]:
    """Keep every other writer out of a folder.

    The lock is the operating system's, on ``.lock``, so it ends with its process however that ends.
    The text in the file only names the process.

    Args:
        folder: of a run, a comparison or a sweep.
        fetching: whether it is being downloaded, which may go on elsewhere.

    Raises:
        ConfigError: another process writes the folder; it is named. Or something in the folder is a
            link, through which a stranger's folder could have files changed elsewhere.
        PoolError: the folder cannot be locked, so that no other writer could be kept out.
    """
    refuse_links(folder)
    path = folder / ".lock"
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: cannot be locked, because it is no regular file; remove it")
    lock = FileLock(path, timeout=0, mode=0o644, fallback_to_soft=False)
    try:
        lock.acquire()
    except (Timeout, FileNotFoundError) as error:
        if not path.exists():
            raise ConfigError(
                f"{folder}: was removed by the process that wrote it; try again"
            ) from error
        raise ConfigError(
            f"{folder}: {_holder(path)} is writing it; wait for that to end, or stop it"
        ) from error
    except OSError as error:  # ENOSYS, EOPNOTSUPP or ENOLCK, depending on the file system
        raise PoolError(
            f"{folder}: cannot be locked ({error.strerror}), like folders on some network file "
            "systems; keep it on another file system"
        ) from error
    try:
        with suppress(OSError):  # on a full disk the lock holds without a name in it
            path.write_text(holder_text(fetching), encoding="utf-8")
        yield
    finally:
        lock.release()


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


def holder_text(fetching: bool = False) -> str:
    """The text of ``.lock``: the process that writes the folder, or wrote it last."""
    return f"{FETCH if fetching else ''}process {os.getpid()} on {platform.node()}\n"


def was_fetched(folder: Path) -> bool:
    """Tell whether the last process that wrote a folder downloaded it."""
    with suppress(OSError):
        return reading.read_bytes(folder / ".lock").startswith(FETCH.encode())
    return False


def _holder(path: Path) -> str:
    with suppress(OSError):
        if text := reading.read_bytes(path)[:300].decode(errors="replace").strip():
            return text
    return "another process"
