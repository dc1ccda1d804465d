"""Write and read the files of a run folder.

    run.json          configuration as resolved, versions, machine, schema version
    generations/      part-000012.parquet   one row a generation
    candidates/       part-000012.parquet   one row a candidate
    episodes/         part-000012.parquet   one row an episode
    curves/           part-000010.parquet   held-out episodes of the recommended point
    finalists/        part-000030.parquet   episodes of the points that raced to be deployed
    theta/            part-000030.parquet   the learned Θ, one row with units
    transfer/         part-000000.parquet   held-out episodes before and after, named by seed
    other_transfers/  seed-000005-tasks-000010-generation-000030.parquet
                      held-out episodes on other tasks than the run's own, or another number of them
    interpretation/   policy.json           a section of ``spikeloop interpret``, and its figures
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
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line
from spikeloop.coordinator.store import atomic_files, commit_order, schemas
from spikeloop.coordinator.store.commit_order import FOLDERS, ONCE, PARTS
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST, is_run
from spikeloop.coordinator.store.lock import locked


class RunStore:
    """One run folder.

    Attributes:
        folder: the run folder.
        after_commit: each is called with the generation that was committed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.after_commit: list[Callable[[int], None]] = []
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
        temporary = hidden(folder)
        try:
            atomic_files.make_folder(folder.parent)
            for name in ("", *FOLDERS):
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
        aside = hidden(self.folder)
        with suppress(OSError):
            self.folder.rename(aside)
            shutil.rmtree(aside)

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
        return commit_order.numbered(self.folder / "state")

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
        for call in self.after_commit:
            call(generation)

    def other_transfer_path(self, seed: int, tasks: int, generation: int) -> Path:
        """Give the file of a transfer evaluation that is not the run's own.

        The folder ``transfer`` holds the run's own alone, so that reading the folder as one table
        does not average over several. All others are named by what they depend on.
        """
        name = f"seed-{seed:06d}-tasks-{tasks:06d}-generation-{generation:06d}.parquet"
        return self.folder / "other_transfers" / name

    def other_transfers(self) -> list[tuple[Path, int]]:
        """Give the files of ``other_transfer_path`` with their generations, ordered by seed."""
        paths = [path for path, _ in self.parts("other_transfers")]
        return [(path, int(path.stem.rpartition("-")[2])) for path in paths]

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

        Of generations that were written together all or none are left. A kill at any instant leaves
        the run as it once was after some generation.
        """
        later = [self.folder / name for name in commit_order.later(self.names(), generation)]
        for path in later:
            atomic_files.remove(path)
        return later

    def names(self) -> list[str]:
        """Give the names of everything in the folder, with "/" between their parts."""
        return [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")]

    def parts(self, name: str) -> list[tuple[Path, int]]:
        """Give the parts of a folder with their numbers, in order."""
        return commit_order.numbered(self.folder / name)

    def committed_parts(self, name: str) -> Iterator[tuple[Path, pa.Table]]:
        """Read the committed parts of a folder one by one; ConfigError as for ``read_part``."""
        last = self.generation()
        for path, number in self.parts(name):
            if name in ONCE or number <= last:
                yield path, self.read_part(path)

    def table(self, name: str) -> pa.Table | None:
        """Read all committed parts of a folder as one table; None if there are none."""
        parts = [part for _, part in self.committed_parts(name)]
        if not parts:
            return None
        # The parts of an earlier version may lack a column that those since then have.
        return pa.concat_tables(parts, promote_options="default").replace_schema_metadata(None)

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

    def write_section(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a section of an interpretation, with its run and its own path."""
        path = self.section_path(name)
        atomic_files.make_folder(path.parent)  # older programs made runs without it
        atomic_files.write_json(path, {**value, **self._place(path)})

    def section_path(self, name: str) -> Path:
        """The file of a section of an interpretation."""
        return self.folder / commit_order.INTERPRETATION / f"{name}.json"

    def sections(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Read the sections of the interpretation, by name; ConfigError as for ``read_part``."""
        for path in commit_order.sections(self.folder):
            value = atomic_files.read_json(path)
            self._check_place(path, value)
            yield path, value

    def check(self, path: Path) -> None:
        """ConfigError that names a file with a checksum if it is damaged, or is not of this run."""
        self._check_place(path, atomic_files.metadata(path))

    def rows(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Read the rows of all committed generations, in order; all columns or some."""
        rows: list[dict[str, Any]] = []
        for path, table in self.committed_parts("generations"):
            if missing := set(columns or ()) - set(table.column_names):
                raise ConfigError(f"{path}: damaged: columns missing: {', '.join(sorted(missing))}")
            rows += (table if columns is None else table.select(columns)).to_pylist()
        return rows

    def row(self, generation: int) -> dict[str, Any]:
        """Read the row of a generation that a commit ended with."""
        part = self.read_part(self.part_path("generations", generation))
        row: dict[str, Any] = part.slice(part.num_rows - 1).to_pylist()[0]
        return row

    def total_episodes(self) -> int:
        """Count the episodes of the search up to the last committed generation."""
        return sum(row["n_episodes"] for row in self.rows(("n_episodes",)))

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


def hidden(folder: Path) -> Path:
    """Name a folder beside another, for what is not whole yet or not wanted any more."""
    return folder.with_name(f".{folder.name}.{os.urandom(4).hex()}.tmp")
