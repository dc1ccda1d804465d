"""Storage beside a run's own folder: a mounted folder or an object store, through pyarrow.

Storage holds whole files by name. A file appears at once and whole, or not at all: an object store
publishes it that way, and in a mounted folder it is written under a temporary name and renamed.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.config.uris import scheme
from spikeloop.coordinator.formatting import one_line
from spikeloop.coordinator.store import atomic_files, reading

CONNECT_S, ANSWER_S, ATTEMPTS = 3, 6, 3
"""Limits of a request to an object store, so that an outage is noticed within twenty seconds."""

HINTS: Mapping[str, str] = {
    "ACCESS_DENIED": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws) and what they allow",
    "INVALID_ACCESS_KEY": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws)",
    "SIGNATURE": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws)",
    "OAuth2": "check the credentials (GOOGLE_APPLICATION_CREDENTIALS)",
    "NETWORK_CONNECTION": "is the store up, and endpoint_override right?",
}
"""What to do about an error, by a word of its message."""


class Source(Protocol):
    """A folder that can be read; its methods are those of ``Storage``."""

    def names(self) -> set[str]: ...  # noqa: D102

    def read(self, name: str) -> bytes | None: ...  # noqa: D102


class Storage:
    """One folder of a file system that pyarrow knows. Its methods raise PoolError in one line.

    Args:
        address: of the folder, for messages.
        filesystem: of pyarrow.
        root: path of the folder in it.

    Attributes:
        path: of the folder if it is a mounted one, otherwise None.
    """

    def __init__(self, address: str, filesystem: Any, root: str) -> None:
        from pyarrow import fs

        self._address, self._files = address, fs.SubTreeFileSystem(root, filesystem)
        self.path = Path(root) if filesystem.type_name == "local" else None

    def __str__(self) -> str:
        """Its address."""
        return self._address

    def names(self) -> set[str]:
        """Names of all files below it, relative, with "/" between their parts."""
        from pyarrow import fs

        everything = fs.FileSelector("", recursive=True, allow_not_found=True)
        with _one_line_errors(self._address):
            found = self._files.get_file_info(everything)
        return {info.path for info in found if info.type == fs.FileType.File}

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None if there is none."""
        with _one_line_errors(self._address), suppress(FileNotFoundError):
            if self.path is not None:
                return reading.read_bytes(self.path / name)
            with self._files.open_input_file(name) as file:
                if file.size() > reading.LARGEST:
                    raise OSError(f"{name} has more than {reading.LARGEST} bytes")
                return bytes(file.read())
        return None

    def write(self, name: str, data: bytes) -> None:
        """Publish a file, at once and whole; it may replace one."""
        with _one_line_errors(self._address):
            if self.path is not None:
                atomic_files.make_folder((self.path / name).parent)
                atomic_files.write_bytes(self.path / name, data)
                return
            with self._files.open_output_stream(name) as stream:
                stream.write(data)

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with _one_line_errors(self._address), suppress(FileNotFoundError):
            if self.path is not None:
                atomic_files.remove(self.path / name)
            else:
                self._files.delete_file(name)


def open_storage(address: str, name: str) -> Storage:
    """Open the folder of a run, which need not exist, below an address, which must."""
    from pyarrow import fs

    if scheme(address) == "file":
        above = Path(unquote(urlsplit(address).path) if "://" in address else address)
        if not above.is_dir():
            raise PoolError(f"{above}: there is no such folder; make or mount it")
        return Storage(str(above / name), fs.LocalFileSystem(), str(above / name))
    base, question, options = address.partition("?")
    shown = f"{base.rstrip('/')}/{name}{question}{options}"
    with _one_line_errors(shown):
        filesystem, root = _object_store(address)
        bucket = root.partition("/")[0]
        if filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
            raise PoolError(f"{shown}: there is no bucket {bucket}; make it first")
    return Storage(shown, filesystem, f"{root.strip('/')}/{name}")


def _object_store(address: str) -> tuple[Any, str]:
    """The file system of pyarrow for an object store, and the path in it."""
    from pyarrow import fs

    parts = urlsplit(address)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if scheme(address) == "gs":
        if "retry_limit_seconds" not in options:
            address += f"{'&' if parts.query else '?'}retry_limit_seconds={CONNECT_S * ATTEMPTS}"
        filesystem, path = fs.FileSystem.from_uri(address)
        return filesystem, path
    if "force_virtual_addressing" in options:
        options["force_virtual_addressing"] = options["force_virtual_addressing"] == "true"
    region_is_set = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not options.keys() & {"region", "endpoint_override"} and not region_is_set:
        options["region"] = fs.resolve_s3_region(parts.netloc)
    filesystem = fs.S3FileSystem(
        **options,
        connect_timeout=CONNECT_S,
        request_timeout=ANSWER_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        allow_delayed_open=True,  # a small file is one request, not the three of a large one
    )
    return filesystem, f"{parts.netloc}{unquote(parts.path)}"


@contextmanager
def _one_line_errors(address: str) -> Iterator[None]:
    """Turn every failure into a PoolError that names the storage and what to do about it."""
    try:
        yield
    except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's own derive from these
        text = one_line(error)
        hint = next((hint for word, hint in HINTS.items() if word in text), "")
        text = text.partition("; Details:")[0].partition(" error_info=")[0]
        raise PoolError(f"{address}: {text}{f'; {hint}' if hint else ''}") from error
