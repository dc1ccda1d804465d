"""The simplest place to run: this very process, one job after another."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from spikeloop.cluster.metrics import Measure
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import Tell, untold
from spikeloop.cluster.signals import StopSignal
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Unavailable
from spikeloop.workers.evaluate import evaluate, rehearse
from spikeloop.workers.job import Job, Outcome


class Inline(Settings):
    """Jobs run one after another in the process of the coordinator.

    No start-up, no copies, and a debugger works. The price: a job that hangs is not noticed
    (there is no deadline), and one that kills its process ends the run. A signal raises at once in
    Python code only: a compiled episode ends first.
    """

    kind: Literal["inline"] = "inline"

    @contextmanager
    def open(
        self,
        warm_up: Job,
        stop: StopSignal,
        working_dir: Path | None,
        run: str = "",
        tell: Tell = untold,
    ) -> Iterator["InlinePool"]:
        """Does the warm-up job; the rest matters to other processes only.

        Raises:
            PoolError: the learner needs something that is not installed here.
        """
        del working_dir, run, tell
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
        """Yields the outcomes in the order of the jobs; a signal raises in the middle of one.

        Python handles signals between its own instructions, so a compiled episode ends first.
        """
        for index, job in enumerate(jobs):
            with self.stop.raising():
                result = evaluate(job)
            yield Outcome(index, result, np.ones(job.tile.shape, dtype=np.int64))

    def publish(self, measures: Mapping[str, Measure]) -> None:
        """Does nothing: without Ray there is nowhere to look."""
