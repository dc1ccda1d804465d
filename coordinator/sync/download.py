"""Download a run from storage into a run folder.

Storage holds the same files as the run folder under the same names, a generation's state stored
last, so that what is stored can be resumed at any moment, also while it grows.

A run may have been stored by a stranger. Only files with the names of a run's are read. Parts and
states must have a valid checksum, be of this run and in their place before they get their names
here. Figures carry no checksum; they must be whole PNG images.
"""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path

from spikeloop.coordinator.config import uris
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, checksums, lock
from spikeloop.coordinator.store.commit_order import (
    FOLDERS,
    INTERPRETATION,
    ONCE,
    REPORT,
    is_drawn,
    rank,
    ranked,
    state_of,
)
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST, Kind, is_run
from spikeloop.coordinator.store.run_store import RunStore, hidden
from spikeloop.coordinator.sync.storage import Source, Storage, open_storage

AT_ONCE = 8
"""Files that are read at the same time, since each request takes a while."""

Check = Callable[[RunStore], None]
"""Raises ConfigError if a run is not the one that is wanted."""


class StorageMismatch(ConfigError):
    """What is stored is damaged or of another run."""


class StoredRun:
    """The files of a run on storage, as listed when this object was made.

    Attributes:
        kind: of what is stored.
        source: where they are, or will be.
        names: of the files, those of a run only.
        generation: the last committed one; -1 if there is none.
        identity: of the run, as ``RunStore.identity``; "" if there is none.

    Raises:
        ConfigError: ``run.json`` is damaged, or missing beside other files.
        PoolError: the storage cannot be reached.
    """

    kind: Kind = "run"

    def __init__(self, source: Source) -> None:
        self.source = source
        self.names = {name for name in source.names() if rank(name) is not None}
        self.generation = max((state_of(name) for name in self.names), default=-1)
        self.identity = self.current_identity()

    def current_identity(self) -> str:
        """Read ``run.json`` again for the identity of the run that is stored now."""
        data = self.source.read(RUN_MANIFEST)
        if data is None and self.names:
            raise StorageMismatch(
                f"{self.source}: files of a run without its run.json; remove them or choose other "
                "storage"
            )
        try:
            return "" if data is None else checksums.check(data)
        except checksums.Broken as error:
            raise StorageMismatch(f"{self.source}: run.json is damaged: {error}") from error

    def committed(self) -> list[str]:
        """The files to download, ``run.json`` aside, in the order of commits.

        Reports are left out: a page may hold a program, and it can be written anew.
        """
        return [
            name
            for (number, _), name in ranked(self.names - {RUN_MANIFEST, REPORT})
            if number <= self.generation or number == inf
        ]

    @property
    def n_files(self) -> int:
        """How many files there are to download, ``run.json`` too."""
        return 1 + len(self.committed())

    def download(self, folder: Path, check: Check = lambda store: None) -> int:
        """Add the files that a run folder lacks, and return their number.

        A new folder appears at once and whole. An existing one gets its files in the order of
        commits, damaged ones replaced, so it can be resumed wherever this is broken off.

        Args:
            folder: a run folder, or where to make one.
            check: called with the stored run before its files are read.

        Raises:
            ConfigError: what is stored is no run, damaged, or not the run in the folder.
        """
        if not self.identity:
            raise ConfigError(f"{self.source}: there is no run here (no run.json)")
        # The parts of a generation are stored before its state, but one listing may miss them.
        self.names |= {name for name in self.source.names() if rank(name) and state_of(name) < 0}
        atomic_files.make_folder(folder.parent)
        temporary = hidden(folder)
        try:
            if is_run(folder):
                return self._complete(RunStore.open(folder), temporary, check)
            wanted = self.committed()
            self.read_files(wanted, temporary, check)
            _rename(temporary, folder)
            return len(wanted) + 1  # run.json too
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _complete(self, store: RunStore, temporary: Path, check: Check) -> int:
        """Download into an existing run folder, by way of a temporary one."""
        if store.identity != self.identity:
            raise ConfigError(
                f"{store.folder}: holds another run than {self.source}; choose another --out"
            )
        with lock.locked(store.folder, fetching=True):
            self.require_same_history(store, "choose another --out")
            store.remove_uncommitted()
            wanted = [name for name in self.committed() if self._lacks(store, name)]
            self.read_files(wanted, temporary, check)
            for name in wanted:
                path = store.folder / name
                atomic_files.make_folder(path.parent)
                os.replace(temporary / name, path)
                atomic_files.sync_folder(path.parent)
        return len(wanted)

    def require_same_history(self, store: RunStore, remedy: str) -> None:
        """ConfigError with a remedy unless the last state that both have is the same.

        A run that went back keeps its ``run.json``, but may have gone on with changed code.
        """
        for path, number in reversed(store.states()):
            name = f"state/{path.name}"
            if name in self.names and _is_sound(store, name):
                if self.source.read(name) != path.read_bytes():
                    raise ConfigError(
                        f"{store.folder}: its generation {number} differs from that of "
                        f"{self.source}, which is damaged or was repeated by other code; {remedy}"
                    )
                return

    def read_files(
        self, names: Sequence[str], folder: Path, check: Check = lambda store: None
    ) -> RunStore:
        """Make a folder with some files of the run in it, each checked as it arrives.

        Args:
            names: of these files; ``run.json`` is added, and comes first.
            folder: to make; the caller removes it, also after an error.
            check: called with the run before any other file is read.
        """
        store = RunStore(folder)
        for name in ("", *FOLDERS):
            (folder / name).mkdir()

        def read(name: str) -> None:
            data = self.source.read(name)
            if data is None:
                raise ConfigError(f"{folder}: {name} has vanished; try again")
            atomic_files.write_bytes(folder / name, data)
            if name != RUN_MANIFEST:
                _check(store, name)

        try:
            read(RUN_MANIFEST)
            store.manifest()
            check(store)
            if store.identity != self.identity:
                raise ConfigError(f"{folder}: was replaced by another run; try again")
            # Each file is written at once, so that no more than these few are in memory.
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(read, names))
        except ConfigError as error:  # the temporary folder stands for the storage
            raise ConfigError(str(error).replace(str(folder), str(self.source))) from error
        return store

    def _lacks(self, store: RunStore, name: str) -> bool:
        """Whether a file is missing here, damaged, or of a kind that is written more than once."""
        rewritten = name.partition("/")[0] in (*ONCE, INTERPRETATION, "figures")
        newer = rewritten and store.generation() <= self.generation
        return newer or not (store.folder / name).exists() or not _is_sound(store, name)


