"""The simplest target: the coordinator's own process runs one job after another."""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from spikeloop.cluster.metrics import Measure
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Unavailable
from spikeloop.workers.evaluate import evaluate, rehearse
from spikeloop.workers.job import Job, Outcome


class Inline(Settings):
    """Jobs run one after another in the process of the coordinator.

    Nothing has to start, nothing is copied, and a debugger works. But a job that hangs is not
    noticed, as there is no deadline, and one that kills its process ends the run. A signal raises
    at once in Python code only: a compiled episode ends first.
    """

    kind: Literal["inline"] = "inline"

    @contextmanager
    def open(
        self,
        warm_up: Sequence[Job],
        stop: StopSignal,
        working_dir: Path | None,
        run: str = "",
        show_line: ShowLine = show_nothing,
    ) -> Iterator["InlinePool"]:
        """Does the warm-up jobs; the other arguments matter to other processes only.

        Raises:
            PoolError: the learner needs something that is not installed here.
        """
        del working_dir, run, show_line
        with stop.raising():
            try:
                for job in warm_up:
                    rehearse(job)
            except Unavailable as error:
                raise PoolError(str(error)) from error
        yield InlinePool(stop)


class InlinePool:
    """A pool whose only worker is this process."""

    n_workers = 1
    n_replaced = 0
    in_process = True
    description = "in this process, one job after another"

    def __init__(self, stop: StopSignal) -> None:
        self.stop = stop
        self._waiting: deque[tuple[int, int, Job]] = deque()
        self._n_runs = 0

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield the outcomes in the order of the jobs; a signal raises in the middle of one."""
        run, left = self.submit(jobs), len(jobs)
        try:
            while left:
                ((number, outcome),) = self.collect()
                if number == run:
                    left -= 1
                    yield outcome
        finally:
            self.withdraw(run)

    def submit(self, jobs: Sequence[Job]) -> int:
        """Take jobs behind those that wait, and return the number of this run of them."""
        self._n_runs += 1
        self._waiting.extend((self._n_runs, index, job) for index, job in enumerate(jobs))
        return self._n_runs

    def collect(self, timeout_s: float = 0.0) -> list[tuple[int, Outcome]]:
        """Run the next job, however long it takes, and return its outcome; a signal raises.

        Python handles signals between its own instructions, so a compiled episode ends first.
        """
        self.stop.check()
        if not self._waiting:
            time.sleep(timeout_s)
            return []
        run, index, job = self._waiting.popleft()
        with self.stop.raising():
            result = evaluate(job)
        return [(run, Outcome(index, result, np.ones(job.tile.shape, dtype=np.int64)))]

    def withdraw(self, run: int) -> None:
        """Drop the jobs of a run that still wait."""
        self._waiting = deque(item for item in self._waiting if item[0] != run)

    def publish(self, measures: Mapping[str, Measure], run: str = "") -> None:
        """Do nothing, because without Ray no metrics are exported."""
