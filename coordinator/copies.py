"""The copy of a run at another place: a folder or an object store.

It holds the same files under the same names, and a generation's state comes last there too, so it
is a sound run at any instant. The run's own folder stays the truth while a process writes it.
Committed files do not change, so what belongs to a generation whose state is in the copy is never
written again.

What comes back from a place is foreign: only files with the names of a run's are taken, nothing
else is even asked for, and each must be sealed and of the same run before it gets its name here.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import inf
from pathlib import Path

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator import files, places, seals
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.places import Place
from spikeloop.coordinator.store import ONCE, PARTS, RunStore

REPORT = "report.html"
FETCHED_AT_ONCE = 8
"""Files; an object store answers many requests at a time, and each takes a while."""

_NUMBERED = re.compile(r"([a-z]+)/(part-)?([0-9]{6,19})\.(parquet|npz)")
_DRAWN = re.compile(r"figures/[A-Za-z0-9_-][A-Za-z0-9_.-]*\.png|report\.html")

Rank = tuple[float, int]


def rank(name: str) -> Rank | None:
    """Where a file stands in the order of commits: generation and place; None if it is no run's.

    The manifest stands before all generations, what belongs to the finished search after them.
    """
    if name == "run.json":
        return -1, 0
    if _DRAWN.fullmatch(name):
        return inf, len(ONCE)
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return None
    folder, part, number, suffix = match.groups()
    if (folder, part, suffix) == ("state", None, "npz"):
        return int(number), len(PARTS)
    if (part, suffix) != ("part-", "parquet"):
        return None
    if folder in PARTS:
        return int(number), PARTS.index(folder)
    return (inf, ONCE.index(folder)) if folder in ONCE else None


class BadCopy(ConfigError):
    """A copy that is damaged or of another run."""


class Copy:
    """A run's copy.

    Args:
        place: where it is, or shall be.

    Attributes:
        place: as given.
        generation: the last one that is committed there; -1 if none is.
        identity: of the run that is there, "" if there is none.
        names: of the files that are there, those of a run only.
        strange: number of other files.

    Raises:
        ConfigError: what is there is damaged.
        PoolError: it cannot be reached.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        found = place.names()
        self.names = {name for name in found if rank(name) is not None}
        self.strange = len(found) - len(self.names)
        self.generation = max((_state(name) for name in self.names), default=-1)
        self.identity = self._identity()
        self._compared = False

    def check(self, store: RunStore) -> None:
        """ConfigError unless the copy is of this run, and not ahead of it."""
        if self.identity not in ("", store.identity):
            raise self._of_another(store)
        if self.generation > store.generation():
            raise ConfigError(
                f"{self.place}: this copy has generation {self.generation}, {store.folder} only "
                f"{max(store.generation(), 0)}: another process went on with the run; if that has "
                f"ended, bring the rest with: spikeloop fetch '{self.place}' --out "
                f"{store.folder.parent}"
            )

    def push(self, store: RunStore, last: int, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Writes the generations that the copy lacks, the states last.

        Args:
            store: of the run.
            last: generation that is committed.
            go_on: asked before each file; False ends it early.

        Returns:
            Whether it came to its end.
        """
        self._fence(store)
        for number in range(self.generation + 1 if self._compared else 0, last + 1):
            for name in _names(store, number):
                if number <= self.generation and name in self.names:
                    continue  # parts without their state are written anew
                if not go_on():
                    return False
                self._write(store, name)
            self.generation = max(self.generation, number)
        self._compared = True
        return True

    def push_results(self, store: RunStore) -> None:
        """Writes what belongs to the finished search, figures and report included."""
        self._fence(store)
        found = [path for folder in (*ONCE, "figures") for path in store.folder.glob(f"{folder}/*")]
        found.append(store.folder / REPORT)
        names = {path.relative_to(store.folder).as_posix() for path in found if path.is_file()}
        for _, name in _ranked(names):
            self._write(store, name)

    def go_back(self, generation: int) -> None:
        """Removes what came after a generation, in the order of ``RunStore.go_back``."""
        for (number, _), name in reversed(_ranked(self.names)):
            if number > generation and not _DRAWN.fullmatch(name):
                self.place.remove(name)
                self.names.discard(name)
        self.generation = min(self.generation, generation)

    def pull(self, folder: Path, check: Callable[[RunStore], None] = lambda store: None) -> int:
        """Brings what a folder lacks, and gives the number of files.

        A folder that is not there appears at once and whole; into one that is there files come in
        the order of commits. A report is left there: a page may hold a program, and it can be
        written anew from the rest.

        Args:
            folder: a run folder, or where to make one.
            check: raises ConfigError if what was begun there is not wanted.

        Raises:
            ConfigError: there is no run at the place, or a damaged or another one.
            PoolError: the place cannot be reached.
        """
        if not self.identity:
            raise ConfigError(f"{self.place}: there is no run here (no run.json)")
        wanted = [name for name in self._committed() if name not in ("run.json", REPORT)]
        temporary = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}.tmp")
        try:
            if (folder / "run.json").exists():
                store = RunStore.open(folder)
                with store.locked():
                    if store.identity != self.identity:
                        raise self._of_another(store)
                    store.remove_uncommitted()
                    wanted = [name for name in wanted if not (folder / name).exists()]
                    self._download(wanted, temporary, folder, check)
                    for name in wanted:
                        os.replace(temporary / name, folder / name)
                        files.sync_folder((folder / name).parent)
            else:
                files.make_folder(folder.parent)
                self._download(wanted, temporary, temporary, check)
                try:
                    temporary.rename(folder)
                except OSError as error:
                    raise ConfigError(
                        f"{folder}: is in the way ({error.strerror}); choose another with --out"
                    ) from error
                files.sync_folder(folder.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return len(wanted)

    def _identity(self) -> str:
        data = self.place.read("run.json")
        if data is None and self.names:
            raise BadCopy(
                f"{self.place}: files of a run without its run.json; remove them or choose another "
                "place"
            )
        return "" if data is None else self._seal(data, "run.json")

    def _seal(self, data: bytes, name: str) -> str:
        try:
            return seals.check(data)
        except seals.Broken as error:
            raise BadCopy(f"{self.place}: {name} is damaged: {error}") from error

    def _of_another(self, store: RunStore) -> BadCopy:
        return BadCopy(
            f"{self.place}: there is the copy of another run than {store.folder}; go on with that "
            "one with --resume where there is no such folder, or choose another run.name"
        )

    def _fence(self, store: RunStore) -> None:
        """Makes sure, before anything is written, that the copy is still this run's."""
        if not self.identity:
            self._write(store, "run.json")
            self.identity = store.identity
        found = self._identity()
        if not found:
            raise PoolError(f"{self.place}: this copy has vanished while the run went on")
        if found != store.identity:
            raise self._of_another(store)

    def _write(self, store: RunStore, name: str) -> None:
        self.place.write(name, (store.folder / name).read_bytes())
        self.names.add(name)

    def _committed(self) -> list[str]:
        return [
            name
            for (number, _), name in _ranked(self.names)
            if number <= self.generation or number == inf
        ]

    @contextmanager
    def _naming(self, temporary: Path) -> Iterator[None]:
        """What is wrong with a file is said of where it came from."""
        try:
            yield
        except ConfigError as error:
            words = str(error).replace(f"{temporary}/", "").replace(f"{temporary}: ", "")
            raise ConfigError(f"{self.place}: {words}") from error

    def _download(
        self,
        wanted: list[str],
        temporary: Path,
        folder: Path,
        check: Callable[[RunStore], None],
    ) -> None:
        """Fetches files into a new folder and checks them, and that with them a run is whole."""
        store = RunStore(temporary)
        for name in ("", *PARTS, *ONCE, "state", "figures"):
            (temporary / name).mkdir()
        manifest = self.place.read("run.json") or b""
        if self._seal(manifest, "run.json") != self.identity:
            raise ConfigError(f"{self.place}: another run took this one's place; try again")
        files.write_bytes(temporary / "run.json", manifest)

        def fetch(name: str) -> None:
            data = self.place.read(name)
            if data is None:
                raise ConfigError(f"{self.place}: {name} has vanished; try again")
            files.write_bytes(temporary / name, data)
            if not _DRAWN.fullmatch(name):
                with self._naming(temporary):
                    store.check(temporary / name)

        with self._naming(temporary):
            store.manifest()
            check(store)
        with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
            for _ in pool.map(fetch, wanted):
                pass
        for number in range(self.generation + 1):
            for name in ("lives", "candidates", "generations", "state"):
                path = (
                    store.state_path(number) if name == "state" else store.part_path(name, number)
                )
                name = path.relative_to(temporary).as_posix()
                needed = number > 0 or path.suffix == ".npz"
                if needed and not path.exists() and not (folder / name).exists():
                    raise ConfigError(f"{self.place}: {name} is missing")


def fetch(uri: str, out: Path) -> Path:
    """Brings a run from its copy to ``out``, or what a folder of it there lacks.

    Args:
        uri: of the copy: a place and the run's name.
        out: folder for run folders.

    Returns:
        The run folder.

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
        places.check(uri)
    except ValueError as error:
        raise ConfigError(f"the address of a copy {error}") from error
    above, name = places.split(uri)
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        raise ConfigError("the address of a copy must end with the name of a run")
    return places.below(above, name), name


def _state(name: str) -> int:
    """The generation whose state this is; -1 if it is none."""
    return int(name[len("state/") : -len(".npz")]) if name.startswith("state/") else -1


def _ranked(names: Iterable[str]) -> list[tuple[Rank, str]]:
    return sorted((place, name) for name in names if (place := rank(name)) is not None)


def _names(store: RunStore, number: int) -> list[str]:
    """The files of a committed generation, in the order in which they were written."""
    parts = [store.part_path(name, number) for name in PARTS]
    paths = [*(path for path in parts if path.exists()), store.state_path(number)]
    return [path.relative_to(store.folder).as_posix() for path in paths]
