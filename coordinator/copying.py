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
from pathlib import Path

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.stop import StopSignal
from spikeloop.coordinator import places
from spikeloop.coordinator.config import RunConfig
from spikeloop.coordinator.copies import Copy
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import RunStore

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
        copy: of the run.
        store: of the run.
        note: prints a line.
        stop: ends the waiting for a store that fails.
    """

    def __init__(
        self, copy: Copy, store: RunStore, note: Callable[[str], None], stop: StopSignal
    ) -> None:
        self._copy, self._store, self._note, self._stop = copy, store, note, stop
        self._last = store.generation()
        self._behind_since = 0.0
        self._trouble: Exception | None = None
        self._told = False
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="copying", daemon=True)

    def go_back(self, generation: int) -> None:
        """Removes later generations; before they are removed from the run's folder.

        A kill between the two leaves a copy that is behind, which the next start brings up to date.
        """
        self._copy.go_back(generation)
        self._last = min(self._last, generation)

    def begin(self) -> None:
        """From now on every commit is copied."""
        self._store.after_commit = self._committed
        if self._last >= 0:  # nothing may remain of a run that never began
            self._wake.set()
        self._thread.start()

    def end(self, finished: bool) -> None:
        """Copies what is still missing; the results too, if the run has come to its end.

        Raises:
            ConfigError, PoolError: the run is finished but its copy is behind.
        """
        self._store.after_commit = lambda generation: None
        self._ending.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        if finished:
            self._finish()
        elif self._trouble is None and self._last > self._copy.generation:
            give_up = time.monotonic() + LEAVING_S
            try:
                self._copy.push(self._store, self._last, lambda: time.monotonic() < give_up)
            except (ConfigError, PoolError, OSError) as error:
                self._trouble = error
        if not finished and (behind := self._last - self._copy.generation):
            reason = f" ({self._trouble})" if self._trouble else ""
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
        """The life of the thread."""
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._ending.is_set():
                return
            try:
                self._copy.push(self._store, self._last, lambda: not self._ending.is_set())
                self._trouble = None
            except (ConfigError, PoolError, OSError) as error:
                if self._trouble is None:
                    self._behind_since = time.monotonic()
                self._trouble = error
                if isinstance(error, ConfigError):
                    return
                self._ending.wait(PAUSE_S)
                self._wake.set()

    def _finish(self) -> None:
        give_up = time.monotonic() + LAST_S
        while True:
            try:
                self._copy.push(self._store, self._last)
                self._copy.push_results(self._store)
            except (PoolError, OSError) as error:
                self._stop.check()
                if time.monotonic() > give_up:
                    raise
                if not self._told:
                    self._note(f"copy: {error}; trying again")
                self._told = True
                time.sleep(PAUSE_S)
            else:
                self._note(f"copy: {self._copy.place}")
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
    copy = copy_of(config, store.folder)
    if copy is None:
        yield None
        return
    copy.check(store)
    keeper = Copying(copy, store, note, stop)
    finished = False
    try:
        yield keeper
        finished = True
    finally:
        keeper.end(finished)


def copy_of(config: RunConfig, folder: Path) -> Copy | None:
    """The copy of a run as it is now; None if the run has none, or is written in its place."""
    if not config.run.copy:
        return None
    place = places.below(config.run.copy, folder.resolve().name)
    if isinstance(place, places.Folder) and place.path.resolve() == folder.resolve():
        return None
    return Copy(place)
