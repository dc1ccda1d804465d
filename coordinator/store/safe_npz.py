"""Unpack arrays and tables of a stranger's files only after a check of how large they become.

A zip file of a few MB can hold arrays of many GB, and so can a Parquet file, because repetitions
are stored once. The sizes are in their directories, which are read first.
"""

import contextlib
import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.store import checksums, reading

_NPY: Any = np.lib.format  # has no types

NOT_ITS_OWN = (
    *(ValueError, TypeError, KeyError, EOFError, OverflowError, MemoryError),
    *(RuntimeError, OSError, zlib.error, zipfile.BadZipFile),
)
"""Errors of parsing a file that is undamaged, but not written by this program."""

WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
"""Bytes of a value in memory, for the physical types of Parquet that have a fixed width."""


class TooLarge(ValueError):
    """A file would unpack to more bytes than are allowed."""

    def __init__(self, largest: int) -> None:
        super().__init__(f"it would unpack to more than {largest >> 20} MiB")


class Arrays:
    """Named arrays of an ``.npz``, and its metadata, the JSON object in the archive's comment.

    Reading what is no array, or not as large as it says, raises one of ``NOT_ITS_OWN``.
    """

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self.metadata: dict[str, str] = reading.parse_json(self._archive.comment)
        del self.metadata[checksums.KEY]

    def read_all(self, largest: int) -> dict[str, NDArray[Any]]:
        """Read all arrays by name; TooLarge if they have more bytes than ``largest`` in all."""
        members = self._archive.infolist()
        if sum(member.file_size for member in members) > largest:
            raise TooLarge(largest)
        names = [member.filename.removesuffix(".npy") for member in members]
        return {name: self.read(name, largest) for name in names}

    def shape(self, name: str) -> tuple[int, ...]:
        """Read the shape of an array; KeyError if there is none of that name."""
        with self._opened(name) as (_, shape, _):
            return shape

    def read(self, name: str, largest: int) -> NDArray[Any]:
        """Read an array; ValueError if it has more bytes than ``largest``."""
        with self._opened(name) as (file, _, n_bytes):
            if n_bytes > largest:
                raise ValueError(f"{name} has {n_bytes} bytes")
            file.seek(0)
            array: NDArray[Any] = _NPY.read_array(file, allow_pickle=False)
            return array

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], int]]:
        """Open an array's file in the archive; give it with its shape and number of bytes."""
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


def check_table(data: bytes, largest: int) -> None:
    """Raise TooLarge if a Parquet file would have more bytes in memory than ``largest``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = pq.read_metadata(pa.BufferReader(data))
    n_bytes, texts = 0, dict[str, None]()
    for group in range(found.num_row_groups):
        for k in range(found.num_columns):
            chunk = found.row_group(group).column(k)
            width = WIDTHS.get(chunk.physical_type)
            if width is None:  # a text may be repeated in as many rows as there are
                n_bytes += chunk.num_values * chunk.total_uncompressed_size
                texts[chunk.path_in_schema] = None
            else:
                n_bytes += chunk.num_values * width
    if n_bytes <= largest:
        return
    # Each text once, and its number for each row, which is never larger than the file.
    # No threads, as in ``atomic_files.read_parquet``.
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=list(texts), pre_buffer=False)
    n_bytes = 0
    for batch in file.iter_batches(use_threads=False):
        n_bytes += sum(map(_size, batch.columns))
        if n_bytes > largest:
            raise TooLarge(largest)


def _size(column: Any) -> int:
    """Count the bytes of a column; if it has numbered texts, as if each row had its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(lengths).as_py() or 0)
