"""Keeps the copy of a run up to date, in the background, while the run goes on.

A commit does not wait for it: what is committed is safe in the run's folder, and a slow store must
not keep workers idle. A store that fails is told of and tried again, and once it answers, the copy
catches up in the order of commits. A run whose copy cannot catch up within ``PATIENCE_S`` ends,
because a copy is there for the day on which the run's folder is lost.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import one_line
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync import storage
from spikeloop.coordinator.sync.download import Copy
from spikeloop.coordinator.sync.upload import Mirror

PATIENCE_S = 900.0
"""A run goes on so long without its copy."""
PAUSE_S = 5.0
"""Between two attempts at a store that fails."""
LAST_S = 60.0
"""A run that has ended waits so long for a store that fails."""
LEAVING_S = 10.0
"""A run that was interrupted copies so long what it has committed, and then leaves."""


class Copying:
    """What a process that writes a run does for its copy.

    Args:
        mirror: the run's copy.
        store: of the run.
        note: prints a line.
        stop: ends the waiting for a store that fails.
    """

    def __init__(
        self, mirror: Mirror, store: RunStore, note: Callable[[str], None], stop: StopSignal
    ) -> None:
        self._mirror, self._store, self._note, self._stop = mirror, store, note, stop
        self._last = store.generation()
        self._behind_since, self._give_up = 0.0, inf
        self._trouble: Exception | None = None
        self._told = False
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="copying", daemon=True)

    def go_back(self, generation: int) -> None:
        """Removes later generations; before they are removed from the run's folder.

        A kill between the two leaves a copy that is behind, which the next start brings up to date.
        """
        self._mirror.go_back(generation)
        self._last = min(self._last, generation)

    def begin(self) -> None:
        """From now on every commit is copied."""
        self._store.after_commit = self._committed
        if self._last >= 0:  # nothing may remain of a run that never began
            self._wake.set()
        self._thread.start()

    def end(self, finished: bool) -> None:
        """Copies what is still missing; the results too, if the run has come to its end.

        An interrupted run goes on to its end after ``LEAVING_S`` at the latest, even if a write
        hangs. There pyarrow waits for a request under way, which a store's limits bring to an end.

        Raises:
            ConfigError, PoolError: the run is finished but its copy is behind.
        """
        self._store.after_commit = lambda generation: None
        self._give_up = time.monotonic() + (0.0 if finished else LEAVING_S)
        self._ending.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S if finished else LEAVING_S)
        hangs = self._thread.is_alive()
        if finished and hangs:
            raise PoolError(f"{self._mirror.place}: does not answer; the copy is behind")
        if finished:
            self._finish()
        elif behind := self._last - self._mirror.generation:
            trouble = self._trouble or (f"{self._mirror.place} is too slow" if hangs else "")
            reason = f" ({trouble})" if trouble else ""
            self._note(
                f"the copy is {behind} generation{'s' * (behind > 1)} behind{reason}; they are "
                f"copied when the run in {self._store.folder} is resumed"
            )

    def _committed(self, generation: int) -> None:
        """Called by the outer loop; says how the copy is doing, and wakes whoever writes it."""
        self._last = generation
        trouble = self._trouble
        if isinstance(trouble, ConfigError):
            raise trouble
        if trouble is not None and time.monotonic() - self._behind_since > PATIENCE_S:
            raise PoolError(f"{trouble}; the copy is behind for {PATIENCE_S / 60:.0f} minutes")
        if trouble is not None and not self._told:
            self._note(f"copy: {trouble}; going on, and trying again")
        elif trouble is None and self._told:
            self._note("copy: up to date again")
        self._told = trouble is not None
        self._wake.set()

    def _work(self) -> None:
        """The episode of the thread."""
        ending = False
        while not ending:
            self._wake.wait()
            self._wake.clear()
            ending = self._ending.is_set()  # before the last look at what is committed
            if ending and (self._trouble or self._last <= self._mirror.generation):
                return
            try:
                self._mirror.push(self._store, self._last, lambda: time.monotonic() < self._give_up)
                self._trouble = None
            except Exception as error:  # else this thread would end, and nobody be told
                if self._trouble is None:
                    self._behind_since = time.monotonic()
                known = isinstance(error, ConfigError | PoolError | OSError)
                self._trouble = error if known else self._unexpected(error)
                if isinstance(error, ConfigError):
                    return
                self._ending.wait(PAUSE_S)
                self._wake.set()

    def _unexpected(self, error: Exception) -> PoolError:
        what = f"unexpected {type(error).__name__}: {one_line(error)}"
        return PoolError(f"{self._mirror.place}: {what}")

    def _finish(self) -> None:
        give_up = time.monotonic() + LAST_S
        while True:
            try:
                self._mirror.push(self._store, self._last)
                self._mirror.push_results(self._store)
            except (PoolError, OSError) as error:
                self._stop.check()
                if time.monotonic() > give_up:
                    raise
                if not self._told:
                    self._note(f"copy: {error}; trying again")
                self._told = True
                time.sleep(PAUSE_S)
            else:
                self._note(f"copy: {self._mirror.place}")
                return


@contextmanager
def copying(
    config: RunConfig, store: RunStore, note: Callable[[str], None], stop: StopSignal
) -> Iterator[Copying | None]:
    """Keeps the copy while the block writes the run; None where the run has no copy.

    Raises:
        ConfigError: the copy is of another run, damaged, or ahead of this one.
        PoolError: it cannot be reached at the beginning, or not at the end.
    """
    place = place_of(config, store.folder)
    if place is None:
        yield None
        return
    mirror = Mirror(place)
    mirror.check(store)
    keeper = Copying(mirror, store, note, stop)
    finished = False
    try:
        yield keeper
        finished = True
    finally:
        keeper.end(finished)


def copy_of(config: RunConfig, folder: Path) -> Copy | None:
    """The copy of a run as it is now; None if the run has none, or is written in its place."""
    place = place_of(config, folder)
    return None if place is None else Copy(place)


def place_of(config: RunConfig, folder: Path) -> storage.Place | None:
    """Where a run is copied to; None if nowhere, or if that is its own folder."""
    if not config.run.copy_to:
        return None
    place = storage.below(config.run.copy_to, folder.resolve().name)
    if isinstance(place, storage.Folder) and place.path.resolve() == folder.resolve():
        return None
    return place
