"""The ledger of a pool: which work unit is where, and what follows when a worker is lost.

Pure bookkeeping in the spirit of dask.distributed's worker state machine: no Ray, no clock (time is
an argument), no input or output. The pool reports every event to the ledger and the ledger decides
what follows, so every failure is a unit test.

Several runs may be open at a time, each a call of the pool for some jobs. Their units wait in one
queue in the order of arrival, so none waits for more than what was asked for before it.

A job starts as one *work unit*, its whole tile. Units travel to a worker in *messages*: one unit
each for a worker with one core, more for one with several, which runs as many units at the same
time. A worker holds up to two units for each of its cores, so that no core waits for a message.

Retries. When a worker is lost with its whole node, its units wait again and none is suspected.
Otherwise the units that may have been running are suspected, and those behind them merely wait
again. A suspected unit is retried alone on another worker, with the very same seeds: first whole,
because machines fail too; then cut into single episodes, so that only a broken episode fails. An
episode fails when its last permitted start, which it had to itself, failed. The number of starts
depends on the reason: a death, or an error in transport, may be chance and allows ``max_attempts``
starts; an episode that takes too long will do so again with the same seeds, and gets two. A tile of
gradients is never cut, because its objective is not that of its episodes: it counts as one episode,
and its episodes fail together.

Stragglers. A worker that is slow or frozen reports nothing. So when nothing waits any more, a unit
that takes much longer than the others of its run is started a second time, on an idle worker. The
first result counts; the second is the same by construction and is dropped.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from statistics import median

from spikeloop.cluster.dispatch.work_units import (
    MESSAGES_PER_NODE,
    UNITS_PER_CORE,
    JobParts,
    Message,
    UnitRecord,
    WorkerLoad,
    WorkUnit,
)
from spikeloop.workers.evaluate import failed
from spikeloop.workers.job import JobResult, Outcome, Status, Tile

STRAGGLES = 3.0
"""A unit that takes this many times the median is copied, if it is among the last."""

Ended = tuple[int, Outcome]
"""The number of a run, and the outcome of one of its jobs."""

LOOK_EVERY_S = 0.1
"""Time between two searches for stragglers."""

MAX_NODE_LOSSES = 8
"""Losses of its node after which a unit is suspected of causing them."""


class Ledger:
    """The ledger of a pool over any number of workers that join and leave.

    Workers are numbers, never used twice. Seconds are of any steady clock.

    Args:
        timeout_s: seconds that a unit may take.
        max_attempts: starts of an episode that keeps losing its worker.
    """

    def __init__(self, timeout_s: float, max_attempts: int = 3) -> None:
        self.timeout_s = timeout_s
        self._max_starts = {**dict.fromkeys(Status, max_attempts), Status.TIMED_OUT: 2}
        self._workers: dict[int, WorkerLoad] = {}
        self._n_cores = 0
        self._run = 0
        self._jobs: dict[int, dict[int, JobParts]] = {}
        self._waiting: deque[WorkUnit] = deque()
        self._open: dict[WorkUnit, UnitRecord] = {}
        self._took_s: dict[int, list[float]] = {}
        self._looked = 0.0
        self.n_copies = 0

    @property
    def finished(self) -> bool:
        """Whether every job of every run has had its outcome."""
        return not self._open

    def is_open(self, run: int) -> bool:
        """Return whether a run has not ended and some of its jobs have no outcome yet."""
        return run in self._jobs

    @property
    def busy(self) -> list[int]:
        """Workers that hold messages, wanted or not."""
        return [number for number, worker in self._workers.items() if worker.messages]

    @property
    def n_in_flight(self) -> int:
        """Units that workers hold, wanted or not."""
        return sum(worker.held for worker in self._workers.values())

    @property
    def n_waiting(self) -> int:
        """Units in the queue."""
        return len(self._waiting)

    def begin(self, tiles: Sequence[Tile], whole: Sequence[bool] = ()) -> int:
        """Open a run of one job per tile beside those that are open, and return its number.

        Numbers of runs ascend. Tiles that are marked ``whole`` are never cut.
        """
        self._run += 1
        if tiles:
            self._jobs[self._run] = {job: JobParts(tile) for job, tile in enumerate(tiles)}
            self._took_s[self._run] = []
        keep = whole or [False] * len(tiles)
        units = [WorkUnit(self._run, job, tile, keep[job]) for job, tile in enumerate(tiles)]
        self._open |= {unit: UnitRecord(waiting=True) for unit in units}
        self._waiting.extend(units)
        return self._run

    def end(self, run: int) -> None:
        """Close a run, if it is open: what workers still do for it is unwanted from now on."""
        if run in self._jobs:
            self._forget(run)
            self._waiting = deque(unit for unit in self._waiting if unit.run != run)
            self._open = {unit: record for unit, record in self._open.items() if unit.run != run}

    def join(self, worker: int, cores: int = 1) -> None:
        """Add a worker that is ready for work."""
        assert worker not in self._workers, f"worker {worker} joined twice"
        self._workers[worker] = WorkerLoad(cores)
        self._n_cores += cores

    def assign(self, number: int, now: float) -> Message:
        """Return the message to send to this worker now; empty if there is none.

        What waits behind a long unit could have run elsewhere. So the last units, one per core,
        go to free cores only. Suspected units go to idle workers, each alone, so that no other
        unit is lost with them. A worker that is busy with unwanted units gets nothing behind them.
        """
        worker = self._workers[number]
        if not self._waiting:
            return ()
        scarce = len(self._waiting) <= self._n_cores
        room = worker.free if scarce else UNITS_PER_CORE * worker.cores - worker.held
        if room <= 0:
            return ()
        if worker.held and (self._suspect(self._waiting[0]) or not self._healthy(worker)):
            return ()
        n = min(room, max(1, worker.cores // MESSAGES_PER_NODE))
        message = self._take_waiting(number, n)
        if not message:
            return ()
        for unit in message:
            record = self._open[unit]
            self.n_copies += bool(record.holders)
            record.starts += 1
            record.sent = now
            record.holders.add(number)
        if not worker.messages:
            worker.since = now
        worker.messages.append(message)
        return message

    def copy_stragglers(self, now: float) -> None:
        """Queue a second copy of units that take much longer than the others did.

        Only once nothing else waits, and at most one for each free core. Suspected units are not
        copied: a copy of what kills its worker would kill two.
        """
        if self._waiting or not self._open or now < self._looked + LOOK_EVERY_S:
            return
        self._looked = now
        idle = sum(worker.free for worker in self._workers.values())
        limits = {
            run: now - STRAGGLES * median(took_s)
            for run, took_s in (self._took_s.items() if idle else ())
            if took_s
        }
        late = [
            unit
            for unit, record in (self._open.items() if limits else ())
            if len(record.holders) == 1
            and not record.suspicions
            and record.sent < limits.get(unit.run, -math.inf)
        ]
        late.sort(key=lambda unit: self._open[unit].sent)
        self._wait(late[:idle])

    def overdue(self, now: float) -> list[int]:
        """Return the workers whose oldest message has exceeded its time.

        On several cores it may have waited for a unit of the message before it.
        """
        return [
            number
            for number, worker in self._workers.items()
            if worker.messages
            and now - worker.since > self.timeout_s * (1 if worker.cores == 1 else UNITS_PER_CORE)
        ]

    def done(
        self, number: int, message: Message, results: Sequence[JobResult], now: float
    ) -> list[Ended]:
        """Record the results of a message; those that are not wanted any more are dropped."""
        worker = self._workers[number]
        # On one core a message waits for the one before it; on several they run side by side.
        begun = worker.since if worker.cores == 1 else 0.0
        worker.finish(message, now)
        outcomes: list[Ended] = []
        for unit, result in zip(message, results, strict=True):
            if unit in self._open:
                self._took_s[unit.run].append(now - max(begun, self._open[unit].sent))
                outcomes += self._close(unit, result)
        return outcomes

    def error(
        self, number: int, message: Message, text: str, traceback: str, now: float
    ) -> list[Ended]:
        """Record that a worker could not do a message, for example not send its results."""
        self._workers[number].finish(message, now)
        return self._again(number, message, Status.RAISED, text, traceback)

    def lost(self, number: int, status: Status, text: str, with_node: bool = False) -> list[Ended]:
        """Remove a worker that is gone, or that never joined.

        Episodes that may not start again have this status, and this line as the reason. Where a
        worker was lost with its whole node, no unit is suspected.
        """
        worker = self._workers.pop(number, None)
        if worker is None:
            return []
        self._n_cores -= worker.cores
        messages = list(worker.messages)
        # On one core the second unit has not begun; on several it may have. But what was too late
        # is the first message only.
        one_core = worker.cores == 1
        n_suspected = 1 if one_core or status == Status.TIMED_OUT else len(messages)
        for message in reversed(messages[n_suspected:]):
            self._take_back(number, message, begun=not one_core)
        suspected = [unit for message in messages[:n_suspected] for unit in message]
        return self._again(number, suspected, status, text, with_node=with_node)

    def _suspect(self, unit: WorkUnit) -> bool:
        return bool(self._open[unit].suspicions)

    def _healthy(self, worker: WorkerLoad) -> bool:
        """Return whether a worker holds something wanted, and no suspected unit."""
        held = (unit for message in worker.messages for unit in message)
        records = [self._open[unit] for unit in held if unit in self._open]
        return bool(records) and not any(record.suspicions for record in records)

    def _take_waiting(self, number: int, n: int) -> Message:
        """Take at most ``n`` waiting units: a suspected one alone, else those in front of the next.

        A copy of what this worker holds itself ends the message too.
        """
        message: list[WorkUnit] = []
        while self._waiting and len(message) < n:
            suspect = self._suspect(self._waiting[0])
            if (suspect and message) or number in self._open[self._waiting[0]].holders:
                break
            message.append(self._waiting.popleft())
            self._open[message[-1]].waiting = False
            if suspect:
                break
        return tuple(message)

    def _wait(self, units: Iterable[WorkUnit], first: bool = False) -> None:
        """Queue units that are not queued yet; in front of all others if they are late."""
        new = [unit for unit in units if not self._open[unit].waiting]
        for unit in new:
            self._open[unit].waiting = True
        if first:
            self._waiting.extendleft(reversed(new))
        else:
            self._waiting.extend(new)

    def _take_back(self, number: int, message: Message, begun: bool) -> None:
        """Queue the units of a message again that are not suspected.

        If the worker may have begun them, that counts as a start.
        """
        wanted = [unit for unit in message if unit in self._open]
        for unit in wanted:
            self._open[unit].starts -= not begun
            self._open[unit].holders.discard(number)
        self._wait((unit for unit in wanted if not self._open[unit].holders), first=True)

    def _again(
        self,
        number: int,
        units: Sequence[WorkUnit],
        status: Status,
        text: str,
        traceback: str = "",
        with_node: bool = False,
    ) -> list[Ended]:
        """Give units that a worker had begun another start, whole or cut, or let them fail.

        Where a copy of a unit still runs elsewhere, that is its other start.
        """
        outcomes: list[Ended] = []
        again: list[WorkUnit] = []
        for unit in units:
            record = self._open.get(unit)
            if record is None:
                continue
            record.holders.discard(number)
            cleared = with_node and record.node_losses < MAX_NODE_LOSSES
            if cleared:
                record.node_losses += 1
            else:
                record.suspicions[status] += 1
            alone = unit.atomic and len(units) == 1
            if record.holders:
                continue
            if cleared or record.suspicions[status] + (not alone) < self._max_starts[status]:
                again.append(unit)
            elif alone:
                outcomes += self._close(unit, failed(unit.tile, status, text, traceback))
            else:
                again += self._cut(unit)
        self._wait(again, first=True)
        return outcomes

    def _cut(self, unit: WorkUnit) -> list[WorkUnit]:
        """Replace a unit by its single episodes, unless it is atomic, and return these."""
        if unit.atomic:
            return [unit]
        record = self._remove(unit)
        episodes = [WorkUnit(unit.run, unit.job, tile) for tile in unit.tile.episodes()]
        for episode in episodes:
            self._open[episode] = UnitRecord(
                record.starts, record.suspicions.copy(), record.node_losses
            )
        return episodes

    def _close(self, unit: WorkUnit, result: JobResult) -> list[Ended]:
        """Record a part, and return the outcome if it was the last one of its job."""
        record = self._remove(unit)
        jobs = self._jobs[unit.run]
        joined = jobs[unit.job].add(record.starts, result)
        if joined is None:
            return []
        del jobs[unit.job]
        if not jobs:
            self._forget(unit.run)
        return [(unit.run, Outcome(unit.job, *joined))]

    def _forget(self, run: int) -> None:
        """Forget a run, of which no unit is open any more, or none is wanted."""
        del self._jobs[run], self._took_s[run]

    def _remove(self, unit: WorkUnit) -> UnitRecord:
        """Forget a unit, and its copy that has not been sent."""
        record = self._open.pop(unit)
        if record.waiting:
            self._waiting.remove(unit)
        return record
