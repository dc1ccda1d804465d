"""Lets several callers use one pool at a time, each from a thread of its own.

A search asks for one generation after another and waits in between, so a small one leaves workers
idle. Several searches at a time keep them busy.

The thread that owns the pool calls ``turn`` again and again. It takes the callers' jobs to the pool
and their outcomes back; jobs are served in the order in which they were asked for. Of the callers
one computes at a time, and the others wait for outcomes or for their turn: threads of one
interpreter would not be faster, and so neither families, strategies nor reporters need to be safe
for threads. While a caller computes, the owner keeps the workers busy with the jobs of others.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spikeloop.cluster.metrics import Measure
from spikeloop.cluster.pool import PoolError, SharablePool, WorkerPool
from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.workers.job import Job, Outcome

POLL_S = 0.01
"""How often the owner looks at the workers while a caller computes."""

PATIENCE_S = 10.0
"""How long the end waits for callers that compute. What they write is whole at any instant."""

Work = Callable[[WorkerPool], Any]


@dataclass(eq=False)
class Caller:
    """What uses the pool from a thread of its own.

    Attributes:
        name: for people who watch.
        result: what its work returned.
        error: what its work raised, or None.
        stop: is set when the pool is closed.
    """

    name: str
    result: Any = None
    error: BaseException | None = None
    stop: StopSignal = field(default_factory=StopSignal)


@dataclass(eq=False)
class _Call:
    """Jobs of a caller, and what it has not read of them.

    Attributes:
        arrived: tells the caller that it need not wait any more.
        n_left: jobs without an outcome.
        mail: outcomes, or the error that the call ends with.
        waits: whether the caller waits.
        number: of the run in the pool.
    """

    caller: Caller
    jobs: Sequence[Job]
    arrived: threading.Condition
    n_left: int
    mail: deque[Outcome | BaseException] = field(default_factory=deque)
    waits: bool = False
    number: int = 0


class SharedPool:
    """A pool that several callers use; the thread that made it owns it.

    As a context manager it ends all callers when the block is left, whatever the reason.

    Args:
        pool: which nothing else uses meanwhile.
    """

    def __init__(self, pool: SharablePool) -> None:
        self.n_workers, self.n_replaced = pool.n_workers, pool.n_replaced
        self.description = pool.description
        self._pool = pool
        self._baton = threading.Lock()  # of the caller that computes
        self._lock = threading.Lock()  # of everything below
        self._changed = threading.Condition(self._lock)
        self._n_computing = 0
        self._asked: deque[_Call] = deque()
        self._left: deque[_Call] = deque()
        self._ended: list[Caller] = []
        self._threads: dict[Caller, threading.Thread] = {}
        self._calls: dict[int, _Call] = {}
        self._closed_by: BaseException | None = None

    @property
    def active(self) -> list[Caller]:
        """The callers that have not ended, or whose end ``turn`` has not returned yet."""
        return list(self._threads)

    def start(self, name: str, work: Work) -> Caller:
        """Begin some work in a thread of its own, with a pool for this caller alone."""
        caller = Caller(name)
        thread = threading.Thread(target=self._work, args=(caller, work), name=name, daemon=True)
        self._threads[caller] = thread
        with self._lock:
            self._n_computing += 1
        thread.start()
        return caller

    def turn(self) -> list[Caller]:
        """Hand jobs and outcomes on, and return the callers that have ended since.

        Returns soon, or when something has happened. Raises ``Interrupted`` after a signal and
        ``PoolError`` if no worker can be had; ``close`` then ends the callers.
        """
        self._pool.stop.check()
        self._serve()
        with self._lock:
            computing, somebody_ended = self._n_computing > 0, bool(self._ended)
        may_collect = self._calls and not (computing and self._pool.in_process)
        outcomes: Sequence[tuple[int, Outcome]] = ()
        if may_collect:
            wait = not computing and not somebody_ended
            outcomes = self._pool.collect() if wait else self._pool.collect(0.0)
            self._deliver(outcomes)
        with self._lock:
            if computing and not outcomes:
                self._changed.wait_for(self._needs_owner, POLL_S)
            ended, self._ended = self._ended, []
        self.n_workers, self.n_replaced = self._pool.n_workers, self._pool.n_replaced
        for caller in ended:
            self._threads.pop(caller).join()
        return ended

    def close(self, error: BaseException | None = None) -> None:
        """End all callers: each gets the error, by default that it was interrupted."""
        with self._lock:
            self._closed_by = error or Interrupted()
            waiting = [*self._calls.values(), *self._asked]
            for caller in self._threads:
                caller.stop.requested = True
            for call in waiting:
                self._put(call, self._last_word())
        until = time.monotonic() + PATIENCE_S
        for thread in self._threads.values():
            thread.join(max(0.0, until - time.monotonic()))
        self._threads.clear()
        for number in self._calls:
            self._pool.withdraw(number)
        self._calls.clear()

    def __enter__(self) -> "SharedPool":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close(error)

    def _needs_owner(self) -> bool:
        return bool(self._asked or self._left or self._ended) or not self._n_computing

    def _serve(self) -> None:
        """Take new jobs to the pool, and those of callers that have left off it."""
        with self._lock:
            asked, self._asked = self._asked, deque()
            left, self._left = self._left, deque()
        for call in asked:
            call.number = self._pool.submit(call.jobs)
            self._calls[call.number] = call
        for call in left:
            if self._calls.pop(call.number, None) is not None:
                self._pool.withdraw(call.number)

    def _deliver(self, ended: Sequence[tuple[int, Outcome]]) -> None:
        with self._lock:
            for number, outcome in ended:
                if (call := self._calls.get(number)) is not None:
                    call.n_left -= 1
                    if not call.n_left:
                        del self._calls[number]
                    self._put(call, outcome)

    def _put(self, call: _Call, item: Outcome | BaseException) -> None:
        """Give a call an outcome, or its end; the lock is held."""
        call.mail.append(item)
        if call.waits:
            call.waits = False
            self._n_computing += 1
            call.arrived.notify()

    def _work(self, caller: Caller, work: Work) -> None:
        """Do the work of a caller, in its thread."""
        pool = _CallersPool(self, caller)
        with self._baton:
            try:
                caller.result = work(pool)
            except BaseException as error:  # whatever it is, the owner decides what follows
                caller.error = error
        pool.retire()
        with self._lock:
            self._n_computing -= 1
            self._ended.append(caller)
            self._changed.notify()

    def ask(self, caller: Caller, jobs: Sequence[Job]) -> _Call:
        """Ask for jobs, in the thread of a caller."""
        call = _Call(caller, jobs, threading.Condition(self._lock), len(jobs))
        with self._lock:
            if self._closed_by is not None:
                raise self._last_word()
            self._asked.append(call)
            self._changed.notify()
        return call

    def next_of(self, call: _Call) -> Outcome:
        """Wait for an outcome of a call, in the thread of its caller."""
        with self._lock:
            if call.mail:
                return _read(call)
            call.waits = True
            self._n_computing -= 1
            self._changed.notify()
        self._baton.release()
        try:
            with self._lock:
                call.arrived.wait_for(lambda: not call.waits)
        finally:
            self._baton.acquire()
        with self._lock:
            return _read(call)

    def leave(self, call: _Call) -> None:
        """Ask for no more of a call, in the thread of its caller."""
        with self._lock:
            self._left.append(call)
            self._changed.notify()

    def publish(self, measures: Mapping[str, Measure], name: str) -> None:
        """Publish numbers of a caller's work."""
        self._pool.publish(measures, name)

    def _last_word(self) -> BaseException:
        """What a caller gets at the end, an object of its own for each thread."""
        error = self._closed_by
        return PoolError(str(error)) if isinstance(error, PoolError) else Interrupted()


