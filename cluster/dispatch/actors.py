"""The interface between a pool and a cluster: machines, actors on them, calls, and a clock.

It separates the pool's own decisions from Ray. ``RayActors`` fills it with the real
thing; the tests fill it with a simulated cluster on a virtual clock, in which every failure can
happen at every moment and happens again with the same seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from spikeloop.workers.job import Status


@dataclass(frozen=True)
class Node:
    """A machine, or a container, that may host workers.

    Attributes:
        identifier: names it as long as it belongs to the cluster; never used twice.
        cores: what it offers.
        leaving: whether it will go soon and should get no new work.
        taken: cores that others than this pool hold.
    """

    identifier: str
    cores: int
    leaving: bool = False
    taken: int = 0


class CallRaised(Exception):
    """The call itself raised, or its result could not be sent; the actor stays alive.

    Attributes:
        traceback: of the other side.
    """

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


class ActorLost(Exception):
    """The actor is gone or cannot be reached. What it was doing may have been done all the same.

    Attributes:
        status: what its episodes are to be reported as.
        with_node: whether its whole node was lost, which no episode is suspected of.
    """

    def __init__(self, message: str, status: Status, with_node: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.with_node = with_node


class Actors(Protocol):
    """A cluster, as a pool sees it. Actors and calls are opaque and hashable."""

    def now(self) -> float:
        """Return the seconds of a steady clock."""
        ...

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are alive, as last heard; never wait.

        Raises ``PoolError`` if the cluster has not answered for too long.
        """
        ...

    def start(self, node: Node, cores: int) -> Any:
        """Start a ``EpisodeWorker`` once some cores of a node are free for it; never waits."""
        ...

    def placed(self, actor: Any) -> bool:
        """Return whether an actor has been given its cores, as last heard; never wait.

        Until then it has no process. Its cores may have gone to another run, which looked at the
        same time.
        """
        ...

    def holders(self) -> Mapping[str, int]:
        """Return the other runs that hold cores, by name, and how many; as last heard, never wait.

        They need to be known only while the pool itself holds none.
        """
        ...

    def call(self, actor: Any, method: str, *arguments: Any, name: str = "") -> Any:
        """Call a method of an actor; never waits.

        Args:
            actor: from ``start``.
            method: of ``EpisodeWorker``.
            arguments: of the method; what ``share`` gave is replaced by its value.
            name: of the call for people who watch; else it is named after the method.
        """
        ...

    def wait(self, calls: Sequence[Any], timeout_s: float) -> list[Any]:
        """Return the calls that have ended, as soon as one has, or none after the time."""
        ...

    def result(self, call: Any) -> Any:
        """Return what an ended call gave.

        Raises ``CallRaised``, ``ActorLost``, or ``PoolError`` if the cluster is set up wrongly
        or a worker lacks what the learner needs.
        """
        ...

    def kill(self, actor: Any) -> None:
        """End an actor, whatever it is doing, if it can be reached; never waits."""
        ...

    def share(self, value: Any) -> Any:
        """Put a large value where every actor can read it."""
        ...
