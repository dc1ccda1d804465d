"""Feed trackers with what a run has committed, each in a thread of its own.

A tracker is never in the way of a run: numbers are read from the run's files, after the commit, and
no commit waits for a tracker. A tracker that fails is named in one warning and left alone; what it
missed is logged when the run is resumed. ``tracking.json`` in the run folder says how far each
tracker is, so that a resumed run continues where it stopped. A process that is killed between the
two may log a generation twice: TensorBoard drops the first of them, MLflow takes equal numbers
once, and W&B ignores a step that it has.
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import one_line
from spikeloop.coordinator.search.deployment import epoch_start, point_after
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.trackers import TRACKERS
from spikeloop.coordinator.trackers.base import TrackedRun, Tracker

RECORD = "tracking.json"
"""How far each tracker is, in the run folder."""
MOST_THETA = 20
"""Hyperparameters of a space whose recommended values are logged; larger ones are weights."""
PATIENCE_S = 60.0
"""How long a finished run waits for its trackers."""
LEAVING_S = 5.0
"""How long an interrupted run does."""
CATCH_UP = "what it misses is logged when the run is resumed"

Numbers = dict[str, float]


def require(config: RunConfig) -> None:
    """Raise Unavailable, before a run begins, if a tracker that it asks for cannot be used."""
    for kind in config.tracking.kinds:
        TRACKERS[kind].require()


class Tracking:
    """The trackers of one run, while it is searched."""

    def __init__(self, run: RunFolder, note: Callable[[str], None]) -> None:
        lock = threading.Lock()  # of the file that all of them write
        self._store = run.store
        self._feeds = [Feed(kind, run, note, lock) for kind in run.config.tracking.kinds]

    def begin(self) -> None:
        """Log what is committed and was not logged, and from now on every commit."""
        self._store.after_commit.append(self._committed)
        if (generation := self._store.generation()) >= 0:
            self._committed(generation)

    def finished(self, transfer: Transfer) -> None:
        """Log the results of a finished run."""
        numbers = results(transfer)
        for feed in self._feeds:
            feed.finish(numbers)

    def end(self, patience_s: float) -> None:
        """Wait until everything is logged, for so long at most."""
        if self._committed in self._store.after_commit:
            self._store.after_commit.remove(self._committed)
        for feed in self._feeds:
            feed.end(patience_s)

    def _committed(self, generation: int) -> None:
        for feed in self._feeds:
            feed.awake()


@contextmanager
def tracked(run: RunFolder, note: Callable[[str], None]) -> Iterator[Tracking]:
    """Track a run while the block writes it."""
    trackers, patience_s = Tracking(run, note), LEAVING_S
    try:
        yield trackers
        patience_s = PATIENCE_S
    finally:
        trackers.end(patience_s)


class Feed:
    """One tracker of a run, and the thread that feeds it, from the first commit on."""

    def __init__(
        self, kind: str, run: RunFolder, note: Callable[[str], None], lock: threading.Lock
    ) -> None:
        self._kind, self._run, self._note, self._lock = kind, run, note, lock
        self._wakeup, self._ending = threading.Event(), False
        self._results: Numbers | None = None
        self._thread = threading.Thread(target=self._work, name=f"tracker {kind}", daemon=True)

    def awake(self) -> None:
        """Let the thread look for new generations."""
        self._wakeup.set()
        if self._thread.ident is None:
            self._thread.start()

    def finish(self, results: Numbers) -> None:
        """Let the thread log the results of the run, unless that was done before."""
        self._results = results
        self.awake()

    def end(self, patience_s: float) -> None:
        """Let the thread end after what is there, and wait for it for so long at most."""
        self._ending = True
        if self._thread.ident is None:  # nothing was committed
            return
        self.awake()
        self._thread.join(patience_s)
        if self._thread.is_alive():
            self._note(f"the tracker {self._kind} is slow and behind; {CATCH_UP}")

    def _work(self) -> None:
        try:
            tracker, known = self._open()
            while True:
                self._wakeup.wait()
                self._wakeup.clear()
                ending = self._ending  # read first, so that nothing is missed
                self._catch_up(tracker, known)
                if ending:
                    tracker.close()
                    return
        except (Exception, SystemExit) as error:  # other people's code; nothing of it ends a run
            self._note(
                f"the tracker {self._kind} failed and is left alone "
                f"({type(error).__name__}: {one_line(error)}); {CATCH_UP}"
            )

    def _open(self) -> tuple[Tracker, dict[str, Any]]:
        """Open the tracker where it stopped; a run that went back begins a new past in it."""
        store = self._run.store
        with self._lock:
            known = {"past": 0, "generation": -1, "finished": False} | self._record().get(
                self._kind, {}
            )
        if known["generation"] > max(store.generation(), 0):
            known |= {"past": known["past"] + 1, "generation": -1, "finished": False}
        identity = f"{store.identity[:16]}-{known['past']}"
        config = self._run.config
        name, project = config.run.name or store.folder.name, config.tracking.project
        tracked = TrackedRun(name, store.folder, identity, project, parameters(config))
        tracker = TRACKERS[self._kind](tracked, known["generation"])
        return tracker, known | {"generation": tracker.last}

    def _catch_up(self, tracker: Tracker, known: dict[str, Any]) -> None:
        """Log committed generations that the tracker has not, and the results if they are known."""
        run = self._run.as_of_now()
        results, last = self._results, run.store.generation()
        row: Mapping[str, Any] | None = None
        for row in _rows(run, known["generation"]):
            generation = row["generation"]
            tracker.log(generation, numbers_of(run, row), row["finished"])
            known["generation"] = generation
        if results is not None and not known["finished"]:
            row = row or run.store.row(last)
            tracker.finish(last, results, row["finished"])
            known["finished"] = True
        elif row is None:
            return
        with self._lock:
            path = run.folder / RECORD
            atomic_files.write_json(path, {**self._record(), self._kind: known})

    def _record(self) -> dict[str, Any]:
        """Read how far the trackers are; a file that is missing or damaged says nothing."""
        try:
            return atomic_files.read_json(self._run.folder / RECORD)
        except ConfigError:
            return {}


def _rows(run: RunFolder, after: int) -> Iterator[Mapping[str, Any]]:
    """Read the rows of committed generations after one, in order."""
    store, last = run.store, run.store.generation()
    for path, number in store.parts("generations"):
        if after < number <= last:
            rows: list[dict[str, Any]] = store.read_part(path).to_pylist()
            yield from (row for row in rows if row["generation"] > after)


def numbers_of(run: RunFolder, row: Mapping[str, Any]) -> Numbers:
    """Give what is logged of a committed generation; what was not measured is left out."""
    generation, wall_s = row["generation"], row["wall_s"]
    numbers: dict[str, float | None] = {
        "fitness/best": row["best"],
        "fitness/mean": row["mean"],
        "held_out/score": row["held_out_score"],
        "held_out/low": row["held_out_low"],
        "held_out/high": row["held_out_high"],
        "search/spread": row["spread"],
        "episodes/total": row["total_episodes"],
        "episodes/failed": row["n_failed"],
        "episodes/per_second": row["n_episodes"] / wall_s if wall_s else None,
    }
    prefix = "strategy_"
    for name, value in row.items():
        if name.startswith(prefix):
            numbers[f"strategy/{name.removeprefix(prefix)}"] = value
    space = run.config.space
    if space.n_dim <= MOST_THETA and run.store.state_path(generation).exists():
        averaged = run.config.deploy.average > 1
        first = epoch_start(run.store.rows(), generation) if averaged else 0
        point = point_after(run, generation, first)
        values = space.decode(point[None, :]).values[0]
        numbers |= {f"theta/{name}": v for name, v in zip(space.columns, values, strict=True)}
    return _finite(numbers)


def results(transfer: Transfer) -> Numbers:
    """Give what is logged of the end of a run: scores on held-out tasks, with their intervals."""
    numbers: dict[str, float | None] = {}
    for name, score in transfer.scores.items():
        numbers[f"transfer/{name}"] = score.value
        numbers[f"transfer/{name}_low"], numbers[f"transfer/{name}_high"] = score.low, score.high
    for name, baseline in transfer.baselines.items():
        numbers[f"transfer/baseline/{name}"] = baseline.score.value
    return _finite(numbers)


def parameters(config: RunConfig) -> dict[str, str | int | float | bool]:
    """Give the configuration as "table.key" and value, as trackers take it; lists as text."""
    found: dict[str, str | int | float | bool] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                add(f"{name}.{key}", inner)
        else:
            found[name] = value if isinstance(value, str | int | float) else str(value)

    for table, settings in config.tables().items():
        if table not in ("target", "tracking"):  # which change no result
            add(table, settings)
    found.pop("run.upload_to", None)
    return found


def _finite(numbers: Mapping[str, float | None]) -> Numbers:
    return {
        name: float(value)
        for name, value in numbers.items()
        if value is not None and math.isfinite(value)
    }
