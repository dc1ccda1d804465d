"""Write and read the files of a run folder.

    run.json          configuration as resolved, versions, machine, schema version
    generations/      part-000012.parquet   one row a generation
    candidates/       part-000012.parquet   one row a candidate
    episodes/         part-000012.parquet   one row an episode
    curves/           part-000010.parquet   held-out episodes of the recommended point
    finalists/        part-000030.parquet   episodes of the points that raced to be deployed
    transfer/         part-000000.parquet   held-out episodes before and after, named by seed
    other_transfers/  seed-000005-tasks-000010-generation-000030.parquet
                      held-out episodes on other tasks than the run's own, or another number of them
    state/            000012.npz            the strategy's state; 000000 is the initial state

A generation exists once its state does: the parts are written before it, so a kill at any instant
leaves the old or the new generation. Parts beyond the last state belong to no generation, and
resuming the run removes them. Generations that are written together, as ``run.commit_every`` says,
have their rows in one part and one state, both with the number of the last of them. Every file has
a checksum and names its run, by the checksum of ``run.json``, and its own path: a file that is
damaged, copied from another run or renamed is refused when it is read. One process writes, and a
lock keeps a second one out. Readers need no lock, because they read what is committed.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line
from spikeloop.coordinator.store import atomic_files, schemas
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST, is_run
from spikeloop.coordinator.store.lock import locked

PARTS = ("episodes", "candidates", "curves", "generations")
"""Folders with parts by generation, in the order in which a commit writes them."""

ONCE = ("finalists", "transfer", "other_transfers")
"""Folders with parts that belong to the whole search and not to one generation."""

PART = r"part-(\d{6,})\.parquet"
OTHER_TRANSFER = r"seed-(\d{6,})-tasks-\d{6,}-generation-(\d{6,})\.parquet"
"""Name of a part in ``other_transfers``; the groups are the seed and the generation."""


class RunStore:
    """One run folder.

    Attributes:
        folder: the run folder.
        after_commit: called with the generation that was committed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.after_commit: Callable[[int], None] = lambda generation: None
        self._last: int | None = None
        self._manifest: dict[str, Any] | None = None

    @classmethod
    def create(cls, folder: Path, manifest: Mapping[str, Any]) -> "RunStore":
        """Make a new run folder; ConfigError if it exists or cannot be written."""
        if folder.exists():
            hint = "choose another with --out"
            if is_run(folder):
                hint = f"resume it with: {command_line('resume', folder)}"
            raise ConfigError(f"{folder}: the run folder exists already; {hint}")
        # Built under another name and then renamed, so that the folder is whole or not there.
        temporary = _hidden(folder)
        try:
            atomic_files.make_folder(folder.parent)
            for name in ("", *PARTS, *ONCE, "state", "figures"):
                (temporary / name).mkdir()
            atomic_files.write_json(
                temporary / RUN_MANIFEST, {"schema_version": schemas.SCHEMA_VERSION, **manifest}
            )
            temporary.rename(folder)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise ConfigError(
                f"{folder}: the run folder cannot be written ({error.strerror}); "
                "choose another with --out"
            ) from error
        atomic_files.sync_folder(folder.parent)
        return cls(folder)

    def discard(self) -> None:
        """Remove a run that never began, all at once; the caller must hold the lock."""
        hidden = _hidden(self.folder)
        with suppress(OSError):
            self.folder.rename(hidden)
            shutil.rmtree(hidden)

    @classmethod
    def open(cls, folder: Path) -> "RunStore":
        """Open a run folder; ConfigError if it is none, or of another schema version."""
        store = cls(folder)
        store.manifest()
        return store

    def locked(self) -> AbstractContextManager[None]:
        """Keep other writers out; ConfigError if there is one."""
        return locked(self.folder)

    @property
    def manifest_path(self) -> Path:
        """The file of the manifest."""
        return self.folder / RUN_MANIFEST

    def manifest(self) -> dict[str, Any]:
        """Read ``run.json``, once; ConfigError if damaged, or of another schema version."""
        if self._manifest is not None:
            return self._manifest
        path = self.manifest_path
        if not path.exists():
            raise ConfigError(f"{self.folder}: not a run folder (there is no {path.name} in it)")
        value = atomic_files.read_versioned(path, schemas.SCHEMA_VERSION)
        if not isinstance(value.get("config"), dict):
            raise ConfigError(f"{path}: damaged: no configuration in it")
        self._manifest = value
        return value

    @property
    def commit_every(self) -> int:
        """How many generations are written together, as ``run.json`` says; 1 by default."""
        run = self.manifest()["config"].get("run")
        every = run.get("commit_every", 1) if isinstance(run, dict) else 1
        if type(every) is not int or every < 1:
            raise ConfigError(
                f"{self.manifest_path}: damaged: [run] commit_every must be >= 1, got {every!r}"
            )
        return every

    @cached_property
    def identity(self) -> str:
        """What the run's files have in common, the checksum of its ``run.json``."""
        return atomic_files.digest(self.manifest_path)

    def as_of_now(self) -> "RunStore":
        """Give the run up to the last committed generation, for readers while others write."""
        store = RunStore(self.folder)
        store._last, store._manifest = self.generation(), self._manifest
        return store

    def generation(self) -> int:
        """Give the last committed generation: 0 for the initial state, -1 without any."""
        if self._last is not None:
            return self._last
        return max((number for _, number in self.states()), default=-1)

    def states(self) -> list[tuple[Path, int]]:
        """Give the files of all states with their generations, in order."""
        return _numbered(self.folder / "state", r"(\d{6,})\.npz")

    def state(self, generation: int) -> dict[str, NDArray[Any]]:
        """Read the arrays of a state; ConfigError if the file is damaged."""
        path = self.state_path(generation)
        arrays, metadata = atomic_files.read_arrays(path)
        self._check_place(path, metadata)
        return arrays

    def commit(
        self,
        generation: int,
        parts: Mapping[str, pa.Table],
        state: Mapping[str, NDArray[Any]],
    ) -> None:
        """Write generations' parts and then, which commits them, the state."""
        for name in PARTS:
            if name in parts:
                self.write_part(self.part_path(name, generation), parts[name])
        path = self.state_path(generation)
        atomic_files.write_arrays(path, state, self._place(path))
        self.after_commit(generation)

    def other_transfer_path(self, seed: int, tasks: int, generation: int) -> Path:
        """Give the file of a transfer evaluation that is not the run's own.

        The folder ``transfer`` holds the run's own alone, so that reading the folder as one table
        does not average over several. All others are named by what they depend on.
        """
        name = f"seed-{seed:06d}-tasks-{tasks:06d}-generation-{generation:06d}.parquet"
        return self.folder / "other_transfers" / name

    def other_transfers(self) -> list[tuple[Path, int]]:
        """Give the files of ``other_transfer_path`` with their generations, ordered by seed."""
        return [
            (path, int(match[2]))
            for path, _ in self.parts("other_transfers")
            if (match := re.fullmatch(OTHER_TRANSFER, path.name))
        ]

    def finalists(self, generation: int) -> pa.Table | None:
        """Read the episodes of the race after the last generation; None if there was none."""
        path = self.part_path("finalists", generation)
        return self.read_part(path) if path.exists() else None

    def uncommitted(self) -> list[Path]:
        """Give temporary files and parts beyond the last state, which no generation owns."""
        last = self.generation()
        stray = sorted([*self.folder.glob(".*.tmp"), *self.folder.glob("*/.*.tmp")])
        for name in PARTS:
            stray += [path for path, number in self.parts(name) if number > last]
        return stray

    def remove_uncommitted(self) -> list[Path]:
        """Remove what an interrupted commit has left, and give the paths."""
        stray = self.uncommitted()
        for path in stray:
            atomic_files.remove(path)
        return stray

    def go_back(self, generation: int) -> list[Path]:
        """Remove all that came after a generation, and give the paths.

        Of generations that were written together all or none are left. The last ones go first and
        a generation's state before its parts, so a kill at any instant leaves the run as it once
        was after some generation.
        """
        later = [path for name in reversed(ONCE) for path, _ in self.parts(name)]
        found = [(number, 0, path) for path, number in self.states()]
        found += [
            (number, place, path)
            for place, name in enumerate(reversed(PARTS), start=1)
            for path, number in self.parts(name)
        ]
        found.sort(key=lambda entry: (-entry[0], entry[1]))
        later += [path for number, _, path in found if number > generation]
        for path in later:
            atomic_files.remove(path)
        return later

    def parts(self, name: str) -> list[tuple[Path, int]]:
        """Give the parts of a folder with their numbers, in order."""
        return _numbered(self.folder / name, OTHER_TRANSFER if name == "other_transfers" else PART)

    def table(self, name: str) -> pa.Table | None:
        """Read all committed parts of a folder as one table; None if there are none.

        Raises:
            ConfigError: a part is damaged, or is not of this run.
        """
        last = self.generation()
        parts = [
            self.read_part(path)
            for path, number in self.parts(name)
            if name in ONCE or number <= last
        ]
        return pa.concat_tables(parts).replace_schema_metadata(None) if parts else None

    def write_part(self, path: Path, table: pa.Table) -> None:
        """Write one part, with its run and its own path in the metadata."""
        metadata = {**(table.schema.metadata or {}), **self._place(path)}
        atomic_files.write_parquet(path, table.replace_schema_metadata(metadata))

    def read_part(self, path: Path) -> pa.Table:
        """Read one part; ConfigError that names it if it is damaged, or is not of this run."""
        table = atomic_files.read_parquet(path)
        metadata = table.schema.metadata or {}
        self._check_place(path, {k.decode(): v.decode() for k, v in metadata.items()})
        if problem := schemas.problem(path.parent.name, table):
            raise ConfigError(f"{path}: damaged: {problem}")
        return table

    def check(self, path: Path) -> None:
        """ConfigError that names a part or state if it is damaged, or is not of this run."""
        self._check_place(path, atomic_files.metadata(path))

    def footer(self, path: Path) -> Any:
        """Read the ``pyarrow.parquet.FileMetaData`` of a part, checked as by ``check``."""
        found = atomic_files.read(path, atomic_files.footer)
        self._check_place(path, atomic_files.words(found))
        return found

    def rows(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Read the rows of all committed generations, in order; all columns or some."""
        last = self.generation()
        rows: list[dict[str, Any]] = []
        for path, number in self.parts("generations"):
            if number <= last:
                table = self.read_part(path)
                if missing := set(columns or ()) - set(table.column_names):
                    raise ConfigError(
                        f"{path}: damaged: columns missing: {', '.join(sorted(missing))}"
                    )
                rows += (table if columns is None else table.select(columns)).to_pylist()
        return rows

    def row(self, generation: int) -> dict[str, Any]:
        """Read the row of a generation that a commit ended with."""
        part = self.read_part(self.part_path("generations", generation))
        row: dict[str, Any] = part.slice(part.num_rows - 1).to_pylist()[0]
        return row

    def total_episodes(self) -> int:
        """Count the episodes of the search up to the last committed generation."""
        table = self.table("generations")
        return int(np.sum(table["n_episodes"].to_numpy())) if table is not None else 0

    def state_path(self, generation: int) -> Path:
        """The file of the state after a generation."""
        return self.folder / "state" / f"{generation:06d}.npz"

    def part_path(self, name: str, number: int) -> Path:
        """The file of a part."""
        return self.folder / name / f"part-{number:06d}.parquet"

    def _place(self, path: Path) -> dict[str, str]:
        """Give the metadata of a file: its run, and its own path in it."""
        return {
            "schema_version": str(schemas.SCHEMA_VERSION),
            "run": self.identity,
            "file": path.relative_to(self.folder).as_posix(),
        }

    def _check_place(self, path: Path, found: Mapping[str, str]) -> None:
        expected = self._place(path)
        if found.get("run") != expected["run"]:
            raise ConfigError(f"{path}: damaged: it was written by another run")
        if found.get("file") != expected["file"]:
            raise ConfigError(f"{path}: damaged: it was written as {found.get('file')}")


def _hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{os.urandom(4).hex()}.tmp")


def _numbered(folder: Path, pattern: str) -> list[tuple[Path, int]]:
    found = [
        (path, int(match[1]))
        for path in folder.glob("*")
        if (match := re.fullmatch(pattern, path.name))
    ]
    return sorted(found, key=lambda entry: (entry[1], entry[0]))
