"""Where workers may start: nodes with free cores, but not those on which starts keep failing.

A node on which a worker did not start is avoided for longer and longer, and finally given up.
"""

from collections import Counter
from typing import Literal

from spikeloop.cluster.dispatch.actors import Actors, Node
from spikeloop.cluster.progress import CoreShortage

MAX_FAILED_STARTS = 3
"""Failed starts in a row after which a node is given up."""

PAUSE_S = 1.0
"""A node is avoided for this time after a failed start, and twice as long after each other one."""

MAX_PAUSE_S = 60.0


class NodeRoom:
    """The room for workers on the nodes of a cluster.

    Args:
        actors: the cluster.
        cores_per_worker: cores of a worker, or "node" for one worker with all cores of its node.
    """

    def __init__(self, actors: Actors, cores_per_worker: int | Literal["node"]) -> None:
        self._actors = actors
        self._cores_per_worker = cores_per_worker
        self._failures: Counter[str] = Counter()
        self._avoided_until: dict[str, float] = {}

    def cores_on(self, node: Node) -> int:
        """Return the cores of a worker on a node."""
        return node.cores if self._cores_per_worker == "node" else self._cores_per_worker

    def free(self, node: Node) -> int:
        """Return how many workers a node has cores for that no other run holds."""
        return max(0, node.cores - node.taken) // self.cores_on(node)

    def usable(self) -> list[Node]:
        """Return the nodes that stay and have cores for a worker, taken or not."""
        nodes = self._actors.nodes()
        return [node for node in nodes if not node.leaving and node.cores >= self.cores_on(node)]

    @property
    def exhausted(self) -> bool:
        """Whether there are nodes, but others hold so many cores that no worker can start."""
        nodes = [node for node in self.usable() if not self.avoided(node)]
        return bool(nodes) and not any(self.free(node) for node in nodes)

    @property
    def shortage(self) -> CoreShortage:
        """What the cluster's cores are used for, when there are too few for a worker."""
        nodes = self.usable()
        return CoreShortage(
            taken=sum(node.taken for node in nodes),
            total=sum(node.cores for node in nodes),
            needed=min((self.cores_on(node) for node in nodes), default=0),
            holders=self._actors.holders(),
        )

    def avoided(self, node: Node) -> bool:
        """Return whether a node is to be avoided now."""
        return self._avoided_until.get(node.identifier, 0.0) > self._actors.now()

    def pause(self, node: Node, seconds: float = PAUSE_S) -> None:
        """Avoid a node for a while, without counting a failure."""
        until = self._actors.now() + seconds
        known = self._avoided_until.get(node.identifier, 0.0)
        self._avoided_until[node.identifier] = max(known, until)

    def failed(self, node: Node, for_good: bool) -> int:
        """Record a failed start, and return how many rounds of starts failed in a row.

        Workers that were started together fail together, and count once. With ``for_good`` one more
        failure gives the node up.
        """
        failures = self._failures[node.identifier]
        if for_good:
            failures = max(failures, MAX_FAILED_STARTS - 1)
        elif self.avoided(node):
            return failures
        doublings = min(failures, 10)  # past the longest pause, and no overflow
        self.pause(node, min(MAX_PAUSE_S, PAUSE_S * 2.0**doublings))
        self._failures[node.identifier] = failures + 1
        return failures + 1

    def clear(self, node: Node) -> None:
        """Forget a node's failures, because a worker has started there."""
        self._failures.pop(node.identifier, None)
        self._avoided_until.pop(node.identifier, None)

    def hopeless(self) -> bool:
        """Return whether there are usable nodes, and each of them has failed too often."""
        failures = [self._failures[node.identifier] for node in self.usable()]
        return bool(failures) and min(failures) >= MAX_FAILED_STARTS
