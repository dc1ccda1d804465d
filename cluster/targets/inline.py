"""The simplest target: the coordinator's own process runs one job after another."""

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
        warm_up: Job,
        stop: StopSignal,
        working_dir: Path | None,
        run: str = "",
        show_line: ShowLine = show_nothing,
    ) -> Iterator["InlinePool"]:
        """Does the warm-up job; the other arguments matter to other processes only.

        Raises:
            PoolError: the learner needs something that is not installed here.
        """
        del working_dir, run, show_line
        with stop.raising():
            try:
                rehearse(warm_up)
            except Unavailable as error:
                raise PoolError(str(error)) from error
        yield InlinePool(stop)


class InlinePool:
    """A pool whose only worker is this process."""

    n_workers = 1
    n_replaced = 0
    description = "in this process, one job after another"

    def __init__(self, stop: StopSignal) -> None:
        self.stop = stop

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield the outcomes in the order of the jobs; a signal raises in the middle of one.

        Python handles signals between its own instructions, so a compiled episode ends first.
        """
        for index, job in enumerate(jobs):
            with self.stop.raising():
                result = evaluate(job)
            yield Outcome(index, result, np.ones(job.tile.shape, dtype=np.int64))

    def publish(self, measures: Mapping[str, Measure]) -> None:
        """Do nothing, because without Ray no metrics are exported."""
