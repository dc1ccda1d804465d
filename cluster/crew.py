"""The Ray actors behind a pool: started, warmed up, spoken to, and replaced when they are gone.

A crew knows processes and messages, nothing of jobs' fates: that is the ledger's. Its news are
small values, so that the loop that joins the two is short.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray import exceptions

from spikeloop.cluster.ledger import Piece
from spikeloop.cluster.pool import PoolError
from spikeloop.workers.actor import LifeWorker, Order
from spikeloop.workers.fingerprint import difference, fingerprint
from spikeloop.workers.job import Grid, Job, JobResult, Status

MAX_FAILED_STARTS = 3
"""So many workers in a row may fail to start before the pool gives up."""

MAX_INLINE_BYTES = 100_000
"""A larger population goes through Ray's object store, once for all workers."""


@dataclass(frozen=True)
class Ready:
    """A worker is warm and waits for work."""

    worker: int


@dataclass(frozen=True)
class Done:
    """A worker finished a piece."""

    worker: int
    piece: Piece
    result: JobResult


@dataclass(frozen=True)
class Broke:
    """A worker lives on but could not do a piece: our own code or the transport raised."""

    worker: int
    piece: Piece
    message: str
    traceback: str


@dataclass(frozen=True)
class Lost:
    """A worker is gone."""

    worker: int
    status: Status
    message: str


News = Ready | Done | Broke | Lost


@dataclass
class _Member:
    """One actor, and what is under way with it."""

    actor: Any
    hello: Any
    deadline: float
    warm_up: Any = None
    ready: bool = False
    pieces: dict[Any, Piece] = field(default_factory=dict)
    grids: set[int] = field(default_factory=set)

    @property
    def refs(self) -> list[Any]:
        if self.ready:
            return list(self.pieces)
        return [self.hello if self.warm_up is None else self.warm_up]


