"""Keeps its own book of every episode, from what passes between the pool and the cluster alone.

The rule, episode by episode, as the pool promises it:

- An episode has been *started* as often as it was sent to a worker. What waits on a worker of one
  core behind another message has not begun there, so it is no start if that worker is lost.
- The first result counts. No episode is started after its end.
- A start that ends without a result is the episode's own fault, unless the whole node was lost and
  the episode has not lost ``MAX_NODE_LOSSES`` nodes already.
- If no other start of it is under way, an episode that had its last start to itself fails once its
  faults are as many as that kind of ending allows; its status is that kind.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulation.episodes import Episode, episodes
from simulation.machines import Actor, Call
from spikeloop.cluster.dispatch.actors import ActorLost, CallRaised
from spikeloop.cluster.dispatch.ledger import MAX_NODE_LOSSES
from spikeloop.workers.actor import Payload
from spikeloop.workers.job import Grid, Status


class Violation(AssertionError):
    """The pool broke a promise."""


def demand(promise: bool, broken: str) -> None:
    """Raises ``Violation`` with a sentence if a promise is broken."""
    if not promise:
        raise Violation(broken)


@dataclass
class Book:
    """What has happened to one episode.

    Attributes:
        faults: how its starts ended that are held against it.
        under_way: its starts that have not ended.
        status: how it ended; None while it has not.
    """

    starts: int = 0
    faults: list[Status] = field(default_factory=list)
    node_losses: int = 0
    under_way: set[int] = field(default_factory=set)
    status: Status | None = None


class Referee:
    """The books of the runs that are going on.

    Args:
        max_attempts: as given to the pool.
    """

    def __init__(self, max_attempts: int) -> None:
        self.books: dict[Episode, Book] = {}
        self.n_retries = 0
        self.n_copies = 0
        self._allowed = {
            Status.TIMED_OUT: 2,
            Status.RAISED: max_attempts,
            Status.WORKER_DIED: max_attempts,
            Status.OUT_OF_MEMORY: max_attempts,
        }
        self._grids: dict[int, Grid] = {}
        self._carried: dict[int, list[Episode]] = {}

    def begin(self, everyone: Iterable[Episode]) -> None:
        """A run begins, perhaps beside others."""
        self.books |= {episode: Book() for episode in everyone}

    def end(self, everyone: Iterable[Episode]) -> None:
        """A run has ended, or its reader has left; nothing that belongs to it matters any more."""
        for episode in everyone:
            del self.books[episode]

    def sent(self, call: Call) -> None:
        """A message goes to a worker."""
        payload: Payload = call.arguments[0]
        brought = {**payload.grids, **dict(zip(payload.beside, call.arguments[1:], strict=True))}
        self._grids.update(brought)
        carried = [
            episode
            for number, tile in payload.tiles
            for episode in episodes(self._grids[number], tile)
        ]
        self._carried[call.number] = carried
        suspects = 0
        for episode in carried:
            demand(episode in self.books, f"episode {episode} of no open run is started")
            book = self.books[episode]
            demand(book.status is None, f"episode {episode} is started after its end")
            suspects += bool(book.faults)
            self.n_retries += bool(book.starts and not book.under_way)
            self.n_copies += bool(book.under_way)
            book.starts += 1
            book.under_way.add(call.number)
        demand(
            not suspects or len(payload.tiles) == 1,
            "a suspect travels with others",
        )

    def answered(self, call: Call) -> None:
        """The pool has read that a worker is alive."""
        units = len(call.arguments[0].tiles)
        for episode in self._open(call):
            book = self.books[episode]
            book.under_way.discard(call.number)
            if isinstance(call.outcome, CallRaised):
                alone = units == 1 and len(self._carried[call.number]) == 1
                self._fault(book, Status.RAISED, alone)
            else:
                book.status = Status.OK

    def gone(self, actor: Actor, loss: ActorLost | None) -> None:
        """The pool has given a worker up: it is lost or, without a loss, too late.

        Its unread calls are in the payload in which they were sent.
        """
        calls = [call for call in actor.unread if call.method == "evaluate"]
        suspected = calls[:1] if actor.cores == 1 or loss is None else calls
        for call in calls[len(suspected) :]:
            for episode in self._open(call):
                self.books[episode].under_way.discard(call.number)
                self.books[episode].starts -= actor.cores == 1
        n_carried = sum(len(self._carried.get(call.number, ())) for call in suspected)
        for call in suspected:
            for episode in self._open(call):
                book = self.books[episode]
                book.under_way.discard(call.number)
                if loss is not None and loss.with_node and book.node_losses < MAX_NODE_LOSSES:
                    book.node_losses += 1
                    continue
                status = Status.TIMED_OUT if loss is None else loss.status
                self._fault(book, status, alone=n_carried == 1)

    def _open(self, call: Call) -> list[Episode]:
        """Episodes of the open runs that a call carries, unless they have ended."""
        return [
            episode
            for episode in self._carried.get(call.number, ())
            if episode in self.books and self.books[episode].status is None
        ]

    def _fault(self, book: Book, status: Status, alone: bool) -> None:
        book.faults.append(status)
        if alone and not book.under_way and book.faults.count(status) >= self._allowed[status]:
            book.status = status
