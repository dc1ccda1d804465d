"""What a process does to the files below one folder, operation by operation.

Opening for writing, writing, syncing a file or a folder, renaming, removing, making a folder: each
is counted and recorded where Python hands it to the operating system, and at the n-th the process
can be made to die or the operation to fail. Nothing is really synced: the kernel outlives a killed
process, and what a power cut would leave is worked out from the record (``power_cut``).
"""

import builtins
import fcntl
import functools
import io
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest import mock

Kind = Literal["open", "write", "sync", "sync_folder", "rename", "remove", "mkdir", "rmdir", "cut"]


class Operation(NamedTuple):
    """One operation; paths are relative to the watched folder.

    Attributes:
        kind: what is done.
        path: to what, under the name that it has at this moment.
        target: its new name, for a rename.
        offset: where in the file, for a write; the file's new length, for a cut.
        data: what is written there.
        empties: whether opening cuts the file to nothing.
    """

    kind: Kind
    path: str
    target: str = ""
    offset: int = 0
    data: bytes = b""
    empties: bool = False


@dataclass(frozen=True)
class Fault:
    """What happens at an operation.

    Attributes:
        at: which one, counted from 0; it does not happen any more.
        half: a write comes so far as to write half of its bytes.
        error: the operation fails with this number instead of killing the process.
        lasting: all later operations that take space fail too, as on a disk that stays full.
        pause: two ends of pipes instead: before the operation the process writes a byte to the
            first and waits for one from the second.
    """

    at: int
    half: bool = False
    error: int | None = None
    lasting: bool = False
    pause: tuple[int, int] | None = None

    def hits(self, number: int, operation: Operation) -> bool:
        if operation.kind in ("remove", "rmdir"):
            return self.error is None and number == self.at  # what frees space does not fail
        return number == self.at or (self.lasting and number > self.at)


