"""Counter-based randomness: every generator is a function of the run's seed and of coordinates.

Nothing is stored and nothing is global, so a retried or duplicated job gives the same bits on any
worker, and resuming a run needs no generator state. Streams are Philox generators (Salmon et al.
2011, "Parallel random numbers: as easy as 1, 2, 3"), keyed by NumPy's ``SeedSequence``, whose
``spawn_key`` hashes the coordinates.
"""

from enum import IntEnum

import numpy as np

from spikeloop.tasks.base import SeedArray


class Purpose(IntEnum):
    """The first coordinate of a stream: what the numbers are for.

    Values are part of a run's identity.
    """

    INIT = 0
    ASK = 1
    TELL = 2
    TASKS = 3
    EPISODES = 4
    RANDOM_POINTS = 5
    BOOTSTRAP = 6
    COMPARISON = 7
    BASELINES = 8
    INTERPRETATION = 9


class TaskSet(IntEnum):
    """A set of tasks. The search only sees ``SEARCH``; the others are held out."""

    SEARCH = 0
    MONITOR = 1
    TRANSFER = 2
    PLAN = 3
    RACE = 4


def _sequence(
    run_seed: int, purpose: Purpose, coordinates: tuple[int, ...]
) -> np.random.SeedSequence:
    """Use two words per coordinate: ``SeedSequence`` does not distinguish 2**32 + 1 and (1, 1)."""
    words: list[int] = []
    for coordinate in coordinates:
        if not 0 <= coordinate < 2**64:
            raise ValueError(f"coordinates of a stream must be in [0, 2**64), got {coordinate}")
        words += divmod(int(coordinate), 2**32)
    return np.random.SeedSequence(run_seed, spawn_key=(int(purpose), *words))


def stream(run_seed: int, purpose: Purpose, *coordinates: int) -> np.random.Generator:
    """Return the generator of the given coordinates."""
    return np.random.Generator(np.random.Philox(_sequence(run_seed, purpose, coordinates)))


def seeds(run_seed: int, purpose: Purpose, *coordinates: int, n: int) -> SeedArray:
    """Return (n,) independent 64-bit seeds of the coordinates; a longer request starts the same."""
    drawn = _sequence(run_seed, purpose, coordinates).generate_state(n, np.uint64)
    return drawn.astype(np.uint64, copy=False)