class Crew:
    """A fixed number of workers, each one Ray actor with one core.

    Args:
        size: number of workers.
        warm_up: the job each worker does before it is ready.
        warm_up_timeout_s: for starting, and again for the warm-up job.
        import_path: folder of the user's own classes on the workers, or None.
    """

    def __init__(
        self, size: int, warm_up: Job, warm_up_timeout_s: float, import_path: str | None
    ) -> None:
        self.n_replaced = 0
        self.size = size
        self._warm_up: Job | None = warm_up
        self._warm_up_timeout_s = warm_up_timeout_s
        self._import_path = import_path
        self._own = None if import_path is None else Path(import_path)
        # Ray's own restarts and retries are off: who is tried again, where, is the ledger's affair.
        self._actor_class: Any = ray.remote(LifeWorker).options(
            num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=1
        )
        self._members: dict[int, _Member] = {}
        self._next_worker = 0
        self._failed_starts = 0
        self._failed_warm_ups = 0
        self._run = 0
        self._grids: list[tuple[Grid, Any]] = []

    @property
    def ready(self) -> list[int]:
        """Workers that can be given pieces."""
        return [worker for worker, member in self._members.items() if member.ready]

    @property
    def complete(self) -> bool:
        """Whether all workers are ready."""
        return len(self.ready) == self.size

    def fill(self, now: float) -> None:
        """Starts a worker for each one that is missing."""
        while len(self._members) < self.size:
            actor = self._actor_class.remote(self._import_path)
            self._members[self._next_worker] = _Member(
                actor, actor.hello.remote(), now + self._warm_up_timeout_s
            )
            self._next_worker += 1

    def begin_run(self) -> None:
        """Forgets the grids of the last run, here and, with the next piece, on the workers."""
        self._run += 1
        self._grids.clear()
        for member in self._members.values():
            member.grids.clear()

    def send(self, worker: int, piece: Piece, job: Job) -> None:
        """Sends a piece of a job to a ready worker."""
        member = self._members[worker]
        number, reference = self._number(job.grid)
        new = number not in member.grids
        inline = job.grid if new and reference is None else None
        order = Order(self._run, number, inline, piece.tile, job.name)
        beside = [reference] if new and reference is not None else []
        # One argument, because Ray packs each on its own. The name is what its dashboard shows.
        call = member.actor.evaluate.options(name=job.name or "job").remote(order, *beside)
        member.grids.add(number)
        member.pieces[call] = piece

    def news(self, timeout_s: float) -> list[News]:
        """Waits for something to happen, at most ``timeout_s``, and tells all that has."""
        owners = {ref: worker for worker, m in self._members.items() for ref in m.refs}
        if not owners:
            time.sleep(timeout_s)
            return []
        refs = list(owners)
        happened, rest = ray.wait(refs, num_returns=1, timeout=timeout_s)
        if rest and happened:
            happened += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        news: list[News] = []
        for ref in happened:
            if owners[ref] in self._members:  # else lost by an earlier piece of news
                news += self._read(owners[ref], ref)
        for worker, member in list(self._members.items()):
            if not member.ready and time.monotonic() > member.deadline:
                news.append(self._start_failed(worker, Status.TIMED_OUT, "took too long to start"))
        return news

    def dismiss(self, worker: int) -> None:
        """Kills a worker; nothing more will be heard of it."""
        member = self._members.pop(worker, None)
        if member is not None:
            ray.kill(member.actor, no_restart=True)
            self.n_replaced += member.ready

    def close(self) -> None:
        """Kills all workers."""
        for worker in list(self._members):
            ray.kill(self._members.pop(worker).actor, no_restart=True)
        self._grids.clear()

    def _number(self, grid: Grid) -> tuple[int, Any]:
        """A grid's number in this run, and a reference to it in Ray's object store if large."""
        for number, (known, reference) in enumerate(self._grids):
            if known is grid:
                return number, reference
        large = grid.population.nbytes > MAX_INLINE_BYTES
        self._grids.append((grid, ray.put(grid) if large else None))
        return len(self._grids) - 1, self._grids[-1][1]

    def _read(self, worker: int, ref: Any) -> list[News]:
        """What one finished call means."""
        member = self._members[worker]
        try:
            value = ray.get(ref)
        except (exceptions.RuntimeEnvSetupError, exceptions.ActorUnschedulableError) as error:
            raise PoolError(f"Ray cannot set up a worker: {_first_line(error)}") from error
        except exceptions.RayTaskError as error:
            return [self._raised(worker, ref, error)]
        except exceptions.OutOfMemoryError:
            return [self._gone(worker, Status.OUT_OF_MEMORY, "the worker ran out of memory")]
        except exceptions.RayError as error:
            started = not getattr(error, "actor_init_failed", False)
            reason = "the worker process died" if started else _last_line(error)
            return [self._gone(worker, Status.WORKER_DIED, reason)]
        if member.ready:
            return [Done(worker, member.pieces.pop(ref), value)]
        if ref == member.hello:
            self._check(*value)
            if self._warm_up is not None:
                member.warm_up = member.actor.warm_up.remote(self._warm_up)
                member.deadline = time.monotonic() + self._warm_up_timeout_s
                return []
        else:
            self._failed_warm_ups = 0
        member.ready = True
        self._failed_starts = 0
        return [Ready(worker)]

    def _check(self, name: str, theirs: dict[str, str]) -> None:
        differs = difference(fingerprint(self._own), theirs)
        if differs:
            raise PoolError(
                f"worker {name} runs other code than this process: {differs}; "
                "install the same on all machines, and do not edit it while a run goes on"
            )

    def _raised(self, worker: int, ref: Any, error: Exception) -> News:
        member = self._members[worker]
        if not member.ready:
            raise PoolError(
                f"a worker cannot take jobs: {_last_line(error)}; "
                "its code and the folder of your own classes must be importable there"
            ) from error
        member.grids.clear()  # what broke may have been the arrival of one
        return Broke(worker, member.pieces.pop(ref), _last_line(error), str(error))

    def _gone(self, worker: int, status: Status, reason: str) -> News:
        if self._members[worker].ready:
            self.dismiss(worker)
            return Lost(worker, status, reason)
        return self._start_failed(worker, status, reason)

    def _start_failed(self, worker: int, status: Status, reason: str) -> News:
        """A worker that never got ready. Decides whether it makes sense to try again.

        A learner that kills its process does so in the warm-up life too. That is no fault of the
        pool, and the lives of the run will say it best, so warming up is given up after two deaths
        in a row. A learner that hangs in it would hang in every life; that is said at once.
        """
        member = self._members[worker]
        self.dismiss(worker)
        if member.warm_up is None:
            self._failed_starts += 1
            if status == Status.TIMED_OUT or self._failed_starts >= MAX_FAILED_STARTS:
                raise PoolError(
                    f"no worker can be started, {self._failed_starts} failed in a row: {reason}; "
                    "run `spikeloop doctor`, or look into /tmp/ray/session_latest/logs"
                )
        elif status == Status.TIMED_OUT:
            raise PoolError(
                f"one life at the default parameters took longer than {self._warm_up_timeout_s:g} "
                "s in the warm-up: the learner hangs, or raise warm_up_timeout_s in [target]"
            )
        else:
            self._failed_warm_ups += 1
            if self._failed_warm_ups >= 2:
                self._warm_up = None
        return Lost(worker, status, reason)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _last_line(error: Exception) -> str:
    """A ``RayTaskError`` is the remote traceback, whose last line is the error itself."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
