"""Where a copy of a run lies: a folder, or whatever pyarrow's file systems know by a URI.

    /mnt/shared/runs                                    a folder, by its absolute path
    file:///mnt/shared/runs                             the same
    s3://bucket/prefix?region=eu-central-1              an object store, Amazon's or another one's:
    s3://bucket/prefix?endpoint_override=127.0.0.1:9000&scheme=http
    gs://bucket/prefix                                  Google's
    hdfs://host:port/folder                             Hadoop's; needs libhdfs

A place stores whole files by name. A file appears at once and whole, or not at all: object stores
work that way, and elsewhere it is written under a temporary name and renamed. Credentials come from
the environment or from the files of the store's own tools, never from a URI, because a run keeps
that in its ``run.json``.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator import files
from spikeloop.coordinator.exits import one_line

OPTIONS = {
    "s3": ("endpoint_override", "scheme", "region", "force_virtual_addressing"),
    "gs": ("endpoint_override", "scheme", "retry_limit_seconds"),
    "hdfs": ("user", "replication"),
    "file": (),
}
"""Schemes, and what may stand after the ? of each. None of it is a secret."""
CONNECT_S, ANSWER_S, ATTEMPTS = 3, 6, 3
"""A store that is down is known to be within twenty seconds: it is asked so often, and waited for
so long each time."""
LARGEST_FILE = 2**32
"""Bytes of a file that is read from a place: far more than a generation has."""


class Place(Protocol):
    """A folder somewhere. All methods raise PoolError, one line, if it cannot be reached."""

    def __str__(self) -> str:
        """Its path or URI."""
        ...

    def names(self) -> set[str]:
        """Names of all files below it, relative, with "/" between their parts."""
        ...

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None if there is none."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Publishes a file, at once and whole; it may replace one."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        ...


def is_place(text: str) -> bool:
    """Whether a text is meant as a place rather than as a name or a relative path."""
    return "://" in text or text.startswith("/")


def check(text: str) -> None:
    """ValueError that says what is wrong, without quoting it, if a text names no place."""
    scheme = _scheme(text)
    if not is_place(text) or scheme not in OPTIONS:
        known = ", ".join(f"{name}://" for name in OPTIONS)
        raise ValueError(f"must be an absolute path, or begin with one of {known}")
    if scheme == "file" and "://" not in text:
        return
    try:
        parts = urlsplit(text)
        _ = parts.port
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ValueError(f"must be a URI: {error}") from error
    if "@" in parts.netloc and not (scheme == "gs" and parts.netloc.startswith("anonymous@")):
        raise ValueError(
            "must hold no credentials; give them in the environment (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY) or in ~/.aws/credentials"
        )
    for key, _value in options:
        if key not in OPTIONS[scheme]:
            words = f" but {', '.join(OPTIONS[scheme])}" if OPTIONS[scheme] else ""
            raise ValueError(f"must have no option {key!r} after the ?{words}")
    if parts.fragment or any(part in (".", "..") for part in unquote(parts.path).split("/")):
        raise ValueError("must have no # and no . or .. in its path")
    if scheme == "file" and (parts.netloc not in ("", "localhost") or parts.path in ("", "/")):
        raise ValueError("must be file:/// and an absolute path")
    if scheme in ("s3", "gs") and not re.fullmatch(r"(anonymous@)?[A-Za-z0-9._-]+", parts.netloc):
        raise ValueError(f"must be {scheme}:// and the name of a bucket")


def split(text: str) -> tuple[str, str]:
    """The place above one, and the last name in its path."""
    base, question, options = text.partition("?")
    above, _, name = base.rstrip("/").rpartition("/")
    return f"{above or '/'}{question}{options}", name


def below(text: str, name: str) -> Place:
    """The folder of a name below a place, which must be there itself.

    Args:
        text: that ``check`` finds nothing wrong with.
        name: of the folder, which need not be there.

    Raises:
        PoolError: the place cannot be reached, or its package or library is missing.
    """
    base, question, options = text.partition("?")
    shown = f"{base.rstrip('/')}/{name}{question}{options}"
    if _scheme(text) == "file":
        path = unquote(urlsplit(text).path) if "://" in text else text
        return Folder(Path(path), name)
    with _naming(shown):
        filesystem, root = _open(text)
    return Store(shown, filesystem, f"{root.strip('/')}/{name}")


class Folder:
    """A folder of a file system that is mounted, durable and atomic as a run's own folder is.

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
        """Names of all files."""
        with _naming(str(self)):
            found = (path for path in self.path.rglob("*") if path.is_file())
            return {path.relative_to(self.path).as_posix() for path in found}

    def read(self, name: str) -> bytes | None:
        """The bytes of a file."""
        with _naming(str(self)), suppress(FileNotFoundError), open(self.path / name, "rb") as file:
            return _limited(file.read(LARGEST_FILE + 1), name)
        return None

    def write(self, name: str, data: bytes) -> None:
        """Publishes a file durably."""
        with _naming(str(self)):
            path = self.path / name
            if not path.parent.is_dir():
                files.make_folder(path.parent)
            files.write_bytes(path, data)

    def remove(self, name: str) -> None:
        """Removes a file durably."""
        with _naming(str(self)):
            if (self.path / name).exists():
                files.remove(self.path / name)


