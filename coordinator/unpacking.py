"""Arrays in a file that may be a stranger's, none of which is unpacked before its size is known."""

import contextlib
import io
import math
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator import files
from spikeloop.coordinator.errors import ConfigError

_NPY: Any = np.lib.format  # which has no types

NOT_ITS_OWN = (
    *(ValueError, TypeError, KeyError, EOFError, OverflowError, MemoryError),
    *(RuntimeError, zlib.error, zipfile.BadZipFile),
)
"""Errors of reading what is whole, but not what this program writes."""


@dataclass(frozen=True)
class Arrays:
    """Named arrays of an open ``.npz``.

    What is no array, or not as large as it says, gives one of ``NOT_ITS_OWN``.

    Attributes:
        metadata: as in ``files.read_arrays``.
    """

    metadata: Mapping[str, str]
    _archive: zipfile.ZipFile

    def shape(self, name: str) -> tuple[int, ...]:
        """Of an array; KeyError if there is none of that name."""
        with self._opened(name) as (_, shape, _):
            return shape

    def read(self, name: str, largest: int) -> NDArray[Any]:
        """An array; ValueError if it has more than so many bytes."""
        with self._opened(name) as (file, _, n_bytes):
            if n_bytes > largest:
                raise ValueError(f"{name} has {n_bytes} bytes")
            file.seek(0)
            array: NDArray[Any] = _NPY.read_array(file, allow_pickle=False)
            return array

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], int]]:
        """The file in the archive, and what its header says: shape, and number of bytes."""
        member = self._archive.getinfo(f"{name}.npy")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in another way")
        with self._archive.open(member) as file:
            if _NPY.read_magic(file) != (1, 0):
                raise ValueError(f"{name} has another version")
            shape, _, dtype = _NPY.read_array_header_1_0(file)
            n_bytes = math.prod(shape) * dtype.itemsize
            if dtype.hasobject or file.tell() + n_bytes != member.file_size:
                raise ValueError(f"{name} is not as large as it says")
            yield file, shape, n_bytes


def open_arrays(path: Path, largest: int) -> Arrays:
    """Opens a file; ConfigError or ``NOT_ITS_OWN`` if it is missing, damaged or too large.

    Args:
        path: of the file, which must be an ordinary one.
        largest: bytes that it may have.
    """

    def opened(data: bytes) -> Arrays:
        return Arrays(files.arrays_metadata(data), zipfile.ZipFile(io.BytesIO(data)))

    try:  # a pipe would keep whoever opens it waiting, and a device may have no end
        found = path.stat()
    except OSError:  # which reading will tell
        found = None
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path}: no file")
    if found is not None and found.st_size > largest:
        raise ConfigError(f"{path}: too large: it has more than {largest >> 20} MiB")
    return files.read(path, opened)
