"""A pool on a cluster: the loop around its ledger and its worker group."""

from collections.abc import Iterator, Mapping, Sequence

from spikeloop.cluster.dispatch.actors import Actors
from spikeloop.cluster.dispatch.ledger import Ended, Ledger
from spikeloop.cluster.dispatch.worker_group import WorkerGroup
from spikeloop.cluster.metrics import Measure, Metrics
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import ProgressLines, ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.workers.job import Job, Outcome, Status

TICK_S = 0.1
"""The longest time until a stop signal or a deadline is noticed."""

MEASURE_S = 1.0
"""How often the pool publishes what it is doing."""

START_GRACE_S = 10.0
"""After the first worker is ready, the others are waited for this long; they may join later too."""


class RayPool:
    """Evaluates jobs on a group of workers.

    Args:
        actors: the cluster.
        ledger: hears from the group.
        group: the workers on the cluster.
        patience_s: seconds without any node for a worker after which the pool gives up.
        stop: makes ``run`` raise.
        metrics: where numbers are published; None for nowhere.
        show_line: shows the user a line about workers that start, or missing cores.
    """

    in_process = False

    def __init__(
        self,
        actors: Actors,
        ledger: Ledger,
        group: WorkerGroup,
        patience_s: float,
        stop: StopSignal,
        description: str,
        metrics: Metrics | None = None,
        show_line: ShowLine = show_nothing,
    ) -> None:
        self.description = description
        self.stop = stop
        self._actors = actors
        self._group = group
        self._ledger = ledger
        self._patience_s = patience_s
        self._last_ready = self._left = self._measured = actors.now()
        self._jobs: dict[int, Sequence[Job]] = {}
        self._metrics = metrics or Metrics()
        self._progress = ProgressLines(show_line, actors.now)

    @property
    def n_workers(self) -> int:
        """Cores that run jobs at the same time."""
        return max(1, self._group.n_cores)

    @property
    def n_replaced(self) -> int:
        """Workers that died or were killed and were replaced since the pool was opened."""
        return self._group.n_replaced

    def publish(self, measures: Mapping[str, Measure], run: str = "") -> None:
        """Publish numbers of the work beside the pool's own, or under the name of a run."""
        self._metrics.publish(measures, run)

    def wait_until_ready(self) -> None:
        """Return when all workers have started and done their warm-up job, or some have.

        Waits as long as other runs hold all cores.
        """
        first = None
        while first is None or (
            self._group.starting and self._actors.now() < first + START_GRACE_S
        ):
            self._group.fill()
            self._turn(opening=True)
            if first is None and self._group.ready:
                first = self._actors.now()
        self._left = self._actors.now()

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield one outcome per job, in order of completion."""
        run = self.submit(jobs)
        try:
            while self._ledger.is_open(run):
                yield from [outcome for number, outcome in self.collect() if number == run]
        except GeneratorExit:
            # The reader left early. Workers end what they have begun, and their results are
            # dropped: a new worker would cost more time than that.
            self.withdraw(run)
            raise
        except BaseException:
            self.withdraw(run)
            for worker in self._ledger.busy:
                self._group.lose(worker, Status.WORKER_DIED, "its work was no longer wanted")
            raise
        finally:
            self._measure()

    def submit(self, jobs: Sequence[Job]) -> int:
        """Take jobs beside those that are under way, and return the number of this run of them."""
        run = self._ledger.begin([job.tile for job in jobs], [job.grid.gradient for job in jobs])
        if jobs:
            self._jobs[run] = jobs
        return run

    def collect(self, timeout_s: float = TICK_S) -> list[Ended]:
        """Run one turn of the loop, which waits at most so long, and return what has ended."""
        # The time that passed outside does not count.
        self._last_ready += self._actors.now() - self._left
        self._group.fill()  # first, because a node may have left while the reader was busy
        self._send()
        ended = self._turn(timeout_s)
        if ended:
            self._send()  # workers do not wait for the reader of the outcomes
            for run, outcome in ended:
                self._metrics.count(self._jobs[run][outcome.index], outcome)
            for run in {run for run, _ in ended if not self._ledger.is_open(run)}:
                self._forget(run)
        self._left = self._actors.now()
        return ended

    def withdraw(self, run: int) -> None:
        """Ask for no more outcomes of a run; workers end what they have begun of it."""
        self._ledger.end(run)
        self._forget(run)

    def _forget(self, run: int) -> None:
        if self._jobs.pop(run, None) is not None:
            self._group.keep_grids_of(self._jobs)

    def _turn(self, timeout_s: float = TICK_S, opening: bool = False) -> list[Ended]:
        """Look once at workers and deadlines, and return the outcomes that follow."""
        self.stop.check()
        outcomes = self._group.collect(timeout_s)
        for worker in self._ledger.overdue(self._actors.now()):
            # A running actor cannot be stopped otherwise.
            message = f"took longer than {self._ledger.timeout_s:g} s"
            outcomes += self._group.lose(worker, Status.TIMED_OUT, message)
        for worker in self._group.leaving:
            self._group.lose(worker, Status.WORKER_DIED, "its node leaves")
        self._check_patience()
        if self._group.waiting:
            self._progress.report_waiting(lambda: self._group.room.shortage)
        else:
            self._progress.report_workers(lambda: self._group.start_counts, opening)
        if self._actors.now() >= self._measured + MEASURE_S:
            self._measure()
        return outcomes

    def _measure(self) -> None:
        """Publish what the pool is doing."""
        self._measured = self._actors.now()
        ledger, group = self._ledger, self._group
        self._metrics.set_load(
            ledger.n_in_flight, ledger.n_waiting, group.n_cores, group.n_replaced
        )

    def _send(self) -> None:
        """Fill the workers' queues, each by one message in turn."""
        now = self._actors.now()
        self._ledger.copy_stragglers(now)
        workers = self._group.ready
        while workers:
            given = [(worker, self._ledger.assign(worker, now)) for worker in workers]
            for worker, message in given:
                if message:
                    self._group.send(worker, message, self._jobs)
            workers = [worker for worker, message in given if message]

    def _check_patience(self) -> None:
        """Raise PoolError if there has been no worker, and no node for one, for too long."""
        now = self._actors.now()
        if self._group.ready or self._group.starting or self._group.room.usable():
            self._last_ready = now
        elif now > self._last_ready + self._patience_s:
            how_long = f" for {self._patience_s:g} s" if self._patience_s else ""
            raise PoolError(f"no node of the Ray cluster has had room for a worker{how_long}")
