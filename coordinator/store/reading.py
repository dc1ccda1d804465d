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
IRREGULAR = "it is no regular file"


class Unreadable(OSError):
    """A path leads to no regular file, or to one that is too large."""


def opened(path: Path | str, flags: int = os.O_RDONLY, largest: int = LARGEST) -> int:
    """Open a regular file of at most ``largest`` bytes and give its descriptor.

    Links are followed unless ``flags``, those of ``os.open``, say otherwise.

    Raises:
        Unreadable: it is no regular file, or too large.
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK a pipe would keep this process waiting for another one to write.
    flags |= os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR):  # a pipe or a folder, to be written
            raise Unreadable(errno.EINVAL, IRREGULAR, str(path)) from error
        raise
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_size <= largest:
        return descriptor
    os.close(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable(errno.EINVAL, IRREGULAR, str(path))
    what = f"it is too large: it has more than {largest >> 20} MiB"
    raise Unreadable(errno.EFBIG, what, str(path))


def read_bytes(path: Path | str, largest: int = LARGEST) -> bytes:
    """Read the bytes of a file; OSError as for ``opened``, or if they do not fit into memory."""
    with open(opened(path, largest=largest), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            return file.read(size)  # not to the end, which some files of /proc have none of
        except MemoryError as error:
            what = f"there is not enough memory for its {size} bytes"
            raise Unreadable(errno.ENOMEM, what, str(path)) from error


def require_readable(path: Path) -> None:
    """Raise Unreadable where that applies, before a library opens a path by its name."""
    if os.path.lexists(path):
        os.close(opened(path))


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
