"""A copy of a run at another place: what is there, and how it comes into a folder here.

It holds the same files under the same names, and a generation's state comes last there too, so it
is a sound run at any instant, also while it grows. The folder that a cluster lends is one such
place, an object store another.

What comes back from a place is foreign. Only files with the names of a run's are taken, and nothing
else is even asked for. Parts and states must be sealed, of the same run and in their place before
they get their names here. Figures carry no checksum and may be of any run; they must be whole PNG
images.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path

from spikeloop.coordinator.config import uris
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, checksums, lock
from spikeloop.coordinator.store.commit_order import REPORT, due, is_drawn, rank, ranked, state_of
from spikeloop.coordinator.store.run_store import ONCE, PARTS, RunStore
from spikeloop.coordinator.sync import storage
from spikeloop.coordinator.sync.storage import Place, Source

AT_ONCE = 8
"""Files; a store or a cluster answers many requests at a time, and each takes a while."""


REWRITTEN = (*ONCE, "figures")
"""Folders with files that are written again and again: a whole one need not be the last."""


class BadCopy(ConfigError):
    """A copy that is damaged or of another run."""


class Copy:
    """A run's copy, as it stood when it was looked at.

    Args:
        place: where it is, or shall be.

    Attributes:
        place: as given.
        names: of the files that are there, those of a run only.
        generation: the last one that is committed there; -1 if none is.
        identity: of the run that is there, "" if there is none.

    Raises:
        ConfigError: what is there is damaged.
        PoolError: it cannot be reached.
    """

    def __init__(self, place: Source) -> None:
        self.place = place
        self.names = {name for name in place.names() if rank(name) is not None}
        self.generation = max((state_of(name) for name in self.names), default=-1)
        self.identity = self.identity_now()

    def committed(self) -> list[str]:
        """The files that can be brought, ``run.json`` aside, in the order of commits.

        A report is not among them: a page may hold a program, and it can be written anew.
        """
        return [
            name
            for (number, _), name in ranked(self.names - {"run.json", REPORT})
            if number <= self.generation or number == inf
        ]

    def identity_now(self) -> str:
        """Reads it once more; BadCopy if there are files of a run without it."""
        data = self.place.read("run.json")
        if data is None and self.names:
            raise BadCopy(
                f"{self.place}: files of a run without its run.json; remove them or choose another "
                "place"
            )
        return "" if data is None else self._seal(data)

    def pull(self, folder: Path, check: Callable[[RunStore], None] = lambda store: None) -> int:
        """Brings what a folder lacks, and gives the number of files.

        A folder that is not there appears at once and whole; into one that is there files come in
        the order of commits, also instead of damaged ones. Its ``.lock`` says that it was fetched,
        until somebody resumes it here: whether its writer episodes, nobody here can know.

        Args:
            folder: a run folder, or where to make one.
            check: raises ConfigError if what was begun there is not wanted.

        Raises:
            ConfigError: there is no run at the place, or a damaged, another or relived one.
            PoolError: the place cannot be reached.
        """
        if not self.identity:
            raise ConfigError(f"{self.place}: there is no run here (no run.json)")
        # The parts of a generation are there once its state is; in one list they may not be.
        self.names |= {name for name in self.place.names() if rank(name) and state_of(name) < 0}
        wanted = self.committed()
        temporary = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}.tmp")
        try:
            if (folder / "run.json").exists():
                store = RunStore.open(folder)
                if store.identity != self.identity:
                    raise ConfigError(
                        f"{folder}: holds another run than {self.place}; choose another --out"
                    )
                with lock.locked(folder, fetching=True):
                    self.require_same_history(store, "choose another --out")
                    store.remove_uncommitted()
                    wanted = [name for name in wanted if self._lacks(store, name)]
                    self.bring(wanted, temporary, check)
                    self._require_whole(store, temporary)
                    _publish(wanted, temporary, folder)
                    return len(wanted)
            atomic_files.make_folder(folder.parent)
            store = self.bring(wanted, temporary, check)
            self._require_whole(store, temporary)
            (temporary / ".lock").write_text(lock.words(fetching=True), encoding="utf-8")
            try:
                temporary.rename(folder)
            except OSError as error:
                raise ConfigError(
                    f"{folder}: is in the way ({error.strerror}); choose another with --out"
                ) from error
            atomic_files.sync_folder(folder.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return 1 + len(wanted)  # run.json too

    def require_same_history(self, store: RunStore, remedy: str) -> None:
        """ConfigError, with a remedy, if the last generation here and there is not the same.

        A run that went back keeps its ``run.json``, but may have gone on with changed code.
        """
        for path, number in reversed(store.states()):
            name, here = f"state/{path.name}", ""
            with suppress(ConfigError):
                here = atomic_files.digest(path)
            data = self.place.read(name) if here and name in self.names else None
            if data is None:
                continue
            if self._seal(data, name) != here:
                raise ConfigError(
                    f"{store.folder}: its generation {number} is not that of {self.place}: the run "
                    f"went back and was run again elsewhere; {remedy}"
                )
            return

    def bring(
        self,
        names: Sequence[str],
        folder: Path,
        check: Callable[[RunStore], None] = lambda store: None,
    ) -> RunStore:
        """Makes a folder with some files of the run in it, each checked as soon as it is there.

        Args:
            names: of these files; ``run.json`` comes anyway, and first.
            folder: to make; whoever calls removes it, also after an error.
            check: asked about the run before anything else comes.
        """
        store = RunStore(folder)
        for name in ("", *PARTS, *ONCE, "state", "figures"):
            (folder / name).mkdir()
        manifest = self.place.read("run.json") or b""
        if self._seal(manifest) != self.identity:
            raise ConfigError(f"{self.place}: another run took this one's place; try again")
        atomic_files.write_bytes(folder / "run.json", manifest)

        def fetch(name: str) -> None:
            data = self.place.read(name)
            if data is None:
                raise ConfigError(f"{self.place}: {name} has vanished; try again")
            atomic_files.write_bytes(folder / name, data)
            with self._naming(folder):
                _check(store, name)

        with self._naming(folder):
            store.manifest()
            check(store)
        # Written where they are read, so that no more than these few are in memory.
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(fetch, names):
                pass
        return store

    def _lacks(self, store: RunStore, name: str) -> bool:
        """Whether a run here has a file not yet, or damaged, or as it was written earlier."""
        if not (store.folder / name).exists():
            return True
        if name.partition("/")[0] in REWRITTEN and store.generation() <= self.generation:
            return True
        try:
            _check(store, name)
        except ConfigError:
            return True
        return False

    def _require_whole(self, store: RunStore, temporary: Path) -> None:
        """ConfigError unless every commit has its files, in one of two folders."""
        found = [number for (number, _), _ in ranked(self.names)]
        for number in due(found, store.commit_every, self.generation):
            names = ("episodes", "candidates", "generations") if number else ()
            paths = [store.part_path(name, number) for name in names]
            for path in (*paths, store.state_path(number)):
                name = path.relative_to(store.folder).as_posix()
                if not path.exists() and not (temporary / name).exists():
                    raise ConfigError(f"{self.place}: {name} is missing")

    def _seal(self, data: bytes, name: str = "run.json") -> str:
        try:
            return checksums.check(data)
        except checksums.Broken as error:
            raise BadCopy(f"{self.place}: {name} is damaged: {error}") from error

    @contextmanager
    def _naming(self, folder: Path) -> Iterator[None]:
        """What is wrong with a file is said of where it came from."""
        try:
            yield
        except ConfigError as error:
            words = str(error).replace(f"{folder}/", "").replace(f"{folder}: ", "")
            raise ConfigError(f"{self.place}: {words}") from error


def fetch(uri: str, out: Path) -> Path:
    """Brings a run from its copy to a folder for run folders, and gives the run folder.

    Raises:
        ConfigError: no run, a damaged or another one; the folder is being written.
        PoolError: the place cannot be reached.
    """
    place, name = located(uri)
    Copy(place).pull(out / name)
    return out / name


def located(uri: str) -> tuple[Place, str]:
    """The place of a copy, and the run's name; ConfigError if the URI cannot be one."""
    try:
        uris.check(uri)
        above, name = uris.split(uri)
    except ValueError as error:
        raise ConfigError(f"the address of a copy {error}") from error
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        raise ConfigError("the address of a copy must end with the name of a run")
    return storage.below(above, name), name


def _check(store: RunStore, name: str) -> None:
    """ConfigError if a file is not whole, not of this run, or not in its place."""
    path = store.folder / name
    if not is_drawn(name):
        store.check(path)
        return
    data = atomic_files.read(path, bytes)
    if not (data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")):
        raise ConfigError(f"{path}: damaged: it is no PNG image")


def _publish(names: Iterable[str], temporary: Path, folder: Path) -> None:
    """Moves files into a run's folder, each atomically and in the order given."""
    for name in names:
        atomic_files.make_folder((folder / name).parent)
        os.replace(temporary / name, folder / name)
        atomic_files.sync_folder((folder / name).parent)
