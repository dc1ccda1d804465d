"""The units of a pool's work: pieces, the messages that carry them, and what is noted of both."""

from collections import Counter, deque
from dataclasses import dataclass, field

from spikeloop.workers.job import Status, Tile

PIECES_PER_CORE = 2
"""Pieces that a worker may hold: the second hides the time that a message takes."""

MESSAGES_PER_NODE = 4
"""Messages in which the cores of a large worker are filled: it need not wait for its slowest."""


@dataclass(frozen=True)
class Piece:
    """A job's tile or, after a failure, one episode of it.

    Attributes:
        run: which call of the pool's ``run`` it belongs to.
        job: position of the job in the sequence given to the pool.
        tile: what is to be run.
        whole: whether the tile must not be cut, as that of a grid of gradients.
    """

    run: int
    job: int
    tile: Tile
    whole: bool = False

    @property
    def atomic(self) -> bool:
        """Whether nothing smaller can be tried."""
        return self.whole or self.tile.n_episodes == 1


Message = tuple[Piece, ...]
"""Pieces that travel to a worker together, and whose results come back together."""


@dataclass
class Progress:
    """What is known of a piece that has no result yet, and where it is.

    Attributes:
        starts: how often it was sent to a worker, less the times when it had not begun.
        blame: how its starts ended that are held against it.
        node_losses: starts that ended with a whole node, which are not.
        sent: seconds at which it was sent last.
        holders: workers that have it.
        waiting: whether it stands in line.
    """

    starts: int = 0
    blame: Counter[Status] = field(default_factory=Counter)
    node_losses: int = 0
    sent: float = 0.0
    holders: set[int] = field(default_factory=set)
    waiting: bool = False


@dataclass
class Load:
    """What a worker holds.

    Attributes:
        cores: pieces that it runs at the same time.
        messages: the first of which is being run.
        held: pieces in them.
        since: seconds at which the first began.
    """

    cores: int
    messages: deque[Message] = field(default_factory=deque)
    held: int = 0
    since: float = 0.0

    @property
    def free(self) -> int:
        """Cores without a piece."""
        return max(0, self.cores - self.held)
