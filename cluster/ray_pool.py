"""A pool on Ray: the loop that joins the ledger, which decides, and the crew, which acts."""

import time
from collections.abc import Iterator, Sequence

from spikeloop.cluster.crew import Broke, Crew, Done, Lost, News, Ready
from spikeloop.cluster.ledger import Ledger
from spikeloop.cluster.stop import StopSignal
from spikeloop.workers.job import Job, Outcome, Status

TICK_S = 0.1
"""How late a stop signal or a deadline may be noticed."""


class RayPool:
    """Evaluates jobs on a crew of Ray actors.

    Args:
        crew: the workers.
        job_timeout_s: seconds a worker may spend on one job or on one retried life.
        max_attempts: how often a life may lose its worker before it fails.
        stop: makes ``run`` raise.
        description: one line for people.
    """

    def __init__(
        self,
        crew: Crew,
        job_timeout_s: float,
        max_attempts: int,
        stop: StopSignal,
        description: str,
    ) -> None:
        self.n_workers = crew.size
        self.description = description
        self._crew = crew
        self._job_timeout_s = job_timeout_s
        self._max_attempts = max_attempts
        self.stop = stop

    @property
    def n_replaced(self) -> int:
        """Workers that died or were killed and were replaced since the pool was opened."""
        return self._crew.n_replaced

    def wait_until_ready(self) -> None:
        """Returns when every worker has started and done its warm-up job."""
        while not self._crew.complete:
            self.stop.check()
            self._crew.fill(time.monotonic())
            self._crew.news(TICK_S)

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yields one outcome per job, in order of completion."""
        ledger = Ledger([job.tile for job in jobs], self._job_timeout_s, self._max_attempts)
        self._crew.begin_run()
        for worker in self._crew.ready:
            ledger.join(worker)
        try:
            while not ledger.finished:
                self.stop.check()
                self._crew.fill(time.monotonic())
                self._send(ledger, jobs)
                outcomes = [
                    outcome
                    for news in self._crew.news(TICK_S)
                    for outcome in self._book(ledger, news)
                ]
                outcomes += self._end_overdue(ledger)
                if outcomes:
                    self._send(ledger, jobs)  # nobody waits for whoever reads the outcomes
                yield from outcomes
        finally:
            for worker in ledger.busy:  # the reader left early: what still runs is of no use
                self._crew.dismiss(worker)

    def _send(self, ledger: Ledger, jobs: Sequence[Job]) -> None:
        """Tops up the workers' queues, each by one piece in turn."""
        workers = self._crew.ready
        while workers:
            now = time.monotonic()
            given = [(worker, ledger.assign(worker, now)) for worker in workers]
            for worker, piece in given:
                if piece is not None:
                    self._crew.send(worker, piece, jobs[piece.job])
            workers = [worker for worker, piece in given if piece is not None]

    def _book(self, ledger: Ledger, news: News) -> list[Outcome]:
        now = time.monotonic()
        match news:
            case Ready(worker):
                ledger.join(worker)
                return []
            case Done(worker, piece, result):
                return ledger.done(worker, piece, result, now)
            case Broke(worker, piece, message, traceback):
                return ledger.error(worker, piece, message, traceback, now)
            case Lost(worker, status, message):
                return ledger.lost(worker, status, message)

    def _end_overdue(self, ledger: Ledger) -> list[Outcome]:
        """Kills workers whose deadline has passed: a running actor cannot be stopped otherwise."""
        outcomes: list[Outcome] = []
        for worker in ledger.overdue(time.monotonic()):
            self._crew.dismiss(worker)
            message = f"took longer than {self._job_timeout_s:g} s"
            outcomes += ledger.lost(worker, Status.TIMED_OUT, message)
        return outcomes
