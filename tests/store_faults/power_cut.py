"""What a file system may have kept when the power went: worked out from recorded operations.

POSIX promises only what was synced. The contents of a file are those of its last ``fsync``, or any
part of what was written since; every change of a folder after the folder's own last ``fsync`` (a
name that appears, moves or goes) may have happened or not, each for itself. A rename within a
folder is atomic. Harsher than any one file system, because the program is to run on all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np

from store_faults.file_operations import Operation

Share = Literal["none", "some", "all"]


class Survival(NamedTuple):
    """How much of what was not synced is still there.

    Attributes:
        names: of the changes of folders; "some" is decided for each by itself.
        contents: of what was written to files; "some" is all, nothing, a part, or zeros.
        seed: of what "some" means.
    """

    names: Share
    contents: Share
    seed: int = 0


@dataclass(eq=False)
class _File:
    now: bytes = b""
    synced: bytes = b""

    def survivor(self, share: Share, rng: np.random.Generator) -> bytes:
        """The contents after the cut."""
        if share == "all" or self.now == self.synced:
            return self.now
        if share == "none":
            return self.synced
        cut = int(rng.integers(len(self.now) + 1))
        return (
            self.now,
            self.synced,
            self.now[:cut] + self.synced[cut:],
            bytes(len(self.now)),  # its length was kept and its blocks were not
        )[rng.integers(4)]


@dataclass(eq=False)
class _Folder:
    now: "dict[str, _File | _Folder]" = field(default_factory=dict)
    synced: "dict[str, _File | _Folder]" = field(default_factory=dict)
    pending: "list[tuple[str, str, _File | _Folder]]" = field(default_factory=list)

    def change(self, old: str, new: str, node: "_File | _Folder") -> None:
        """A node goes from one name to another; "" is no name."""
        self.pending.append((old, new, node))
        _move(self.now, old, new, node)

    def sync(self) -> None:
        """All changes are there to stay."""
        self.synced, self.pending = dict(self.now), []

    def survivors(self, share: Share, rng: np.random.Generator) -> "dict[str, _File | _Folder]":
        """The names after the cut."""
        names = dict(self.synced)
        for change in self.pending:
            if share == "all" or (share == "some" and rng.random() < 0.5):
                _move(names, *change)
        return names


def _move(names: "dict[str, _File | _Folder]", old: str, new: str, node: "_File | _Folder") -> None:
    if names.get(old) is node:
        del names[old]
    if new:
        names[new] = node


class Disk:
    """A folder's contents as they are seen, and as they are on the disk."""

    def __init__(self) -> None:
        self._root = _Folder()

    def do(self, operations: Iterable[Operation]) -> "Disk":
        """Does some recorded operations."""
        for operation in operations:
            self._do(operation)
        return self

    def _do(self, operation: Operation) -> None:
        place = PurePosixPath(operation.path)
        if operation.kind == "sync_folder":
            self._folder(place).sync()
            return
        parent, name = self._folder(place.parent), place.name
        node = parent.now.get(name)
        if operation.kind in ("open", "mkdir"):
            if node is None:
                node = _File() if operation.kind == "open" else _Folder()
                parent.change("", name, node)
            if isinstance(node, _File):
                node.now = operation.data
        elif operation.kind == "sync":
            assert isinstance(node, _File)
            node.synced = node.now
        else:
            assert node is not None
            target = PurePosixPath(operation.target or operation.path)
            assert target.parent == place.parent, "renamed into another folder: not modelled"
            parent.change(name, target.name if operation.kind == "rename" else "", node)

    def _folder(self, place: PurePosixPath) -> _Folder:
        folder = self._root
        for name in place.parts:
            inner = folder.now[name]
            assert isinstance(inner, _Folder)
            folder = inner
        return folder

    def after_cut(self, survival: Survival) -> dict[str, bytes | None]:
        """What is left: the contents of every file by its path; None for a folder."""
        rng = np.random.default_rng(survival.seed)
        left: dict[str, bytes | None] = {}

        def keep(folder: _Folder, path: str) -> None:
            for name, node in folder.survivors(survival.names, rng).items():
                if isinstance(node, _File):
                    left[path + name] = node.survivor(survival.contents, rng)
                else:
                    left[path + name] = None
                    keep(node, f"{path}{name}/")

        keep(self._root, "")
        return left


def write_tree(tree: dict[str, bytes | None], folder: Path) -> None:
    """Writes files and folders into a real folder."""
    for path, contents in tree.items():
        if contents is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(contents)


def read_tree(folder: Path) -> dict[str, bytes | None]:
    """The files and folders of a real folder, as ``write_tree`` takes them."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
