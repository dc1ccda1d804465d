"""Open files of folders that may come from a stranger.

In place of a file there may be a named pipe, which would keep a reader waiting, a device, which may
have no end, a file larger than the memory, or JSON nested too deeply to be parsed. All files of
runs, comparisons and their copies are opened here, so that each of these gives one error that names
the file.
"""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

LARGEST = 1 << 32
"""Largest number of bytes of a file, and of what it unpacks to.

The largest files are states and tables of episodes. A state with the three arrays of Adam for
100 million float64 weights has 2.4 GB; the million episodes that a generation may have take 0.4 GB.
"""
LARGEST_TEXT = 1 << 26
"""Largest number of bytes of a JSON file; a configuration has at most 1 MB."""
DEEPEST = 64
"""Most levels of lists and objects in JSON; a configuration of a Brian2 model has seven."""


class Unreadable(OSError):
    """A path leads to no regular file, or to one that is too large."""


def opened(
    path: Path | str, flags: int = os.O_RDONLY, at: int | None = None, mode: int = 0o666
) -> int:
    """Open a regular file and give its descriptor.

    Args:
        path: of the file; links are followed unless ``flags`` says otherwise.
        flags: of ``os.open``.
        at: descriptor of the folder that the path starts from.
        mode: of a file that is made, before the user's mask.

    Raises:
        Unreadable: it is no regular file.
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK a pipe would keep this process waiting for another one to write.
    flags |= os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, mode, dir_fd=at)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR):  # a pipe or a folder, to be written
            raise _irregular(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _irregular(path)
    return descriptor


def read_bytes(path: Path | str, largest: int = LARGEST, at: int | None = None) -> bytes:
    """Read the bytes of a file.

    Args:
        path: of the file.
        largest: number of bytes that it may have.
        at: as for ``opened``; then no link is followed.

    Raises:
        OSError: it cannot be opened or is no regular file, is too large, or does not fit into
            the memory of this machine.
    """
    no_link = 0 if at is None else os.O_NOFOLLOW
    with open(opened(path, os.O_RDONLY | no_link, at), "rb") as file:
        size = _size(file.fileno(), path, largest)
        try:
            return file.read(size)  # not to the end, which some files of /proc have none of
        except MemoryError as error:
            what = f"there is not enough memory for its {size} bytes"
            raise Unreadable(errno.ENOMEM, what, str(path)) from error


def require_readable(path: Path) -> None:
    """Raise Unreadable where that applies, before a library opens a path by its name."""
    if os.path.lexists(path):
        descriptor = opened(path)
        try:
            _size(descriptor, path, LARGEST)
        finally:
            os.close(descriptor)


def _irregular(path: Path | str) -> Unreadable:
    return Unreadable(errno.EINVAL, "it is no regular file", str(path))


def _size(descriptor: int, path: Path | str, largest: int) -> int:
    size = os.fstat(descriptor).st_size
    if size > largest:
        what = f"it is too large: it has more than {largest >> 20} MiB"
        raise Unreadable(errno.EFBIG, what, str(path))
    return size


def parse_json(data: bytes | str) -> Any:
    """Parse a JSON text; ValueError if it is none, or nested deeper than ``DEEPEST``."""
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from error
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")