def download(address: str, out: Path) -> Path:
    """Download the run at an address into a folder for run folders; return the run folder."""
    storage, name = storage_at(address)
    StoredRun(storage).download(out / name)
    return out / name


def storage_at(address: str) -> tuple[Storage, str]:
    """The storage of a run by its address, and the run's name; ConfigError if it cannot be one."""
    try:
        uris.require_address(address)
        above, name = uris.split(address)
    except ValueError as error:
        raise ConfigError(f"the address of a stored run {error}") from error
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        raise ConfigError("the address of a stored run must end with the name of a run")
    return open_storage(above, name), name


def storage_of(config: RunConfig, folder: Path) -> Storage | None:
    """The storage that a run is uploaded to; None if there is none, or it is the folder itself."""
    if not config.run.upload_to:
        return None
    storage = open_storage(config.run.upload_to, folder.resolve().name)
    is_folder = storage.path is not None and storage.path.resolve() == folder.resolve()
    return None if is_folder else storage


def _check(store: RunStore, name: str) -> None:
    """ConfigError if a file is not whole, not of this run, or not in its place."""
    path = store.folder / name
    if not is_drawn(name):
        store.check(path)
        return
    atomic_files.read_png(path)


def _is_sound(store: RunStore, name: str) -> bool:
    try:
        _check(store, name)
    except ConfigError:
        return False
    return True


def _rename(temporary: Path, folder: Path) -> None:
    """Give a whole folder its name; its lock file says that it was downloaded."""
    (temporary / ".lock").write_text(lock.holder_text(fetching=True), encoding="utf-8")
    try:
        temporary.rename(folder)
    except OSError as error:
        raise ConfigError(
            f"{folder}: is in the way ({error.strerror}); choose another with --out"
        ) from error
    atomic_files.sync_folder(folder.parent)
