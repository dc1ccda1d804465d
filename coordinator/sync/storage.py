"""Where a run lies beside its own folder: a mounted folder, or an object store that pyarrow knows.

A place stores whole files by name. A file appears at once and whole, or not at all: object stores
work that way, and in a folder it is written under a temporary name and renamed.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.config.uris import scheme
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import one_line
from spikeloop.coordinator.store import atomic_files, reading

CONNECT_S, ANSWER_S, ATTEMPTS = 3, 6, 3
"""A store that is down is known to be within twenty seconds: it is asked so often, and waited for
so long each time."""


class Source(Protocol):
    """A folder somewhere, to be read. All methods raise PoolError, one line, if it is cut off."""

    def __str__(self) -> str:
        """Its path or URI."""
        ...

    def names(self) -> set[str]:
        """Names of all files below it, relative, with "/" between their parts."""
        ...

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None if there is none."""
        ...


class Place(Source, Protocol):
    """A folder somewhere, to be read and written."""

    def write(self, name: str, data: bytes) -> None:
        """Publishes a file, at once and whole; it may replace one."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        ...


def below(text: str, name: str) -> Place:
    """The folder of a name, which need not be there, below a place, which must; or PoolError.

    Args:
        text: an address of a place that ``addresses.check`` finds nothing wrong with.
        name: of the folder.
    """
    if scheme(text) == "file":
        return Folder(Path(unquote(urlsplit(text).path) if "://" in text else text), name)
    base, question, options = text.partition("?")
    shown = f"{base.rstrip('/')}/{name}{question}{options}"
    with _naming(shown):
        filesystem, root = _open(text)
    return Store(shown, filesystem, f"{root.strip('/')}/{name}")


class Folder:
    """A folder of a file system that is mounted, durable and atomic as a run's own folder is.

    No link in it is followed: a foreign folder could lead to files elsewhere.

    Attributes:
        path: of the folder.
    """

    def __init__(self, above: Path, name: str) -> None:
        self.path = above / name
        if not above.is_dir():
            raise PoolError(f"{above}: there is no such folder; make or mount it")

    def __str__(self) -> str:
        """Its path."""
        return str(self.path)

    def names(self) -> set[str]:
        """Names of all files; ConfigError if there is a link among them, or it is one itself."""
        with _naming(str(self)):
            found = list(self.path.rglob("*"))
        _refuse_links(self.path, *found)
        return {path.relative_to(self.path).as_posix() for path in found if path.is_file()}

    def read(self, name: str) -> bytes | None:
        """The bytes of a file."""
        with _naming(str(self)):
            try:
                return self._read(name)
            except FileNotFoundError:
                return None
            except OSError as error:  # which names the last part only
                raise OSError(error.errno, error.strerror, name) from error

    def write(self, name: str, data: bytes) -> None:
        """Publishes a file durably."""
        with _naming(str(self)):
            path = self._unlinked(name)
            if not path.parent.is_dir():
                atomic_files.make_folder(path.parent)
            atomic_files.write_bytes(path, data)

    def remove(self, name: str) -> None:
        """Removes a file durably."""
        with _naming(str(self)):
            path = self._unlinked(name)
            if path.exists():
                atomic_files.remove(path)

    def _read(self, name: str) -> bytes:
        """The bytes of a file, opened part by part of its name, so that none of them is a link."""
        *folders, last = name.split("/")
        at = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for folder in folders:
                inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = inner
            return reading.read_bytes(last, at=at)
        finally:
            os.close(at)

    def _unlinked(self, name: str) -> Path:
        """The path of a file to be changed; ConfigError if a folder on the way is a link."""
        path = self.path / name
        inner = [folder for folder in path.parents if folder.is_relative_to(self.path)]
        _refuse_links(*inner)
        return path


class Store:
    """A folder of an object store, as one of pyarrow's file systems.

    Args:
        shown: its URI.
        filesystem: of pyarrow.
        root: path of the folder in it; its first part is the bucket, which must be there.
    """

    def __init__(self, shown: str, filesystem: Any, root: str) -> None:
        from pyarrow import fs

        self._shown, self._filesystem, self._root = shown, filesystem, root
        bucket = root.partition("/")[0]
        with _naming(shown):
            if filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
                raise PoolError(f"{shown}: there is no bucket {bucket}; make it first")

    def __str__(self) -> str:
        """Its URI."""
        return self._shown

    def names(self) -> set[str]:
        """Names of all files."""
        from pyarrow import fs

        with _naming(self._shown):
            wanted = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
            found = self._filesystem.get_file_info(wanted)
        # A path above its own folder cannot be; whoever answers so is not believed.
        start = f"{self._root}/"
        return {
            info.path.removeprefix(start)
            for info in found
            if info.type == fs.FileType.File and info.path.startswith(start)
        }

    def read(self, name: str) -> bytes | None:
        """The bytes of a file."""
        with _naming(self._shown), suppress(FileNotFoundError):
            with self._filesystem.open_input_file(f"{self._root}/{name}") as file:
                data: bytes = file.read(reading.LARGEST + 1)
            return _limited(data, name)
        return None

    def write(self, name: str, data: bytes) -> None:
        """Publishes a file."""
        with (
            _naming(self._shown),
            self._filesystem.open_output_stream(f"{self._root}/{name}") as stream,
        ):
            stream.write(data)

    def remove(self, name: str) -> None:
        """Removes a file."""
        with _naming(self._shown), suppress(FileNotFoundError):
            self._filesystem.delete_file(f"{self._root}/{name}")


def _open(text: str) -> tuple[Any, str]:
    """The file system of pyarrow, and the path in it."""
    from pyarrow import fs

    parts = urlsplit(text)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if scheme(text) == "gs":
        if "retry_limit_seconds" not in options:
            text += f"{'&' if parts.query else '?'}retry_limit_seconds={CONNECT_S * ATTEMPTS}"
        filesystem, path = fs.FileSystem.from_uri(text)
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


def _refuse_links(*paths: Path) -> None:
    for path in paths:
        if path.is_symlink():
            raise ConfigError(
                f"{path}: is a link, and no links are followed there; put what it stands for in "
                "its place"
            )


def _limited(data: bytes, name: str) -> bytes:
    if len(data) > reading.LARGEST:
        raise OSError(f"{name} has more than {reading.LARGEST} bytes")
    return data


HINTS: Mapping[str, str] = {
    "ACCESS_DENIED": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws) and what they allow",
    "INVALID_ACCESS_KEY": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws)",
    "SIGNATURE": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws)",
    "OAuth2": "check the credentials (GOOGLE_APPLICATION_CREDENTIALS)",
    "NETWORK_CONNECTION": "is the store up, and endpoint_override right?",
}
"""What to do, by a word of the message."""


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Whatever goes wrong names the place, and what to do about it, in one line."""
    try:
        yield
    except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's own derive from these
        text = one_line(error)
        hint = next((hint for word, hint in HINTS.items() if word in text), "")
        text = text.partition("; Details:")[0].partition(" error_info=")[0]
        raise PoolError(f"{place}: {text}{f'; {hint}' if hint else ''}") from error
