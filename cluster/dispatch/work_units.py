"""Work units, the messages that carry them, and the records of both."""

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.evaluate import assemble
from spikeloop.workers.job import JobResult, Status, Tile

UNITS_PER_CORE = 2
"""Units that a worker may hold: the second hides the time that a message takes."""

MESSAGES_PER_NODE = 4
"""Messages that fill the cores of a large worker, so that it need not wait for its slowest unit."""


@dataclass(frozen=True)
class WorkUnit:
    """A job's tile or, after a failure, one episode of it.

    Attributes:
        run: number of the run it belongs to, one call of the pool for some jobs.
        job: position of the job in the sequence given to the pool.
        tile: which episodes are run.
        whole: whether the tile must not be cut, as that of a grid of gradients.
    """

    run: int
    job: int
    tile: Tile
    whole: bool = False

    @property
    def atomic(self) -> bool:
        """Whether the unit cannot be cut."""
        return self.whole or self.tile.n_episodes == 1


Message = tuple[WorkUnit, ...]
"""Units that travel to a worker together, and whose results come back together."""


@dataclass
class UnitRecord:
    """The record of a unit that has no result yet.

    Attributes:
        starts: how often a worker began it.
        suspicions: how the starts ended that it is suspected to have caused, by status.
        node_losses: starts that ended with a whole node, which it is not suspected of.
        sent: when it was sent last, in seconds.
        holders: workers that have it.
        waiting: whether it is in the queue.
    """

    starts: int = 0
    suspicions: Counter[Status] = field(default_factory=Counter)
    node_losses: int = 0
    sent: float = 0.0
    holders: set[int] = field(default_factory=set)
    waiting: bool = False


@dataclass
class JobParts:
    """The results of a job's units that have come so far, each with its number of starts."""

    tile: Tile
    parts: list[tuple[int, JobResult]] = field(default_factory=list)

    def add(self, starts: int, result: JobResult) -> tuple[JobResult, NDArray[np.int64]] | None:
        """Record a part; if it was the last, return the job's result and starts by episode."""
        self.parts.append((starts, result))
        if sum(part.tile.n_episodes for _, part in self.parts) < self.tile.n_episodes:
            return None
        attempts = np.empty(self.tile.shape, dtype=np.int64)
        for part_starts, part in self.parts:
            attempts[part.tile.within(self.tile)] = part_starts
        whole = result.tile == self.tile
        joined = result if whole else assemble(self.tile, [part for _, part in self.parts])
        self.parts.clear()
        return joined, attempts


@dataclass
class WorkerLoad:
    """The messages that a worker holds.

    Attributes:
        cores: units that it runs at the same time.
        messages: in their order; the first is being run.
        since: when the first began, in seconds.
    """

    cores: int
    messages: deque[Message] = field(default_factory=deque)
    since: float = 0.0

    def finish(self, message: Message, now: float) -> None:
        """Remove a message, and start the time of the next one if it was the first."""
        if self.messages[0] == message:
            self.since = now
        self.messages.remove(message)

    @property
    def held(self) -> int:
        """Units in its messages."""
        return sum(map(len, self.messages))

    @property
    def free(self) -> int:
        """Cores without a unit."""
        return max(0, self.cores - self.held)
