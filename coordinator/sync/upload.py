"""Writes the copy of a run, in the order of commits, so that it is a sound run at any instant.

The run's own folder stays the truth while a process writes it. Committed files do not change, so
what belongs to a generation whose state is in the copy is never written again.
"""

from collections.abc import Callable

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import reading
from spikeloop.coordinator.store.commit_order import REPORT, is_drawn, ranked
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST
from spikeloop.coordinator.store.run_store import ONCE, PARTS, RunStore
from spikeloop.coordinator.sync.download import BadCopy, Copy
from spikeloop.coordinator.sync.storage import Place


class Mirror:
    """A run's copy, for the process that writes the run.

    Args:
        place: where it is, or shall be.

    Attributes:
        place: as given.
        generation: the last one that is committed there; -1 if none is.

    Raises:
        ConfigError: what is there is damaged.
        PoolError: it cannot be reached.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._copy = Copy(place)
        self._names = self._copy.names
        self._identity = self._copy.identity
        self.generation = self._copy.generation
        self._compared = False

    def check(self, store: RunStore) -> None:
        """ConfigError unless the copy is of this run and its history, and not ahead of it."""
        if self._identity not in ("", store.identity):
            raise self._of_another(store)
        self._copy.require_same_history(store, "choose another place for its copy")
        if self.generation > store.generation():
            raise ConfigError(
                f"{self.place}: this copy has generation {self.generation}, {store.folder} only "
                f"{max(store.generation(), 0)}: another process went on with the run; if that has "
                f"ended, bring the rest with: spikeloop fetch '{self.place}' --out "
                f"{store.folder.parent}"
            )

    def push(self, store: RunStore, last: int, go_on: Callable[[], bool] = lambda: True) -> None:
        """Writes the generations that the copy lacks, each one's state last.

        Args:
            store: of the run.
            last: generation that is committed.
            go_on: asked before each file; False ends it early.
        """
        self._fence(store)
        for number in range(self.generation + 1 if self._compared else 0, last + 1):
            if not store.state_path(number).exists():
                continue  # written together with a later generation
            for name in _names(store, number):
                if number <= self.generation and name in self._names:
                    continue  # parts without their state are written anew
                if not go_on():
                    return
                self._write(store, name)
            self.generation = max(self.generation, number)
        self._compared = True

    def push_results(self, store: RunStore) -> None:
        """Writes what belongs to the finished search, figures and report included."""
        self._fence(store)
        found = [path for folder in (*ONCE, "figures") for path in store.folder.glob(f"{folder}/*")]
        found.append(store.folder / REPORT)
        names = {path.relative_to(store.folder).as_posix() for path in found if path.is_file()}
        for _, name in ranked(names):
            self._write(store, name)

    def go_back(self, generation: int) -> None:
        """Removes what came after a generation, in the order of ``RunStore.go_back``."""
        for (number, _), name in reversed(ranked(self._names)):
            if number > generation and not is_drawn(name):
                self.place.remove(name)
                self._names.discard(name)
        self.generation = min(self.generation, generation)

    def _fence(self, store: RunStore) -> None:
        """Makes sure, before anything is written, that the copy is still this run's."""
        if not self._identity:
            self._write(store, RUN_MANIFEST)
            self._identity = store.identity
        found = self._copy.identity_now()
        if not found:
            raise PoolError(f"{self.place}: this copy has vanished while the run went on")
        if found != store.identity:
            raise self._of_another(store)

    def _write(self, store: RunStore, name: str) -> None:
        self.place.write(name, reading.read_bytes(store.folder / name))
        self._names.add(name)

    def _of_another(self, store: RunStore) -> BadCopy:
        return BadCopy(
            f"{self.place}: there is the copy of another run than {store.folder}; go on with that "
            "one with --resume where there is no such folder, or choose another run.name"
        )


def _names(store: RunStore, number: int) -> list[str]:
    """The files of a committed generation, in the order in which they were written."""
    parts = [store.part_path(name, number) for name in PARTS]
    paths = [*(path for path in parts if path.exists()), store.state_path(number)]
    return [path.relative_to(store.folder).as_posix() for path in paths]
