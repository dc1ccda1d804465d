"""Storage in memory that records in which order files are written and removed."""

from collections.abc import Callable
from pathlib import Path


class RecordingStorage:
    """Stands for ``sync.storage.Storage``.

    Attributes:
        failing: called before each operation; the error that it returns is raised.
    """

    path: Path | None = None

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.written: list[str] = []
        self.removed: list[str] = []
        self.failing: Callable[[], Exception | None] = lambda: None

    def __str__(self) -> str:
        return "there"

    def _fail(self) -> None:
        if error := self.failing():
            raise error

    def names(self) -> set[str]:
        self._fail()
        return set(self.files)

    def read(self, name: str) -> bytes | None:
        self._fail()
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self._fail()
        self.files[name] = data
        self.written.append(name)

    def remove(self, name: str) -> None:
        self._fail()
        del self.files[name]
        self.removed.append(name)
