"""A shared pool that a test uses as if it were alone, while another caller works beside it."""

from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from threading import Event
from typing import Any

from spikeloop.cluster.pool import SharablePool, WorkerPool
from spikeloop.cluster.shared_pool import Caller, SharedPool
from spikeloop.workers.job import Job, Outcome


class SharedByTwo:
    """A pool whose ``run`` has its jobs done by a caller, with a neighbour who never ends.

    The thread of the test owns the shared pool, as a sweep does.

    Args:
        pool: that is shared.
        neighbours: jobs that the neighbour asks for again and again.
    """

    def __init__(self, pool: SharablePool, neighbours: Sequence[Job]) -> None:
        self._pool: Any = pool
        self._neighbours = neighbours
        self.n_neighbours = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield the outcomes of the jobs as they come, and end with the caller's error."""
        came: SimpleQueue[Outcome] = SimpleQueue()
        left = Event()
        with SharedPool(self._pool) as shared:
            shared.start("neighbour", self._work_on)
            caller = shared.start("caller", lambda pool: _read(pool, jobs, came, left))
            ended: list[Caller] = []
            try:
                while caller not in ended:
                    ended = shared.turn()
                    while not came.empty():
                        yield came.get()
            finally:
                left.set()
        if caller.error is not None:
            raise caller.error

    def _work_on(self, pool: WorkerPool) -> None:
        while True:
            for _ in pool.run(self._neighbours):
                self.n_neighbours += 1


def _read(pool: WorkerPool, jobs: Sequence[Job], came: "SimpleQueue[Outcome]", left: Event) -> None:
    for outcome in pool.run(jobs):
        if left.is_set():
            return
        came.put(outcome)
