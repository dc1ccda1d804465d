"""Writing files so that a kill at any instant leaves the old one or the new one, never half of one.

Dot-prefixed temporary file, fsync, rename, fsync of the folder. Parquet readers ignore names that
begin with a dot. Parquet pages carry checksums, because a flipped byte is otherwise read silently.
"""

import contextlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Publishes ``data`` under ``path`` atomically and durably."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Removes a file durably."""
    path.unlink()
    _sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Publishes ``value`` as indented JSON."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value of a JSON file; ValueError if it is not valid."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_parquet(path: Path, table: Any) -> None:
    """Publishes a ``pyarrow.Table`` with page checksums."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    write_bytes(path, buffer.getbuffer())


def read_parquet(path: Path) -> Any:
    """The ``pyarrow.Table`` of one file, its checksums verified; OSError if they do not match."""
    import pyarrow.parquet as pq

    with open(path, "rb") as file:
        return pq.ParquetFile(file, page_checksum_verification=True).read()


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Publishes named arrays as ``.npz``; object arrays, which would need pickle, are refused."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getbuffer())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a ``.npz``; its members' checksums are verified, pickles are refused."""
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
