"""The runs of a sweep on one pool: several at a time, so that small generations fill all workers.

Each run is an ordinary one in a folder of its own, which goes on from its last commit if it has
begun. A run that fails ends alone; what ends the workers, or the disk, ends all.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from spikeloop.cluster.pool import PoolError, SharablePool, WorkerPool
from spikeloop.cluster.shared_pool import Caller, SharedPool
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.formatting import one_line
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.search.processor_mix import watched
from spikeloop.coordinator.search.reporter import GenerationReport, SessionReporter
from spikeloop.coordinator.search.search_size import generation_jobs
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import results
from spikeloop.coordinator.sweep.sweep_config import PlannedRun

MOST_AT_A_TIME = 32
"""Runs that are under way at the same time at most; each keeps a generation in memory."""

JOBS_PER_WORKER = 2
"""Jobs for each worker that the runs under way should have together: one is run, one waits."""


class SweepReporter(SessionReporter, Protocol):
    """Something that shows the progress of a sweep; its grids and generations are of any run."""

    def run_started(self, planned: PlannedRun) -> None:
        """Take note that a run begins or goes on."""
        ...

    def run_ended(self, row: Mapping[str, Any]) -> None:
        """Take note that a run has ended, whose row of the results is given."""
        ...


def wants_another(jobs: Sequence[int], n_workers: int) -> bool:
    """Tell whether runs with so many jobs a generation each leave workers idle.

    Two are always under way, so that workers have something to do between two generations of one.
    """
    if len(jobs) < 2:
        return True
    return len(jobs) < MOST_AT_A_TIME and sum(jobs) < JOBS_PER_WORKER * n_workers


def run_side_by_side(
    planned: Iterable[PlannedRun],
    folder: Path,
    pool: SharablePool,
    reporter: SweepReporter,
    ended: Callable[[PlannedRun, results.Row], None],
) -> None:
    """Do all these runs, or what is left of them, and call ``ended`` with the row of each.

    Raises:
        PoolError, OSError, MemoryError: there are no workers, or a run cannot be written.
        Interrupted: a signal came. What the runs have committed stays.
    """
    waiting = deque(planned)
    running: dict[Caller, PlannedRun] = {}
    jobs: dict[Caller, int] = {}
    with SharedPool(pool) as shared:

        def has_room() -> bool:
            """Tell whether a further run should begin; in this process they only take turns."""
            if pool.in_process:
                return not running
            return wants_another([*jobs.values()], shared.n_workers)

        while waiting or running:
            while waiting and has_room():
                following = waiting.popleft()
                reporter.run_started(following)
                name = f"{folder.name}/{following.path.relative_to('runs').as_posix()}"
                caller = shared.start(name, partial(_run, following, folder, reporter))
                running[caller], jobs[caller] = following, generation_jobs(following.config)
            for caller in shared.turn():
                done = running.pop(caller)
                del jobs[caller]
                row = caller.result if caller.error is None else _failed(caller, done, folder)
                ended(done, row)
                reporter.run_ended(row)


def _run(
    planned: PlannedRun, folder: Path, reporter: SweepReporter, pool: WorkerPool
) -> results.Row:
    """Begin a run or go on with it, in the thread of a caller, and give its row."""
    own, path = _RunReporter(reporter, planned.name), folder / planned.path
    shared = watched(pool, planned.config, own.note)
    found = run_session.existing_run(planned.config, path, own.note)
    if found is None:
        transfer = run_session.start(
            planned.config, path, own, pool.stop, workers=lambda *_: nullcontext(shared)
        )
    else:
        transfer = run_session.resume(found, own, pool.stop, workers=lambda *_: nullcontext(shared))
    return results.finished_row(planned, RunStore(path), transfer)


def _failed(caller: Caller, planned: PlannedRun, folder: Path) -> results.Row:
    """Give the row of a run that failed; raise what is not the run's own failure."""
    error = caller.error
    assert error is not None
    if not isinstance(error, Exception) or isinstance(error, PoolError | OSError | MemoryError):
        raise error
    text = one_line(error)
    if not isinstance(error, RunFailed | ConfigError):
        text = f"unexpected {type(error).__name__}: {text}"
    return results.failed_row(planned, folder, text)


class _RunReporter:
    """The progress of one run as part of a sweep: its notes name the run."""

    def __init__(self, reporter: SweepReporter, name: str) -> None:
        self._reporter = reporter
        self._name = name
        self.started = reporter.started
        self.episodes_done = reporter.episodes_done
        self.pool = reporter.pool

    def note(self, text: str) -> None:
        self._reporter.note(f"{self._name}: {text}")

    def generation(self, report: GenerationReport) -> None:
        self._reporter.generation(report)
