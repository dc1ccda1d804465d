"""The book of a pool: which piece of work is where, and what becomes of it.

Pure bookkeeping in the spirit of dask.distributed's worker state machine: no Ray, no clock (time is
an argument), no input or output. Whatever happens to a worker is told to the ledger, and the ledger
says what follows, so every failure is a unit test.

A job starts as one *piece*, its whole tile. Pieces travel to a worker in *messages*: one piece each
for a worker with one core, more for one with several, which runs as many pieces at the same time.
A worker holds up to two pieces for each of its cores, so that no core waits for the next message.

Who is to blame when a worker is lost? If its node went with it, nobody. Else the pieces that may
have been running; those behind them merely wait again. A suspect is tried again, alone on another
worker, with the very same seeds: first whole, because machines fail too; then cut into single
episodes, so that only a broken episode fails. An episode fails when its last permitted start
failed, and that one it had to itself. How often it may start is counted by reason: a death, or an
error on the way, may be bad luck and gets ``max_attempts`` starts; an episode that takes too long,
which with the same seeds it will do again, gets two. A tile of gradients is never cut, because its
objective is not that of its episodes: it counts as one episode, and its episodes fail together.

A worker that is slow or frozen says nothing. So when nothing waits any more, a piece that takes
much longer than the others is started a second time, on an idle worker. The first result counts;
the second is the same by construction and is dropped.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from spikeloop.cluster.dispatch.work_units import (
    MESSAGES_PER_NODE,
    PIECES_PER_CORE,
    Load,
    Message,
    Piece,
    Progress,
)
from spikeloop.workers.evaluate import assemble, failed
from spikeloop.workers.job import JobResult, Outcome, Status, Tile

STRAGGLES = 3.0
"""A piece that takes so many times the median gets a second copy, if it is among the last."""

LOOK_EVERY_S = 0.1
"""How often stragglers are looked for."""

MAX_NODE_LOSSES = 8
"""So often a piece may lose its node before it is suspected of bringing nodes down."""


class Ledger:
    """Books of a pool over any number of workers that come and go.

    Workers are numbers, never used twice. Seconds are of any steady clock.

    Args:
        timeout_s: seconds that a piece may take.
        max_attempts: starts of an episode that keeps losing its worker.
    """

    def __init__(self, timeout_s: float, max_attempts: int = 3) -> None:
        self._timeout_s = timeout_s
        self._max_starts = {
            Status.TIMED_OUT: 2,
            Status.RAISED: max_attempts,
            Status.WORKER_DIED: max_attempts,
            Status.OUT_OF_MEMORY: max_attempts,
        }
        self._workers: dict[int, Load] = {}
        self._n_cores = 0
        self._run = 0
        self._tiles: Sequence[Tile] = ()
        self._parts: list[list[tuple[int, JobResult]]] = []
        self._waiting: deque[Piece] = deque()
        self._open: dict[Piece, Progress] = {}
        self._n_jobs_open = 0
        self._took_s: list[float] = []
        self._looked = 0.0
        self.n_copies = 0

    @property
    def finished(self) -> bool:
        """Whether every job of this run has had its outcome."""
        return self._n_jobs_open == 0

    @property
    def busy(self) -> list[int]:
        """Workers with something to do, wanted or not."""
        return [number for number, worker in self._workers.items() if worker.messages]

    @property
    def n_in_flight(self) -> int:
        """Pieces that workers hold, wanted or not."""
        return sum(worker.held for worker in self._workers.values())

    @property
    def n_waiting(self) -> int:
        """Pieces in line."""
        return len(self._waiting)

    def begin(self, tiles: Sequence[Tile], whole: Sequence[bool] = ()) -> int:
        """Opens a run of one job per tile, and gives its number.

        What workers still do for an earlier one is unwanted from now on.

        Args:
            tiles: of the jobs.
            whole: of each, whether it must not be cut; by default none.
        """
        self._run += 1
        self._tiles = tiles
        self._parts = [[] for _ in tiles]
        self._waiting = deque(
            Piece(self._run, job, tile, keep)
            for job, (tile, keep) in enumerate(
                zip(tiles, whole or [False] * len(tiles), strict=True)
            )
        )
        self._open = {piece: Progress(waiting=True) for piece in self._waiting}
        self._n_jobs_open = len(tiles)
        self._took_s = []
        return self._run

    def end(self, run: int) -> None:
        """Closes a run, unless another has begun since."""
        if run == self._run:
            self.begin([])

    def join(self, worker: int, cores: int = 1) -> None:
        """A worker is ready for work."""
        assert worker not in self._workers, f"worker {worker} joined twice"
        self._workers[worker] = Load(cores)
        self._n_cores += cores

    def assign(self, number: int, now: float) -> Message:
        """The message to send to this worker now; empty if there is none.

        What waits behind a long piece could have run elsewhere. So the last pieces, one per core,
        go to free cores only. Suspects go to idle workers, each alone, so that they take nobody
        down with them. A worker that is busy with unwanted pieces gets nothing behind them.
        """
        worker = self._workers[number]
        self._drop_unwanted()
        if not self._waiting:
            return ()
        scarce = len(self._waiting) <= self._n_cores
        room = worker.free if scarce else PIECES_PER_CORE * worker.cores - worker.held
        if room <= 0:
            return ()
        if worker.held and (self._suspect(self._waiting[0]) or not self._healthy(worker)):
            return ()
        n = min(room, max(1, worker.cores // MESSAGES_PER_NODE))
        message = self._take_waiting(number, n)
        if not message:
            return ()
        for piece in message:
            record = self._open[piece]
            self.n_copies += bool(record.holders)
            record.starts += 1
            record.sent = now
            record.holders.add(number)
        worker.messages.append(message)
        if not worker.held:
            worker.since = now
        worker.held += len(message)
        return message

    def copy_stragglers(self, now: float) -> None:
        """Lets pieces wait a second time that take much longer than the others did.

        Only once nothing else waits, and so many as there are free cores. Suspects are left alone:
        a copy of what kills its worker would kill two.
        """
        if self._waiting or not self._took_s or now < self._looked + LOOK_EVERY_S:
            return
        self._looked = now
        idle = sum(worker.free for worker in self._workers.values())
        limit = now - STRAGGLES * median(self._took_s)
        late = [
            (record.sent, piece)
            for piece, record in (self._open.items() if idle else ())
            if len(record.holders) == 1 and not record.blame and record.sent < limit
        ]
        late.sort(key=lambda one: one[0])
        self._wait(piece for _, piece in late[:idle])

    def overdue(self, now: float) -> list[int]:
        """Workers whose oldest message has exceeded its time.

        On several cores it may have waited for a piece of the message before it.
        """
        return [
            number
            for number, worker in self._workers.items()
            if worker.held
            and now - worker.since > self._timeout_s * (1 if worker.cores == 1 else PIECES_PER_CORE)
        ]

    def done(
        self, number: int, message: Message, results: Sequence[JobResult], now: float
    ) -> list[Outcome]:
        """A worker finished a message. What is not expected any more is dropped."""
        worker = self._workers.get(number)
        # On one core a message waits for the one before it; on several they run side by side.
        begun = worker.since if worker is not None and worker.cores == 1 else 0.0
        if not self._take(number, message, now):
            return []
        outcomes: list[Outcome] = []
        for piece, result in zip(message, results, strict=True):
            if piece in self._open:
                self._took_s.append(now - max(begun, self._open[piece].sent))
                outcomes += self._close(piece, result)
        return outcomes

    def error(
        self, number: int, message: Message, text: str, traceback: str, now: float
    ) -> list[Outcome]:
        """A worker stays alive but could not do a message, for example not send its results."""
        if not self._take(number, message, now):
            return []
        return self._again(number, message, Status.RAISED, text, traceback)

    def lost(
        self, number: int, status: Status, text: str, with_node: bool = False
    ) -> list[Outcome]:
        """A worker is gone and will not be heard of again; a second notice changes nothing.

        Args:
            number: of the worker.
            status: what episodes are reported as that may not start again.
            text: why, in one line.
            with_node: whether its whole node went, which is no piece's fault.
        """
        worker = self._workers.pop(number, None)
        if worker is None:
            return []
        self._n_cores -= worker.cores
        messages = list(worker.messages)
        # On one core the second piece has not begun; on several it may have. But what was too late
        # is the first message only.
        alone = worker.cores == 1
        n_blamed = 1 if alone or status == Status.TIMED_OUT else len(messages)
        for message in reversed(messages[n_blamed:]):
            self._take_back(number, message, begun=not alone)
        blamed = [piece for message in messages[:n_blamed] for piece in message]
        return self._again(number, blamed, status, text, with_node=with_node)

    def _suspect(self, piece: Piece) -> bool:
        return bool(self._open[piece].blame)

    def _healthy(self, worker: Load) -> bool:
        """Whether it holds something wanted, and nothing that may take it down."""
        held = (piece for message in worker.messages for piece in message)
        records = [self._open[piece] for piece in held if piece in self._open]
        return bool(records) and not any(record.blame for record in records)

    def _drop_unwanted(self) -> None:
        """Forgets copies that wait although the first result has come."""
        while self._waiting and self._waiting[0] not in self._open:
            self._waiting.popleft()

    def _take_waiting(self, number: int, n: int) -> Message:
        """At most ``n`` waiting pieces: a suspect alone, else others up to the next suspect.

        And up to a copy of what this worker holds itself.
        """
        message: list[Piece] = []
        while self._waiting and len(message) < n:
            suspect = self._suspect(self._waiting[0])
            if (suspect and message) or number in self._open[self._waiting[0]].holders:
                break
            message.append(self._waiting.popleft())
            self._open[message[-1]].waiting = False
            if suspect:
                break
            self._drop_unwanted()
        return tuple(message)

    def _wait(self, pieces: Iterable[Piece], first: bool = False) -> None:
        """Lets pieces wait, unless they do; in front of all others if they are late already."""
        new = [piece for piece in pieces if not self._open[piece].waiting]
        for piece in new:
            self._open[piece].waiting = True
        if first:
            self._waiting.extendleft(reversed(new))
        else:
            self._waiting.extend(new)

    def _take(self, number: int, message: Message, now: float) -> bool:
        """Removes a message from a worker; the clock of the next one starts with it."""
        worker = self._workers.get(number)
        if worker is None or message not in worker.messages:
            return False
        if worker.messages[0] == message:
            worker.since = now
        worker.messages.remove(message)
        worker.held -= len(message)
        return True

    def _take_back(self, number: int, message: Message, begun: bool) -> None:
        """Lets pieces wait again that are not to blame, whether or not a worker had begun them."""
        wanted = [piece for piece in message if piece in self._open]
        for piece in wanted:
            self._open[piece].starts -= not begun
            self._open[piece].holders.discard(number)
        self._wait((piece for piece in wanted if not self._open[piece].holders), first=True)

    def _again(
        self,
        number: int,
        pieces: Sequence[Piece],
        status: Status,
        text: str,
        traceback: str = "",
        with_node: bool = False,
    ) -> list[Outcome]:
        """Start pieces again that a worker had begun, whole or in single episodes, or end them.

        Where a copy of a piece still runs elsewhere, that is its other start.
        """
        outcomes: list[Outcome] = []
        again: list[Piece] = []
        for piece in pieces:
            record = self._open.get(piece)
            if record is None:
                continue
            record.holders.discard(number)
            blameless = with_node and record.node_losses < MAX_NODE_LOSSES
            if blameless:
                record.node_losses += 1
            else:
                record.blame[status] += 1
            alone = piece.atomic and len(pieces) == 1
            if record.holders:
                continue
            if blameless or record.blame[status] + (not alone) < self._max_starts[status]:
                again.append(piece)
            elif alone:
                outcomes += self._close(piece, failed(piece.tile, status, text, traceback))
            else:
                again += self._cut(piece)
        self._wait(again, first=True)
        return outcomes

    def _cut(self, piece: Piece) -> list[Piece]:
        """The single episodes of a piece, which take its place; what is atomic stays what it is."""
        if piece.atomic:
            return [piece]
        record = self._open.pop(piece)
        episodes = [Piece(piece.run, piece.job, tile) for tile in piece.tile.episodes()]
        for episode in episodes:
            self._open[episode] = Progress(record.starts, record.blame.copy(), record.node_losses)
        return episodes

    def _close(self, piece: Piece, result: JobResult) -> list[Outcome]:
        """Books a part; the outcome if it was the last one of its job."""
        starts = self._open.pop(piece).starts
        tile, parts = self._tiles[piece.job], self._parts[piece.job]
        parts.append((starts, result))
        if sum(part.tile.n_episodes for _, part in parts) < tile.n_episodes:
            return []
        self._n_jobs_open -= 1
        attempts = np.empty(tile.shape, dtype=np.int64)
        for part_starts, part in parts:
            attempts[part.tile.within(tile)] = part_starts
        whole = piece.tile == tile
        joined = result if whole else assemble(tile, [part for _, part in parts])
        parts.clear()
        return [Outcome(piece.job, joined, attempts)]
