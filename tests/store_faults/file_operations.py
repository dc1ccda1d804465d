"""What a process does to the files below one folder, operation by operation.

Opening for writing, syncing a file or a folder, renaming, removing, making a folder: each is
counted and recorded where Python announces it to its audit hooks, and at the n-th the process can
be made to die or the operation to fail. Nothing is really synced: the kernel outlives a killed
process, and what a power cut would leave is worked out from the record (``power_cut``).
"""

import os
import signal as signals
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest import mock

Kind = Literal["open", "sync", "sync_folder", "rename", "remove", "mkdir", "rmdir"]


class Operation(NamedTuple):
    """One operation; paths are relative to the watched folder.

    Attributes:
        kind: what is done.
        path: to what, under the name that it has at this moment.
        target: its new name, for a rename.
        data: for an opening, what the file holds when it is synced or renamed, or at the end.
    """

    kind: Kind
    path: str
    target: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class Fault:
    """What happens at an operation.

    Attributes:
        at: which one, counted from 0; it does not happen any more.
        half: a file that would be synced has half of its bytes.
        error: the operation fails with this number instead of killing the process.
        lasting: all later operations that take space fail too, as on a disk that stays full.
        signal: what the process gets; after SIGSTOP and SIGCONT the operation happens.
    """

    at: int
    half: bool = False
    error: int | None = None
    lasting: bool = False
    signal: signals.Signals = signals.SIGKILL

    def hits(self, number: int, operation: Operation) -> bool:
        """Whether it happens at this operation."""
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
        self._opened: dict[str, int] = {}  # the last opening of files whose bytes are not known yet
        self._active = False

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """Watches what happens within the block, in this thread and all others."""
        sys.addaudithook(self._announced)  # which cannot be removed again
        self._active = True
        try:
            with mock.patch.object(os, "fsync", self._sync):
                yield self
        finally:
            self._active = False
        for path in list(self._opened):
            self._read(path)

    def _announced(self, event: str, arguments: Any) -> None:
        if not self._active:
            return
        if event == "open":
            name, _, flags = arguments
            if not isinstance(name, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._perform("open", name)
        elif event == "os.rename":
            self._perform("rename", arguments[0], target=self._inside(arguments[1]) or "")
        elif event in ("os.remove", "os.rmdir", "os.mkdir"):
            kind: Kind = event.removeprefix("os.")  # type: ignore[assignment]
            self._perform(kind, arguments[0], arguments[-1])

    def _sync(self, descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        self._perform("sync_folder" if folder else "sync", name)

    def _inside(self, name: Any, folder: int = -1) -> str | None:
        """The path relative to the watched folder; None if it is elsewhere."""
        base = os.getcwd() if folder == -1 else os.readlink(f"/proc/self/fd/{folder}")
        name = os.path.normpath(os.path.join(base, os.fsdecode(name)))
        inside = (name + os.sep).startswith(self._root + os.sep)
        return os.path.relpath(name, self._root) if inside else None

    def _perform(self, kind: Kind, name: Any, folder: int = -1, target: str = "") -> None:
        """Record an operation below the folder; it does not happen if this is where a fault is."""
        path = self._inside(name, folder)
        if path is None or kind in self._unsynced:
            return
        if self.operations and self.operations[-1][:2] == ("open", path) and kind == "open":
            return  # an opener and what it calls both announce it
        if kind in ("sync", "rename", "remove"):
            self._read(path)
        operation, number = Operation(kind, path, target), len(self.operations)
        self.operations.append(operation)
        if kind == "open":
            self._opened[path] = number
        fault = self._fault
        if fault is None or not fault.hits(number, operation):
            return
        if fault.half and kind == "sync":
            whole = os.path.join(self._root, path)
            os.truncate(whole, os.path.getsize(whole) // 2)
        if fault.error is None:
            signals.raise_signal(fault.signal)
            return
        # As the system does it: a sync knows a number, all others their file.
        named = () if kind in ("sync", "sync_folder") else (path,)
        raise OSError(fault.error, os.strerror(fault.error), *named)

    def _read(self, path: str) -> None:
        """Complete the record of the last opening of a file."""
        number = self._opened.pop(path, None)
        if number is None:
            return
        with suppress(FileNotFoundError):  # its folder was renamed
            data = Path(self._root, path).read_bytes()
            self.operations[number] = self.operations[number]._replace(data=data)
