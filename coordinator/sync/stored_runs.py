"""Download a comparison or a sweep from storage: each of its runs as a run, then the results.

Results are read before the runs are listed and written after them, so that in a folder here none is
without its run, although both grow where they are stored. Broken off anywhere, it leaves a folder
that can be downloaded into again, or resumed: what has no result yet is done again from its runs.
"""

from collections.abc import Mapping
from pathlib import Path

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, checksums, lock
from spikeloop.coordinator.store.folder_kind import (
    COMPARISON_MANIFEST,
    RUN_MANIFEST,
    SWEEP_MANIFEST,
    Kind,
)
from spikeloop.coordinator.store.result_files import FINDINGS, STUDIES, in_run, is_result
from spikeloop.coordinator.sync.download import StorageMismatch, StoredRun
from spikeloop.coordinator.sync.storage import Source

MANIFESTS: Mapping[Kind, str] = {"comparison": COMPARISON_MANIFEST, "sweep": SWEEP_MANIFEST}

_UNFINISHED = (f"{STUDIES}-journal", f"{STUDIES}-wal")
"""Files that are beside SQLite's database while it is written."""
_ATTEMPTS = 5
"""How often a database is read that seems to be written just then."""


class StoredRuns:
    """The folder of a comparison or a sweep on storage.

    Args:
        source: where it is.
        kind: which of both it is.

    Attributes:
        n_files: how many files the last download found.
        n_runs: how many runs it found.
    """

    def __init__(self, source: Source, kind: Kind) -> None:
        self.source, self.kind = source, kind
        self._manifest = MANIFESTS[kind]
        self.n_files, self.n_runs = 0, 0

    def download(self, folder: Path) -> int:
        """Add the files that a folder lacks, and return their number.

        Raises:
            ConfigError: what is stored is damaged, the folder holds something else, or somebody
                went on with it here.
            PoolError: the storage cannot be reached.
        """
        manifest = self._read(self._manifest)
        known = (folder / self._manifest).exists()
        if known and checksums.check(manifest) != atomic_files.digest(folder / self._manifest):
            raise ConfigError(
                f"{folder}: holds another {self.kind} than {self.source}; choose another --out"
            )
        if known and not lock.was_fetched(folder):
            raise ConfigError(
                f"{folder}: was written by a process that does not fetch; choose another --out"
            )
        if not known and folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"{folder}: is in the way; choose another with --out")
        atomic_files.make_folder(folder)
        with lock.locked(folder, fetching=True):
            if not known:
                atomic_files.write_bytes(folder / self._manifest, manifest)
            results = self._read_results()
            n_new = self._download_runs(folder) + (not known)
            for name, data in results.items():
                path = folder / name
                if not path.exists() or path.read_bytes() != data:
                    atomic_files.make_folder(path.parent)
                    atomic_files.write_bytes(path, data)
                    n_new += 1
        self.n_files += 1 + len(results)
        return n_new

    def _download_runs(self, folder: Path) -> int:
        """Download what is there of each run."""
        found = self._names_by_run()
        self.n_files, self.n_runs, n_new = 0, len(found), 0
        for path, names in found.items():
            run = StoredRun(_Folder(self.source, path, names))
            n_new += run.download(folder / path)
            self.n_files += run.n_files
        return n_new

    def _names_by_run(self) -> dict[str, set[str]]:
        """List the files of each run by its folder.

        A generation's parts are stored before its state, but one listing may miss them: states are
        those of one listing, parts those of a later one too.
        """
        listed = self.source.names()
        listed |= {name for name in self.source.names() if not name.endswith(".npz")}
        names: dict[str, set[str]] = {}
        for name in listed:
            if found := in_run(self.kind, name):
                names.setdefault(found[0], set()).add(found[1])
        return {path: names[path] for path in sorted(names) if RUN_MANIFEST in names[path]}

    def _read_results(self) -> dict[str, bytes]:
        """Read all files that belong to no run, each checked, the findings last."""
        names = self.source.names()
        wanted = [name for name in names if is_result(self.kind, name)]
        found = {
            name: self._read(name)
            for name in sorted(wanted, key=lambda name: (name == FINDINGS, name))
        }
        if self.kind == "comparison" and STUDIES in names and (data := self._read_database()):
            found = {STUDIES: data, **found}
        return found

    def _read_database(self) -> bytes | None:
        """Read Optuna's studies as they were at one instant; None if they never were at rest.

        A transaction has a journal until it has ended, so bytes that are the same before and after
        a look without one are those of no transaction's middle. Without the file, a comparison that
        is resumed takes the trials from their run folders.
        """
        data = self.source.read(STUDIES)
        for _ in range(_ATTEMPTS):
            at_rest = self.source.names().isdisjoint(_UNFINISHED)
            before, data = data, self.source.read(STUDIES)
            if at_rest and data == before:
                return data
        return None

    def _read(self, name: str) -> bytes:
        data = self.source.read(name)
        if data is None:
            raise ConfigError(f"{self.source}: {name} has vanished; try again")
        try:
            checksums.check(data)
        except checksums.Broken as error:
            raise StorageMismatch(f"{self.source}/{name}: damaged: {error}") from error
        return data


class _Folder:
    """The folder of one run below that of all, as a source of its own."""

    def __init__(self, above: Source, path: str, names: set[str]) -> None:
        self._above, self._path, self._names = above, path, names

    def __str__(self) -> str:
        return f"{self._above}/{self._path}"

    def names(self) -> set[str]:
        return set(self._names)

    def read(self, name: str) -> bytes | None:
        return self._above.read(f"{self._path}/{name}")


def stored_at(source: Source) -> StoredRun | StoredRuns:
    """Tell by its manifest what is stored, which is a run if there is none."""
    for kind, manifest in MANIFESTS.items():
        if source.read(manifest) is not None:
            return StoredRuns(source, kind)
    return StoredRun(source)
