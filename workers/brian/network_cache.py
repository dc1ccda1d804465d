"""The networks a process has built, kept for the next tile of the same shape."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.targets import BrianTarget, own_preferences

MAX_NETWORKS = 4
"""Networks kept: the shapes of a search's tiles, of its last tile and of the held-out episodes."""

COLLECT_EVERY = 100
"""Tiles from one collection of garbage to the next; one also precedes every network built."""

_built: dict[tuple[str, int, BrianTarget, tuple[str, ...]], BatchedNetwork] = {}
_tiles = count(1)


@contextmanager
def network(
    blueprint: Blueprint,
    n_episodes: int,
    target: BrianTarget = "numpy",
    record: tuple[str, ...] = (),
) -> Iterator[BatchedNetwork]:
    """Lend the network of a tile to this thread alone; ``reset`` it before use.

    Building takes some tenths of a second, taking one back to time 0 a thousandth. A network whose
    use ended by an exception is not used again. Arguments are those of ``BatchedNetwork``.
    """
    key = (blueprint.digest(), n_episodes, target, record)
    with own_preferences():
        if key not in _built:
            while len(_built) >= MAX_NETWORKS:
                del _built[next(iter(_built))]
        if key not in _built or next(_tiles) % COLLECT_EVERY == 0:
            # Brian2's objects refer to each other in circles, and ``BatchedNetwork.run`` hides them
            # from the collector so often that it would never be due by itself.
            gc.collect()
        batch = _built.pop(key, None) or BatchedNetwork(blueprint, n_episodes, target, record)
        yield batch
        _built[key] = batch
