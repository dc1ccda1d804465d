"""The book of one run of a pool: which piece of work is where, and what becomes of it.

Pure bookkeeping in the spirit of dask.distributed's worker state machine: no Ray, no clock (time is
an argument), no input or output. Whatever happens to a worker is told to the ledger, and the ledger
says what follows, so every failure is a unit test.

A job starts as one *piece*, its whole tile, and every worker holds a short queue of pieces; only
the first one runs. Who is to blame when a worker is lost? The piece that was running; those behind
it merely wait again. The suspect is tried again, alone on another worker, with the very same seeds:
first whole, because machines fail too; then cut into single lives, so that only a broken life
fails. A life fails when its last permitted start failed, and that one it had to itself. How often
it may start depends on the reason: a death may be bad luck and gets ``max_attempts`` starts; a life
that takes too long, which with the same seeds it will do again, gets two; and an error gets no
second start of its own.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from spikeloop.workers.evaluate import assemble, failed
from spikeloop.workers.job import JobResult, Outcome, Status, Tile


@dataclass(frozen=True)
class Piece:
    """A job's tile or, after a failure, one life of it.

    Attributes:
        job: position of the job in the sequence given to the pool.
        attempt: how often its lives have been started when it runs, this time included.
    """

    job: int
    tile: Tile
    attempt: int = 1

    @property
    def suspect(self) -> bool:
        """Whether something went wrong with it before."""
        return self.attempt > 1


class Ledger:
    """Books of the jobs of one call, over any number of workers that come and go.

    Workers are numbers, never used twice. Seconds are of any steady clock.
    """

    def __init__(
        self, tiles: Sequence[Tile], timeout_s: float, max_attempts: int = 3, max_in_flight: int = 2
    ) -> None:
        self._tiles = tiles
        self._timeout_s = timeout_s
        self._max_in_flight = max_in_flight
        self._max_starts = {
            Status.RAISED: 1,
            Status.TIMED_OUT: 2,
            Status.WORKER_DIED: max_attempts,
            Status.OUT_OF_MEMORY: max_attempts,
        }
        self._waiting = deque(Piece(job, tile) for job, tile in enumerate(tiles))
        self._queues: dict[int, deque[Piece]] = {}
        self._head_since: dict[int, float] = {}
        self._parts: list[list[tuple[Piece, JobResult]]] = [[] for _ in tiles]
        self._n_open = len(tiles)

    @property
    def finished(self) -> bool:
        """Whether every job has had its outcome."""
        return self._n_open == 0

    @property
    def busy(self) -> list[int]:
        """Workers with something to do."""
        return [worker for worker, queue in self._queues.items() if queue]

    def join(self, worker: int) -> None:
        """A worker is ready for work."""
        assert worker not in self._queues, f"worker {worker} joined twice"
        self._queues[worker] = deque()

    def assign(self, worker: int, now: float) -> Piece | None:
        """The piece to send to this worker now, or None.

        Queues hide the time a message takes, but what waits behind a long piece could have run
        elsewhere. So the last pieces, one per worker, go to idle workers only; suspects always do,
        so that they take nobody down with them.
        """
        queue = self._queues[worker]
        if not self._waiting or len(queue) >= self._max_in_flight:
            return None
        scarce = len(self._waiting) <= len(self._queues)
        if queue and (scarce or queue[0].suspect or self._waiting[0].suspect):
            return None
        piece = self._waiting.popleft()
        queue.append(piece)
        if len(queue) == 1:
            self._head_since[worker] = now
        return piece

    def overdue(self, now: float) -> list[int]:
        """Workers whose running piece has exceeded its time."""
        return [w for w, since in self._head_since.items() if now - since > self._timeout_s]

    def done(self, worker: int, piece: Piece, result: JobResult, now: float) -> list[Outcome]:
        """A worker finished a piece. Anything not expected from it is a late duplicate: dropped."""
        return self._close(piece, result) if self._take(worker, piece, now) else []

    def error(
        self, worker: int, piece: Piece, message: str, traceback: str, now: float
    ) -> list[Outcome]:
        """A worker lives on but could not do a piece, for example could not send its result."""
        if not self._take(worker, piece, now):
            return []
        return self._again(piece, Status.RAISED, message, traceback)

    def lost(self, worker: int, status: Status, message: str) -> list[Outcome]:
        """A worker is gone and will not be heard of again; a second notice changes nothing."""
        queue = self._queues.pop(worker, None)
        self._head_since.pop(worker, None)
        if not queue:
            return []
        suspect = queue.popleft()
        self._wait_first(queue)
        return self._again(suspect, status, message)

    def _take(self, worker: int, piece: Piece, now: float) -> bool:
        """Removes a piece from a worker's queue; the clock of the next one starts with it."""
        queue = self._queues.get(worker, deque())
        if piece not in queue:
            return False
        was_running = queue[0] == piece
        queue.remove(piece)
        if was_running:
            del self._head_since[worker]
            if queue:
                self._head_since[worker] = now
        return True

    def _again(
        self, piece: Piece, status: Status, message: str, traceback: str = ""
    ) -> list[Outcome]:
        """Another start for a suspect, whole or in single lives, or its end."""
        alone = piece.tile.n_lives == 1
        if alone and piece.attempt >= self._max_starts[status]:
            return self._close(piece, failed(piece.tile, status, message, traceback))
        whole = alone or piece.attempt + 1 < self._max_starts[status]
        tiles = [piece.tile] if whole else piece.tile.lives()
        self._wait_first([Piece(piece.job, tile, piece.attempt + 1) for tile in tiles])
        return []

    def _wait_first(self, pieces: Iterable[Piece]) -> None:
        """Puts pieces in front of all that wait: what was late already should not end last."""
        self._waiting.extendleft(reversed(list(pieces)))

    def _close(self, piece: Piece, result: JobResult) -> list[Outcome]:
        """Books a part; the outcome if it was the last one of its job."""
        tile, parts = self._tiles[piece.job], self._parts[piece.job]
        parts.append((piece, result))
        if sum(part.tile.n_lives for part, _ in parts) < tile.n_lives:
            return []
        self._n_open -= 1
        attempts = np.empty(tile.shape, dtype=np.int64)
        for part, _ in parts:
            attempts[part.tile.within(tile)] = part.attempt
        whole = piece.tile == tile
        joined = result if whole else assemble(tile, [part_result for _, part_result in parts])
        parts.clear()
        return [Outcome(piece.job, joined, attempts)]
