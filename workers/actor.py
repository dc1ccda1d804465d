"""The actor that runs in every worker process of a Ray pool."""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from spikeloop.workers.base import Unavailable
from spikeloop.workers.evaluate import evaluate, rehearse, worker_name
from spikeloop.workers.fingerprint import fingerprint
from spikeloop.workers.job import Grid, Job, JobResult, Tile
from spikeloop.workers.processor import kernels


@dataclass(frozen=True)
class Payload:
    """The tiles of one message to a worker, with the grids they are cut from.

    Attributes:
        tiles: what to run: the number of the grid that a tile is cut from, and the tile.
        grids: by number, the grids that this worker may not have yet.
        beside: numbers of the grids that come as arguments of their own.
        forget: numbers of grids of which no tile will come any more.
    """

    tiles: tuple[tuple[int, Tile], ...]
    grids: Mapping[int, Grid]
    beside: tuple[int, ...] = ()
    forget: tuple[int, ...] = ()


class EpisodeWorker:
    """A worker process, which runs the tiles of one message after another.

    With several cores it runs several tiles at the same time, each in a thread, whatever message
    they came in. That pays for learners whose kernels release the interpreter's lock, as compiled
    ones do.

    A grid comes with the first of its tiles only, and is kept until a message says that it is not
    needed any more. Messages may overtake each other where calls run in threads.

    Args:
        import_path: folder of the user's own classes, or None. It is searched last, so that no
            file in it can stand in for a library.
        cores: tiles to run at the same time.
        work: name of the run, which Ray's dashboard shows beside the worker's name.
    """

    def __init__(self, import_path: str | None, cores: int = 1, work: str = "") -> None:
        self._work = work
        if import_path is not None:
            sys.path.append(import_path)
        self._own = None if import_path is None else Path(import_path)
        self._grids: dict[int, Grid] = {}
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(cores) if cores > 1 else None

    def __repr__(self) -> str:
        return f"{self._work or 'spikeloop'}: {worker_name()}"

    def hello(self) -> tuple[str, dict[str, str]]:
        """Return the name and the code of this process."""
        kernels()  # cached while everything can still be imported
        return worker_name(), fingerprint(self._own)

    def warm_up(self, *jobs: Job) -> None:
        """Run small jobs, so that imports and compilation are over; may raise Unavailable."""
        try:
            for job in jobs:
                rehearse(job)
        except Unavailable as error:
            raise Unavailable(f"worker {worker_name()}: {error}") from error

    def evaluate(self, payload: Payload, *large_grids: Grid) -> list[JobResult]:
        """Run the tiles of a message, and return one result for each."""
        brought = {**payload.grids, **dict(zip(payload.beside, large_grids, strict=True))}
        with self._lock:
            for number in payload.forget:
                self._grids.pop(number, None)
            self._grids |= brought
            jobs = [Job(self._grids[number], tile) for number, tile in payload.tiles]
        if self._threads is None:
            return [evaluate(job) for job in jobs]
        return list(self._threads.map(evaluate, jobs))