class _CallersPool:
    """The pool as one caller sees it, in its own thread."""

    def __init__(self, shared: SharedPool, caller: Caller) -> None:
        self.stop = caller.stop
        self.description = shared.description
        self._shared = shared
        self._caller = caller
        self._published: set[str] = set()

    @property
    def n_workers(self) -> int:
        """Workers that run jobs at the same time, those of other callers included."""
        return self._shared.n_workers

    @property
    def n_replaced(self) -> int:
        """Workers that were replaced since the pool was opened, whoever used them."""
        return self._shared.n_replaced

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield one outcome per job, in order of completion."""
        if not jobs:
            return
        call, n_read = self._shared.ask(self._caller, jobs), 0
        try:
            while n_read < len(jobs):
                outcome = self._shared.next_of(call)
                n_read += 1
                yield outcome
        finally:
            if n_read < len(jobs):
                self._shared.leave(call)

    def publish(self, measures: Mapping[str, Measure]) -> None:
        """Publish numbers of the work under the name of the caller."""
        self._published |= measures.keys()
        self._shared.publish(measures, self._caller.name)

    def retire(self) -> None:
        """Let the numbers that were published of the work disappear."""
        self._shared.publish(dict.fromkeys(self._published), self._caller.name)


def _read(call: _Call) -> Outcome:
    item = call.mail.popleft()
    if isinstance(item, BaseException):
        raise item
    return item