class Store:
    """A folder of one of pyarrow's file systems.

    Args:
        shown: its URI.
        filesystem: of pyarrow.
        root: path of the folder in it.
    """

    def __init__(self, shown: str, filesystem: Any, root: str) -> None:
        self._shown, self._filesystem, self._root = shown, filesystem, root
        self._renames = filesystem.type_name not in ("s3", "gcs")
        if not self._renames:
            self._require_bucket()

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
                data: bytes = file.read(LARGEST_FILE + 1)
            return _limited(data, name)
        return None

    def write(self, name: str, data: bytes) -> None:
        """Publishes a file: one request of an object store, else a rename."""
        path = f"{self._root}/{name}"
        with _naming(self._shown):
            if not self._renames:
                self._put(path, data)
                return
            folder, _, last = path.rpartition("/")
            self._filesystem.create_dir(folder, recursive=True)
            self._put(f"{folder}/.{last}.tmp", data)
            self._filesystem.move(f"{folder}/.{last}.tmp", path)

    def remove(self, name: str) -> None:
        """Removes a file."""
        with _naming(self._shown), suppress(FileNotFoundError):
            self._filesystem.delete_file(f"{self._root}/{name}")

    def _require_bucket(self) -> None:
        from pyarrow import fs

        bucket = self._root.partition("/")[0]
        with _naming(self._shown):
            if self._filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
                raise PoolError(f"{self._shown}: there is no bucket {bucket}; make it first")

    def _put(self, path: str, data: bytes) -> None:
        with self._filesystem.open_output_stream(path) as stream:
            stream.write(data)


def _scheme(text: str) -> str:
    return text.partition("://")[0].lower() if "://" in text else "file"


def _open(text: str) -> tuple[Any, str]:
    """The file system of pyarrow, and the path in it."""
    from pyarrow import fs

    parts = urlsplit(text)
    if _scheme(text) != "s3":
        if _scheme(text) == "gs" and "retry_limit_seconds" not in parts.query:
            limit = f"retry_limit_seconds={CONNECT_S * ATTEMPTS}"
            text += f"{'&' if parts.query else '?'}{limit}"
        filesystem, path = fs.FileSystem.from_uri(text)
        return filesystem, path
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if "force_virtual_addressing" in options:
        options["force_virtual_addressing"] = options["force_virtual_addressing"] == "true"
    if not options.keys() & {"region", "endpoint_override"} and not _region_is_set():
        options["region"] = fs.resolve_s3_region(parts.netloc)
    filesystem = fs.S3FileSystem(
        **options,
        connect_timeout=CONNECT_S,
        request_timeout=ANSWER_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        allow_delayed_open=True,  # a small file is one request, not the three of a large one
    )
    return filesystem, f"{parts.netloc}{unquote(parts.path)}"


def _region_is_set() -> bool:
    return bool(os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))


def _limited(data: bytes, name: str) -> bytes:
    if len(data) > LARGEST_FILE:
        raise OSError(f"{name} has more than {LARGEST_FILE} bytes")
    return data


HINTS: Mapping[str, str] = {
    "ACCESS_DENIED": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws) and what they allow",
    "INVALID_ACCESS_KEY": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws)",
    "SIGNATURE": "check the credentials (AWS_ACCESS_KEY_ID or ~/.aws)",
    "OAuth2": "check the credentials (GOOGLE_APPLICATION_CREDENTIALS)",
    "NETWORK_CONNECTION": "is the store up, and endpoint_override right?",
    "libhdfs": "Hadoop's library is needed where this runs",
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
