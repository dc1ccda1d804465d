"""The networks a process has built, kept for the next tile of the same shape."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from spikeloop.workers.brian.batch import Batch
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.targets import Target, own_preferences

MOST = 4
"""Networks kept: the shapes of a search's tiles, of its last tile and of the held-out episodes."""

COLLECT_EVERY = 100
"""Tiles from one collection of garbage to the next; one also precedes every network built."""

_built: dict[tuple[str, int, Target, tuple[str, ...]], Batch] = {}
_tiles = count(1)


@contextmanager
def network(
    blueprint: Blueprint, n_episodes: int, target: Target = "numpy", record: tuple[str, ...] = ()
) -> Iterator[Batch]:
    """The network of a tile, for this thread alone; ``reset`` it before use.

    Building takes some tenths of a second, taking one back to time 0 a thousandth. One that was
    left by an exception is not used again.

    Args:
        blueprint: of one episode.
        n_episodes: episodes of the tile.
        target: what Brian2 generates code for.
        record: populations whose spikes are kept.
    """
    key = (blueprint.digest(), n_episodes, target, record)
    with own_preferences():
        if key not in _built:
            while len(_built) >= MOST:
                del _built[next(iter(_built))]
        if key not in _built or next(_tiles) % COLLECT_EVERY == 0:
            # Brian2's objects refer to each other in circles, and ``Batch.run`` hides what is there
            # from the collector so often that it would never be due by itself.
            gc.collect()
        batch = _built.pop(key, None) or Batch(blueprint, n_episodes, target, record)
        yield batch
        _built[key] = batch
