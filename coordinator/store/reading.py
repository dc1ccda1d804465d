"""How a file of a folder that exists is opened: as an ordinary file of a size that can be read.

A folder may come from anybody. In place of a file it may hold a named pipe, which would keep a
reader waiting, a device, which may have no end, a file larger than any memory, or JSON nested
deeper than a program can follow. Everything that reads a run folder, a comparison folder or a copy
of one opens its files here, so that each of these ends in one error that names the file.
"""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

LARGEST = 1 << 32
"""Bytes of a file, and of what it unpacks to.

The largest files are states and tables of episodes. A state with the three arrays of Adam for
100 million float64 weights has 2.4 GB; the million episodes that a generation may have take 0.4 GB.
"""
LARGEST_TEXT = 1 << 26
"""Bytes of a JSON file. A configuration has at most 1 MB, and so has what is recorded beside it."""
DEEPEST = 64
"""Levels of lists and objects in JSON; a configuration of a Brian2 model has seven."""


class Unreadable(OSError):
    """What is at a path is a folder, a pipe, a device or a socket, or a file that is too large."""


def opened(
    path: Path | str, flags: int = os.O_RDONLY, at: int | None = None, mode: int = 0o666
) -> int:
    """Opens an ordinary file and gives its descriptor.

    Args:
        path: of the file; links are followed unless ``flags`` says otherwise.
        flags: of ``os.open``.
        at: descriptor of the folder that the path begins from.
        mode: of a file that is made, before the user's mask.

    Raises:
        Unreadable: it is no ordinary file.
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
    """The bytes of a file.

    Args:
        path: of the file.
        largest: bytes that it may have.
        at: as for ``opened``; then no link is followed.

    Raises:
        OSError: it cannot be opened or is no ordinary file, is too large, or does not fit the
            memory of this machine.
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
    """Unreadable if what is at a path is so, before a library opens it by its name."""
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
    """The value of a JSON text; ValueError if it is none, or nested deeper than ``DEEPEST``."""
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
