"""What a process has built of Brian2 is kept for the next tile of the same shape."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, TypeVar

from spikeloop.tasks.base import SeedArray
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.targets import BrianTarget, own_preferences

MAX_NETWORKS = 4
"""Networks kept: the shapes of a search's tiles, of its last tile and of the held-out episodes."""

COLLECT_EVERY = 100
"""Tiles from one collection of garbage to the next; one also precedes each ``MAX_NETWORKS``-th
network that is built, so that no more lost ones than kept ones are in memory. A collection looks
through all that the process has loaded, which can take as long as building a network."""

Built = TypeVar("Built")
_built: dict[tuple[Any, ...], BatchedNetwork] = {}
_tiles, _builds = count(1), count(1)


@contextmanager
def network(
    blueprint: Blueprint, seeds: SeedArray, target: BrianTarget = "numpy"
) -> Iterator[BatchedNetwork]:
    """Lend the network of a tile, with one episode for each seed, at time 0.

    Building takes some tenths of a second, taking one back to time 0 a thousandth.
    """
    key = (blueprint.digest(), seeds.size, target)
    build = partial(BatchedNetwork, blueprint, seeds.size, target)
    with lent(_built, key, MAX_NETWORKS, build) as batch:
        batch.reset(seeds)
        yield batch


@contextmanager
def lent(
    kept: dict[tuple[Any, ...], Built], key: tuple[Any, ...], most: int, build: Callable[[], Built]
) -> Iterator[Built]:
    """Lend what is kept for a key, or is built now, to this thread alone.

    At most ``most`` objects are kept, the latest ones. An object whose use ended by an exception is
    not used again.
    """
    with own_preferences():
        building = key not in kept
        while building and len(kept) >= most:
            del kept[next(iter(kept))]
        if next(_tiles) % COLLECT_EVERY == 0 or (building and next(_builds) % MAX_NETWORKS == 0):
            # Brian2's objects refer to each other in circles, and ``BatchedNetwork.run`` hides them
            # from the collector so often that it would never be due by itself.
            gc.collect()
        built = kept.pop(key, None) or build()
        yield built
        kept[key] = built
