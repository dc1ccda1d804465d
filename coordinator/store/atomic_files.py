"""Write files that a kill leaves whole, and read them only if they are undamaged.

A file is written under a temporary name that begins with a dot, synced and renamed, and its folder
is synced: a kill at any instant leaves the old file or the new one, never half of one. Parquet
readers ignore names that begin with a dot. Every file has a checksum (``checksums``); pages of
Parquet have their own too, for other readers.
"""

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import checksums, reading, safe_npz

T = TypeVar("T")

NO_CHECKSUM = {checksums.KEY: checksums.EMPTY}
"""What stands in a file before its checksum is known."""


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically and durably; OSError names ``path``."""
    temporary = path.with_name(f".{path.name}.tmp")
    with _naming(path):
        try:
            with open(temporary, "wb", opener=_no_link) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def _no_link(path: str, flags: int) -> int:
    """Open a file for writing, unless a link or a pipe is in its place."""
    try:
        return reading.opened(path, flags | os.O_NOFOLLOW)
    except reading.Unreadable as error:
        what = f"{Path(path).name} is in the way, which is no regular file"
        raise OSError(error.errno, what) from error


def remove(path: Path) -> None:
    """Remove a file durably, if it is there."""
    with _naming(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, indented, with its checksum."""
    own = {key: inner for key, inner in value.items() if key != checksums.KEY}
    text = json.dumps({**own, **NO_CHECKSUM}, indent=2, ensure_ascii=False) + "\n"
    _write_with_checksum(path, io.BytesIO(text.encode()))


def read_json(path: Path) -> dict[str, Any]:
    """Read what ``write_json`` wrote; ConfigError if it is missing or damaged."""
    return read(path, _json, reading.LARGEST_TEXT)


def read_versioned(path: Path, version: int) -> dict[str, Any]:
    """Read a folder's manifest; ConfigError if damaged, or of another schema version."""
    value = read_json(path)
    if (found := value.get("schema_version")) != version:
        raise ConfigError(
            f"{path.parent}: written by Spikeloop {value.get('spikeloop', '?')} with schema "
            f"{found}; this version reads schema {version}: read it with the version that wrote it"
        )
    return value


def write_parquet(path: Path, table: Any) -> None:
    """Write a ``pyarrow.Table`` with its checksum, and one for each page."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    with pq.ParquetWriter(
        buffer, table.schema, compression="zstd", write_page_checksum=True
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(NO_CHECKSUM)
    _write_with_checksum(path, buffer)


def read_parquet(path: Path) -> Any:
    """Read what ``write_parquet`` wrote; ConfigError if it is missing or damaged."""
    return read(path, _table)


def write_arrays(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str] | None = None,
    compressed: bool = False,
) -> None:
    """Write named arrays as an ``.npz`` with its checksum; object arrays are refused."""
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, allow_pickle=False, **arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = json.dumps({**(metadata or {}), **NO_CHECKSUM}).encode()
    _write_with_checksum(path, buffer)


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what ``write_arrays`` wrote, arrays and metadata; ConfigError if missing or damaged."""
    return read(path, _arrays)


def open_arrays(path: Path, largest: int) -> safe_npz.Arrays:
    """Open an ``.npz`` without unpacking it; ConfigError if it is missing or damaged."""
    return read(path, safe_npz.Arrays, largest)


def metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a Parquet file, ``.npz`` or JSON; ConfigError if missing or damaged.

    Those of a JSON object are its texts.
    """
    if path.suffix == ".json":
        return {key: text for key, text in read_json(path).items() if isinstance(text, str)}
    if path.suffix == ".npz":
        return read(path, safe_npz.Arrays).metadata
    return read(path, _table_metadata)


def digest(path: Path) -> str:
    """Give a file's checksum, which names its contents; ConfigError if it is damaged."""
    return read(path, checksums.check)


def read_png(path: Path) -> bytes:
    """Read a PNG image, which has no checksum of ours; ConfigError if it is missing or none."""
    data = contents(path)
    if not (data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")):
        raise ConfigError(f"{path}: damaged: it is no PNG image")
    return data


def _write_with_checksum(path: Path, buffer: io.BytesIO) -> None:
    data = buffer.getbuffer()
    checksums.insert(data)
    write_bytes(path, data)


def contents(path: Path, largest: int = reading.LARGEST) -> bytes:
    """Read the bytes of a file as they are; ConfigError if it is missing or cannot be read."""
    try:
        return reading.read_bytes(path, largest)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: missing") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def read(path: Path, parse: Callable[[bytes], T], largest: int = reading.LARGEST) -> T:
    """Read a file, check its checksum and parse its bytes; ConfigError if that cannot be done."""
    data = contents(path, largest)
    try:
        checksums.check(data)
        return parse(data)
    except (checksums.Broken, safe_npz.TooLarge) as error:
        raise ConfigError(f"{path}: damaged: {error}") from error
    except safe_npz.NOT_ITS_OWN as error:  # undamaged, but not written by this program
        raise ConfigError(f"{path}: damaged: it holds something else") from error


def _json(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = reading.parse_json(data)
    del value[checksums.KEY]
    return value


def _table_metadata(data: bytes) -> dict[str, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pairs = (pq.read_metadata(pa.BufferReader(data)).metadata or {}).items()
    return {key.decode(): text.decode() for key, text in pairs if key.decode() != checksums.KEY}


def _table(data: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    safe_npz.check_table(data, reading.LARGEST)
    # A third of the time of ``read_table``, and no threads: one that still holds ``data`` when
    # Python ends aborts the process (https://github.com/apache/arrow/issues/49942).
    table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)
    pairs = (table.schema.metadata or {}).items()
    own = {key: text for key, text in pairs if key.decode() != checksums.KEY}
    return table.replace_schema_metadata(own or None)


def _arrays(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    arrays = safe_npz.Arrays(data)
    return arrays.read_all(reading.LARGEST), arrays.metadata


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors of the operating system name the file itself, not its temporary name."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def make_folder(path: Path) -> None:
    """Make a folder and its parents durably; one that exists is left as it is."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    path.mkdir(exist_ok=True)  # fails if it is a file


def sync_folder(folder: Path) -> None:
    """Let what was named, renamed or removed in a folder outlast a power cut."""
    with _naming(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
