"""Packs messages: a grid travels once to each worker, a large one once for all."""

from collections.abc import Sequence
from typing import Any

from spikeloop.cluster.dispatch.actors import Actors
from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.workers.actor import Payload
from spikeloop.workers.job import Grid, Job, Tile

MAX_INLINE_BYTES = 100_000
"""A larger population goes through the cluster's object store, once for all workers."""


class MessagePacker:
    """Numbers the grids of a run and packs its messages."""

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._run = 0
        self._grids: list[tuple[Grid, Any]] = []

    def begin_run(self) -> None:
        """Forget the grids of the last run."""
        self._run += 1
        self._grids.clear()

    def pack(
        self, message: Message, jobs: Sequence[Job], known: set[int]
    ) -> tuple[Payload, list[Any]]:
        """Pack a message for a worker that has the ``known`` grids.

        Returns:
            The payload, and references to the shared grids that go beside it.
        """
        tiles: list[tuple[int, Tile]] = []
        inline: dict[int, Grid] = {}
        shared: dict[int, Any] = {}
        for unit in message:
            grid = jobs[unit.job].grid
            number, reference = self._number(grid)
            tiles.append((number, unit.tile))
            if number not in known:
                if reference is None:
                    inline[number] = grid
                else:
                    shared[number] = reference
        return Payload(self._run, tuple(tiles), inline, tuple(shared)), list(shared.values())

    def _number(self, grid: Grid) -> tuple[int, Any]:
        """Return a grid's number in this run, and a reference to it if it is large."""
        for number, (known, reference) in enumerate(self._grids):
            if known is grid:
                return number, reference
        large = grid.population.nbytes > MAX_INLINE_BYTES
        self._grids.append((grid, self._actors.share(grid) if large else None))
        return len(self._grids) - 1, self._grids[-1][1]
