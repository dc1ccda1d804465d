"""Upload a run to storage, in the background, while the run goes on.

Files are uploaded in the order of commits, a generation's state last, so that what is stored can be
resumed whenever the upload stops. Committed files do not change: what belongs to a generation whose
state is stored is never uploaded again.

A commit does not wait for its upload: what is committed is safe in the run's folder, and slow
storage must not keep workers idle. Storage that fails is reported, and tried again after the next
commit. A run whose upload fails for longer than ``PATIENCE_S`` ends, because the upload is there
for the day on which the run's folder is lost.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import one_line
from spikeloop.coordinator.store import reading
from spikeloop.coordinator.store.commit_order import PARTS, later, ranked
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync.download import StorageMismatch, StoredRun, storage_of
from spikeloop.coordinator.sync.storage import Storage

PATIENCE_S = 900.0
"""How long a run goes on while its upload fails."""
PAUSE_S = 5.0
"""Time between two attempts of a finished run at storage that fails."""
LAST_S = 60.0
"""How long a finished run waits for storage that fails."""
LEAVING_S = 10.0
"""How long an interrupted run uploads what it has committed before it ends."""


class Upload:
    """The upload of one run.

    Args:
        storage: where the files go.
        store: of the run.
        note: prints a line.
        stop: ends the waiting for storage that fails.

    Attributes:
        error: of the last attempt; None if it did not fail.

    Raises:
        ConfigError: what is stored is not an earlier time of this run.
        PoolError: the storage cannot be reached.
    """

    def __init__(
        self, storage: Storage, store: RunStore, note: Callable[[str], None], stop: StopSignal
    ) -> None:
        self._storage, self._store, self._note, self._stop = storage, store, note, stop
        self._stored, self._compared = StoredRun(storage), False
        self._last, self._deadline = store.generation(), inf
        self._require_older()
        self.error: Exception | None = None
        self._failing_since, self._error_noted = 0.0, False
        self._thread: threading.Thread | None = None

    def go_back(self, generation: int) -> None:
        """Remove what came after a generation, before it is removed from the run's folder.

        A kill between the two leaves storage that is behind, which the next start mends.
        """
        for name in later(self._stored.names, generation):
            self._storage.remove(name)
            self._stored.names.discard(name)
        self._stored.generation = min(self._stored.generation, generation)
        self._last = min(self._last, generation)

    def begin(self) -> None:
        """Upload what is committed already, and from now on every commit."""
        self._store.after_commit.append(self._committed)
        self._start()

    def end(self, finished: bool) -> None:
        """Upload what is missing; of a finished run the results too, or raise an error.

        An interrupted run ends after ``LEAVING_S`` at the latest, even if a write hangs.
        """
        if self._committed in self._store.after_commit:
            self._store.after_commit.remove(self._committed)
        if finished:
            if self._hangs(PATIENCE_S):
                raise PoolError(f"{self._storage}: does not answer; the upload is behind")
            self._finish()
            return
        self._deadline = time.monotonic() + LEAVING_S
        slow = self._hangs(LEAVING_S)
        if self._thread is not None and not slow and self.error is None:
            self._start()  # what was committed when the thread was about to end
            slow = self._hangs(self._deadline - time.monotonic())
        if behind := self._last - self._stored.generation:
            reason = self.error or (f"{self._storage} is too slow" if slow else "")
            self._note(
                f"the upload is {behind} generation{'s' * (behind > 1)} behind"
                f"{f' ({reason})' if reason else ''}; they are uploaded when the run in "
                f"{self._store.folder} is resumed"
            )

    def _finish(self) -> None:
        give_up = time.monotonic() + LAST_S
        while True:
            try:
                if isinstance(self.error, ConfigError):
                    raise self.error
                self._upload()
                for name in self._results():
                    self._write(name)
            except (PoolError, OSError) as error:
                self._stop.check()
                if time.monotonic() > give_up:
                    raise
                self._note_error(error, "trying again")
                time.sleep(PAUSE_S)
            else:
                self._note(f"uploaded to {self._storage}")
                return

    def _committed(self, generation: int) -> None:
        """Report how the upload is doing, and start it; the outer loop calls this."""
        self._last = generation
        error = self.error
        if isinstance(error, ConfigError):
            raise error
        if error is not None and time.monotonic() - self._failing_since > PATIENCE_S:
            raise PoolError(f"{error}; the upload is behind for {PATIENCE_S / 60:.0f} minutes")
        if error is not None:
            self._note_error(error, "going on, and trying again")
        elif self._error_noted:
            self._note("upload: up to date again")
            self._error_noted = False
        self._start()

    def _note_error(self, error: Exception, consequence: str) -> None:
        if not self._error_noted:
            self._note(f"upload: {error}; {consequence}")
        self._error_noted = True

    def _start(self) -> None:
        """Start a thread that uploads what is committed, unless one is at work or nothing is."""
        if self._last >= 0 and not (self._thread is not None and self._thread.is_alive()):
            self._thread = threading.Thread(target=self._work, name="upload", daemon=True)
            self._thread.start()

    def _hangs(self, seconds: float) -> bool:
        """Wait for the thread, and say whether it is still at work."""
        if self._thread is None:
            return False
        self._thread.join(seconds)
        return self._thread.is_alive()

    def _work(self) -> None:
        try:
            last = None
            while last != self._last:  # again if something was committed meanwhile
                last = self._last
                self._upload()
            self.error = None
        except Exception as error:  # otherwise the thread would end without a message
            if self.error is None:
                self._failing_since = time.monotonic()
            known = isinstance(error, ConfigError | PoolError | OSError)
            what = f"unexpected {type(error).__name__}: {one_line(error)}"
            self.error = error if known else PoolError(f"{self._storage}: {what}")

    def _upload(self) -> None:
        """Write the committed generations that are missing."""
        self._require_own_run()
        stored = self._stored
        for number in range(stored.generation + 1 if self._compared else 0, self._last + 1):
            if not self._store.state_path(number).exists():
                continue  # written together with a later generation
            for name in self._files(number):
                if number <= stored.generation and name in stored.names:
                    continue
                if time.monotonic() > self._deadline:
                    return
                self._write(name)
            stored.generation = max(stored.generation, number)
        self._compared = True

    def _files(self, number: int) -> list[str]:
        """The files of a generation in the order in which they were committed, its state last."""
        paths = [self._store.part_path(name, number) for name in PARTS]
        paths.append(self._store.state_path(number))
        return [path.relative_to(self._store.folder).as_posix() for path in paths if path.exists()]

    def _results(self) -> list[str]:
        """The files that belong to the finished search, figures and report included."""
        return [name for (number, _), name in ranked(self._store.names()) if number == inf]

    def _write(self, name: str) -> None:
        self._storage.write(name, reading.read_bytes(self._store.folder / name))
        self._stored.names.add(name)

    def _require_older(self) -> None:
        """ConfigError unless what is stored is this run as it stood at some time before."""
        stored, store = self._stored, self._store
        if stored.identity not in ("", store.identity):
            raise self._other_run()
        stored.require_same_history(store, "choose another run.upload_to")
        if stored.generation > store.generation():
            raise ConfigError(
                f"{self._storage}: has generation {stored.generation} of this run, {store.folder} "
                f"only {max(store.generation(), 0)}: another process went on with it; if that has "
                f"ended, download the rest with: spikeloop fetch '{self._storage}' --out "
                f"{store.folder.parent}"
            )

    def _require_own_run(self) -> None:
        """Make sure, before anything is written, that the storage still holds this run."""
        if not self._stored.identity:
            self._write(RUN_MANIFEST)
            self._stored.identity = self._store.identity
        found = self._stored.current_identity()
        if not found:
            raise PoolError(f"{self._storage}: the files of this run have vanished from it")
        if found != self._store.identity:
            raise self._other_run()

    def _other_run(self) -> StorageMismatch:
        return StorageMismatch(
            f"{self._storage}: holds another run than {self._store.folder}; go on with that one "
            "with --resume where there is no such folder, or choose another run.name"
        )


@contextmanager
def uploading(
    config: RunConfig, store: RunStore, note: Callable[[str], None], stop: StopSignal
) -> Iterator[Upload | None]:
    """Upload a run while the block writes it; None if ``run.upload_to`` names no storage."""
    storage = storage_of(config, store.folder)
    if storage is None:
        yield None
        return
    upload = Upload(storage, store, note, stop)
    finished = False
    try:
        yield upload
        finished = True
    finally:
        upload.end(finished)
