"""A run's folder: what it holds, how it grows, and how it is opened again.

    run.json          configuration as resolved, versions, machine, schema version
    generations/      part-000012.parquet   one row a generation
    candidates/       part-000012.parquet   one row a candidate
    lives/            part-000012.parquet   one row a life
    curves/           part-000010.parquet   held-out lives of the recommended point
    finalists/        part-000030.parquet   lives of the points that raced to be deployed
    transfer/         part-000000.parquet   held-out lives before and after, named by their seed
    state/            000012.npz            the strategy's state; 000000 is the state before it all

A generation exists once its state does: the parts are written before it, so a kill at any instant
leaves the old or the new generation. Parts beyond the last state belong to no generation; opening
the run removes them. One process writes; a lock keeps a second coordinator out.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spikeloop.coordinator import files, schemas
from spikeloop.coordinator.errors import ConfigError

PARTS = ("lives", "candidates", "curves", "generations")
"""Folders with parts by generation, in the order in which a commit writes them."""


class RunStore:
    """One run folder.

    Attributes:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, manifest: Mapping[str, Any]) -> "RunStore":
        """Makes a new run folder; ConfigError if it exists or cannot be written."""
        if folder.exists():
            hint = (
                f"resume it with: spikeloop resume {folder}"
                if (folder / "run.json").exists()
                else "choose another with --out"
            )
            raise ConfigError(f"{folder}: the run folder exists already; {hint}")
        # Built under another name and then renamed, so that the folder is whole or not there.
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            for name in ("", *PARTS, "finalists", "transfer", "state", "figures"):
                (temporary / name).mkdir()
            files.write_json(
                temporary / "run.json", {"schema_version": schemas.SCHEMA_VERSION, **manifest}
            )
            temporary.rename(folder)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise ConfigError(
                f"{folder}: the run folder cannot be written ({error.strerror}); "
                "choose another with --out"
            ) from error
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> "RunStore":
        """An existing run folder; ConfigError if it is none, or of another schema version."""
        store = cls(folder)
        version = store.manifest().get("schema_version")
        if version != schemas.SCHEMA_VERSION:
            raise ConfigError(
                f"{folder}: written with schema version {version}, this program reads "
                f"{schemas.SCHEMA_VERSION}"
            )
        return store

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps every other coordinator out while this one writes."""
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"{self.folder}: another process is writing this run; wait for it or stop it"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def manifest(self) -> dict[str, Any]:
        """The contents of ``run.json``."""
        path = self.folder / "run.json"
        try:
            value = files.read_json(path)
        except OSError as error:
            raise ConfigError(
                f"{self.folder}: not a run folder ({path.name} cannot be read: {error.strerror})"
            ) from error
        except ValueError as error:
            raise ConfigError(f"{path}: damaged: {error}") from error
        if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
            raise ConfigError(f"{path}: damaged: no configuration in it")
        return value

    def generation(self) -> int:
        """The last committed generation: 0 before the first, -1 for a run that never started."""
        numbers = [
            int(path.stem)
            for path in (self.folder / "state").glob("*.npz")
            if re.fullmatch(r"\d{6,}", path.stem)
        ]
        return max(numbers, default=-1)

    def state(self, generation: int) -> dict[str, NDArray[Any]]:
        """The strategy's state after a generation; ConfigError if the file is damaged."""
        path = self._state_path(generation)
        try:
            return files.read_arrays(path)
        except Exception as error:  # zip, zlib and numpy each have their own
            raise ConfigError(f"{path}: damaged or missing: {error}") from error

    def commit(
        self,
        generation: int,
        parts: Mapping[str, pa.Table],
        state: Mapping[str, NDArray[Any]],
    ) -> None:
        """Writes a generation's parts and then, which makes it exist, its state."""
        for name in PARTS:
            if name in parts:
                self._write(name, generation, parts[name])
        files.write_arrays(self._state_path(generation), state)

    def check_transfer(self, seed: int, n_lives: int) -> None:
        """ConfigError if a transfer evaluation of another size stands under this seed."""
        path = self._part_path("transfer", seed)
        if path.exists() and (found := self.read_part(path).num_rows) != n_lives:
            raise ConfigError(
                f"{path}: holds an evaluation of {found} lives, this one has {n_lives} and would "
                "replace it; choose another --seed"
            )

    def write_transfer(self, seed: int, table: pa.Table) -> Path:
        """Writes held-out lives of one transfer evaluation."""
        return self._write("transfer", seed, table)

    def finalists(self, generation: int) -> pa.Table | None:
        """The lives of the race after the last generation; None if there was none."""
        path = self._part_path("finalists", generation)
        return self.read_part(path) if path.exists() else None

    def write_finalists(self, generation: int, table: pa.Table) -> Path:
        """Writes the lives of the race after the last generation."""
        return self._write("finalists", generation, table)

    def remove_uncommitted(self) -> list[Path]:
        """Removes temporary files and parts beyond the last state, which no generation owns."""
        last = self.generation()
        stray = list(self.folder.glob(".*.tmp")) + list(self.folder.glob("*/.*.tmp"))
        for name in PARTS:
            stray += [path for path, number in self.parts(name) if number > last]
        for path in stray:
            files.remove(path)
        return stray

    def parts(self, name: str) -> list[tuple[Path, int]]:
        """The parts of a folder with their numbers, in order."""
        found = [
            (path, int(match[1]))
            for path in (self.folder / name).glob("part-*.parquet")
            if (match := re.fullmatch(r"part-(\d{6,})\.parquet", path.name))
        ]
        return sorted(found, key=lambda part: part[1])

    def table(self, name: str) -> pa.Table | None:
        """All parts of a folder as one table, checksums verified; None if there are none."""
        parts = [self.read_part(path) for path, _ in self.parts(name)]
        # A run that an earlier program began may lack some columns in its first parts.
        return pa.concat_tables(parts, promote_options="default") if parts else None

    def read_part(self, path: Path) -> pa.Table:
        """One part; ConfigError that names it if it is damaged."""
        try:
            return files.read_parquet(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise ConfigError(f"{path}: damaged: {error}") from error

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all committed generations, in order."""
        last = self.generation()
        return [
            row
            for path, number in self.parts("generations")
            if number <= last
            for row in self.read_part(path).to_pylist()
        ]

    def total_lives(self) -> int:
        """Lives of the search up to the last committed generation."""
        table = self.table("generations")
        return int(np.sum(table["n_lives"].to_numpy())) if table is not None else 0

    def _state_path(self, generation: int) -> Path:
        return self.folder / "state" / f"{generation:06d}.npz"

    def _part_path(self, name: str, number: int) -> Path:
        return self.folder / name / f"part-{number:06d}.parquet"

    def _write(self, name: str, number: int, table: pa.Table) -> Path:
        path = self._part_path(name, number)
        metadata = {"schema_version": str(schemas.SCHEMA_VERSION), "run": self.folder.name}
        files.write_parquet(path, table.replace_schema_metadata(metadata))
        return path
