"""What runs in every worker process of a Ray pool."""

import sys
from dataclasses import dataclass
from pathlib import Path

from spikeloop.workers.evaluate import evaluate, worker_name
from spikeloop.workers.fingerprint import fingerprint
from spikeloop.workers.job import Grid, Job, JobResult, Tile


@dataclass(frozen=True)
class Order:
    """One message to a worker: live this tile.

    Attributes:
        run: which call of the pool's ``run`` this belongs to.
        grid_number: which of that run's grids the tile is cut from.
        grid: the grid itself, the first time this worker meets it, unless it comes beside.
        tile: what to live.
        name: of the job.
    """

    run: int
    grid_number: int
    grid: Grid | None
    tile: Tile
    name: str


class LifeWorker:
    """One worker process: it lives tiles, one after another.

    A grid comes with the first of its tiles only, and is kept until tiles of another run of the
    pool arrive.

    Args:
        import_path: folder of the user's own classes, or None. It is searched last, so that no
            file in it can stand in for a library.
    """

    def __init__(self, import_path: str | None) -> None:
        if import_path is not None:
            sys.path.append(import_path)
        self._own = None if import_path is None else Path(import_path)
        self._run = -1
        self._grids: dict[int, Grid] = {}

    def hello(self) -> tuple[str, dict[str, str]]:
        """Name and code of this process."""
        return worker_name(), fingerprint(self._own)

    def warm_up(self, job: Job) -> None:
        """Does a small job, so that imports and compilation are over."""
        evaluate(job)

    def evaluate(self, order: Order, large_grid: Grid | None = None) -> JobResult:
        """Lives a tile.

        Args:
            order: which one.
            large_grid: a grid that took the way through Ray's object store.
        """
        if order.run != self._run:
            self._run, self._grids = order.run, {}
        grid = order.grid if large_grid is None else large_grid
        if grid is not None:
            self._grids[order.grid_number] = grid
        return evaluate(Job(self._grids[order.grid_number], order.tile, order.name))