class Watch:
    """Counts, records and disturbs the operations below a folder.

    Attributes:
        operations: what was done, the last one possibly not to its end.
    """

    def __init__(
        self, folder: Path, fault: Fault | None = None, unsynced: frozenset[Kind] = frozenset()
    ) -> None:
        self.operations: list[Operation] = []
        self._root = os.path.realpath(folder)
        self._fault = fault
        self._unsynced = unsynced  # kinds of syncs that the program is made to forget

    def inside(self, path: Any, folder: int | None = None) -> str | None:
        """The path relative to the watched folder; None if it is none or elsewhere."""
        if isinstance(path, int):
            name = os.readlink(f"/proc/self/fd/{path}")
        else:
            name = os.fspath(path)
            base = os.getcwd() if folder is None else os.readlink(f"/proc/self/fd/{folder}")
            name = os.path.normpath(os.path.join(base, name))
        inside = isinstance(name, str) and (name + os.sep).startswith(self._root + os.sep)
        return os.path.relpath(name, self._root) if inside else None

    def perform(self, operation: Operation, do: Callable[[], Any], half: Any = None) -> Any:
        """Does an operation, unless this is where the fault is."""
        if operation.kind in self._unsynced:
            return None
        number = len(self.operations)
        self.operations.append(operation)
        fault = self._fault
        if fault is None or not fault.hits(number, operation):
            return do()
        if fault.pause is not None:
            _WRITE(fault.pause[0], b".")
            os.read(fault.pause[1], 1)
            return do()
        if fault.half and half is not None:
            half()
        if fault.error is None:
            signal.raise_signal(signal.SIGKILL)
        assert fault.error is not None
        # As the system does it: a write and a sync know a number, all others their file.
        unnamed = operation.kind in ("write", "cut", "sync", "sync_folder")
        named = () if unnamed else (operation.path,)
        raise OSError(fault.error, os.strerror(fault.error), *named)

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """Watches what happens within the block, in this thread and all others."""
        replaced = {
            (builtins, "open"): self._open,
            (io, "open"): self._open,
            (os, "open"): self._os_open,
            (os, "write"): self._os_write,
            (os, "pwrite"): self._os_pwrite,
            (os, "ftruncate"): self._os_ftruncate,
            (os, "fsync"): self._sync,
            (os, "fdatasync"): self._sync,
            (os, "rename"): self._two_paths(os.rename),
            (os, "replace"): self._two_paths(os.replace),
            (os, "unlink"): self._one_path("remove", os.unlink),
            (os, "remove"): self._one_path("remove", os.remove),
            (os, "mkdir"): self._one_path("mkdir", os.mkdir),
            (os, "rmdir"): self._one_path("rmdir", os.rmdir),
        }
        patches = [mock.patch.object(*place, new) for place, new in replaced.items()]
        for patch in patches:
            patch.start()
        try:
            yield self
        finally:
            for patch in patches:
                patch.stop()

    def _open(
        self, file: Any, mode: str = "r", buffering: int = -1, *text: Any, **named: Any
    ) -> Any:
        path = self.inside(file)
        if path is None or not set(mode) & set("wax+"):
            return _OPEN_FILE(file, mode, buffering, *text, **named)
        operation = Operation("open", path, empties="w" in mode)
        raw_mode = mode.replace("b", "").replace("t", "")
        raw = self.perform(operation, lambda: _CountedFile(self, file, raw_mode))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *text, **named)

    def _os_open(self, path: Any, flags: int, *args: Any, **named: Any) -> int:
        def do() -> int:
            descriptor: int = _OPEN(path, flags, *args, **named)
            return descriptor

        name = self.inside(path, named.get("dir_fd"))
        if name is None or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return do()
        descriptor: int = self.perform(
            Operation("open", name, empties=bool(flags & os.O_TRUNC)), do
        )
        return descriptor

    def _os_write(self, descriptor: int, data: Any) -> int:
        return self.write(descriptor, data, lambda part: _WRITE(descriptor, part))

    def _os_pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        return self.write(descriptor, data, lambda part: _PWRITE(descriptor, part, offset), offset)

    def _os_ftruncate(self, descriptor: int, length: int) -> None:
        path = self.inside(descriptor)
        if path is None:
            return _FTRUNCATE(descriptor, length)
        do = functools.partial(_FTRUNCATE, descriptor, length)
        return self.perform(Operation("cut", path, offset=length), do)  # type: ignore[no-any-return]

    def write(
        self,
        descriptor: int,
        data: Any,
        do: Callable[[bytes], int],
        offset: int | None = None,
    ) -> int:
        """Writes to an open file, where its position is unless an offset is given."""
        path, whole = self.inside(descriptor), bytes(data)
        if path is None:
            return do(whole)
        if offset is None:
            at_end = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
            offset = os.lseek(descriptor, 0, os.SEEK_END if at_end else os.SEEK_CUR)
        operation = Operation("write", path, offset=offset, data=whole)
        written: int = self.perform(
            operation, lambda: do(whole), lambda: do(whole[: len(whole) // 2])
        )
        return written

    def _sync(self, descriptor: int) -> None:
        path = self.inside(descriptor)
        if path is not None:
            folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            self.perform(Operation("sync_folder" if folder else "sync", path), lambda: None)

    def _two_paths(self, function: Callable[..., None]) -> Callable[..., None]:
        def renaming(source: Any, target: Any, **named: Any) -> None:
            paths = self.inside(source), self.inside(target)
            if paths[0] is None or paths[1] is None:
                return function(source, target, **named)
            operation = Operation("rename", paths[0], paths[1])
            return self.perform(operation, lambda: function(source, target, **named))  # type: ignore[no-any-return]

        return renaming

    def _one_path(self, kind: Kind, function: Callable[..., None]) -> Callable[..., None]:
        def changing(path: Any, *args: Any, **named: Any) -> None:
            name = self.inside(path, named.get("dir_fd"))
            if name is None:
                return function(path, *args, **named)
            do = lambda: function(path, *args, **named)  # noqa: E731
            return self.perform(Operation(kind, name), do)  # type: ignore[no-any-return]

        return changing


class _CountedFile(io.FileIO):
    """A file whose writes the watch sees; Python's buffers lie above it, as above any file."""

    def __init__(self, watch: Watch, path: Any, mode: str) -> None:
        super().__init__(path, mode)
        self._watch = watch

    def write(self, data: Any) -> int:
        return self._watch.write(self.fileno(), data, super().write)


_OPEN_FILE: Any = builtins.open
_OPEN, _WRITE, _PWRITE, _FTRUNCATE = os.open, os.write, os.pwrite, os.ftruncate
