"""Packs messages: a grid travels once to each worker, a large one once for all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spikeloop.cluster.dispatch.actors import Actors
from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.workers.actor import Payload
from spikeloop.workers.job import Grid, Job, Tile

MAX_INLINE_BYTES = 100_000
"""A larger population goes through the cluster's object store, once for all workers."""


class MessagePacker:
    """Numbers the grids of the runs that are open, no number ever twice, and packs messages."""

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._grids: dict[int, list[tuple[int, Grid, Any]]] = {}
        self._n_grids = 0

    def forget_all_but(self, runs: Iterable[int]) -> None:
        """Forget the grids of all runs but these, and what is shared of them."""
        kept = set(runs)
        self._grids = {run: grids for run, grids in self._grids.items() if run in kept}

    @property
    def wanted(self) -> set[int]:
        """Numbers of the grids that may be sent again."""
        return {number for grids in self._grids.values() for number, _, _ in grids}

    def pack(
        self,
        message: Message,
        jobs: Mapping[int, Sequence[Job]],
        known: set[int],
        used: set[int],
    ) -> tuple[Payload, list[Any]]:
        """Pack a message for a worker.

        Args:
            message: what to pack.
            jobs: of each open run.
            known: numbers of the grids that the worker has; it is told to forget those that are
                not wanted any more.
            used: numbers of the grids that messages on their way to it need, wanted or not.

        Returns:
            The payload, and references to the shared grids that go beside it.
        """
        tiles: list[tuple[int, Tile]] = []
        inline: dict[int, Grid] = {}
        shared: dict[int, Any] = {}
        for unit in message:
            grid = jobs[unit.run][unit.job].grid
            number, reference = self._number(unit.run, grid)
            tiles.append((number, unit.tile))
            if number not in known:
                if reference is None:
                    inline[number] = grid
                else:
                    shared[number] = reference
        forget = tuple(sorted(known - self.wanted - used))
        return Payload(tuple(tiles), inline, tuple(shared), forget), list(shared.values())

    def _number(self, run: int, grid: Grid) -> tuple[int, Any]:
        """Return a grid's number, and a reference to it if it is large."""
        grids = self._grids.setdefault(run, [])
        for number, known, reference in grids:
            if known is grid:
                return number, reference
        large = grid.population.nbytes > MAX_INLINE_BYTES
        grids.append((self._n_grids, grid, self._actors.share(grid) if large else None))
        self._n_grids += 1
        number, _, reference = grids[-1]
        return number, reference
