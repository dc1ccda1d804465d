"""What a simulated cluster consists of: machines, actors on them, calls to actors."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulation.schedule import FOR_GOOD, Fault
from spikeloop.cluster.dispatch.actors import ActorLost, Node
from spikeloop.workers.actor import EpisodeWorker


@dataclass(eq=False, repr=False)
class Machine:
    """A node, and what is wrong with it.

    Attributes:
        listed: whether the cluster's table names it; a dead one may be, for a while.
        taken: cores that other runs hold.
        wishes: who waits for cores, first come first served: what happens once they are there, and
            how many are needed.
        unreachable: what is held back until the network is whole again; None while it is.
    """

    identifier: str
    cores: int
    leaving: bool = False
    alive: bool = True
    listed: bool = True
    bad_disk: bool = False
    slowness: float = 1.0
    unreachable: list[Callable[[], None]] | None = None
    actors: "list[Actor]" = field(default_factory=list)
    taken: int = 0
    wishes: "deque[Wish]" = field(default_factory=deque)

    @property
    def node(self) -> Node:
        return Node(self.identifier, self.cores, self.leaving, self.taken)

    @property
    def free(self) -> int:
        return self.cores - self.taken - sum(one.cores for one in self.actors if one.holds)

    @property
    def healthy(self) -> bool:
        return (
            self.alive
            and self.listed
            and not self.leaving
            and not self.bad_disk
            and self.unreachable is None
        )


@dataclass(eq=False, repr=False)
class Wish:
    """Cores that somebody waits for.

    Attributes:
        actor: who waits; None for another run.
        granted: happens once the cores are there.
    """

    cores: int
    actor: "Actor | None"
    granted: Callable[[], None]


@dataclass(eq=False, repr=False)
class Actor:
    """A worker process.

    Attributes:
        asked_at: when the pool asked for it.
        placed_at: when it was given its cores.
        holds: whether it has them still.
        worker: the real class, once it has been constructed.
        killed: whether the pool asked for its end, so that it counts as the pool's no more.
        loss: what every call says from the moment on at which the cluster knows of its death.
        running: calls that it has begun; with several cores, all that have arrived.
        units: what waits for a core: a call, the seconds it takes, and what is wrong with it.
        n_busy: cores at work.
        unread: its calls whose end the pool has not read.
        warm: whether the pool has learnt that it is ready.
        heard_at: when the pool last read an answer of it.
    """

    number: int
    machine: Machine
    cores: int
    asked_at: float = 0.0
    placed_at: float = FOR_GOOD
    holds: bool = False
    worker: EpisodeWorker | None = None
    alive: bool = True
    killed: bool = False
    loss: ActorLost | None = None
    died_at: float = FOR_GOOD
    frozen_until: float = 0.0
    last_arrival: float = 0.0
    queue: "deque[Call]" = field(default_factory=deque)
    running: "list[Call]" = field(default_factory=list)
    units: "deque[tuple[Call, float, Fault | None]]" = field(default_factory=deque)
    n_busy: int = 0
    unread: "list[Call]" = field(default_factory=list)
    warm: bool = False
    heard_at: float = 0.0


@dataclass(eq=False, repr=False)
class Call:
    """A call to an actor, and what became of it.

    Attributes:
        n_pieces: those that have not been run.
        outcome: its value or an exception, as the pool will see it; meaningless before ``ended``.
    """

    number: int
    actor: Actor
    method: str
    arguments: tuple[Any, ...]
    sent_at: float
    n_pieces: int = 0
    ended: bool = False
    outcome: Any = None
