"""Avoids nodes on which workers do not start, for longer and longer, and finally gives them up."""

from collections.abc import Iterable
from dataclasses import dataclass

from spikeloop.cluster.dispatch.actors import Node

MAX_FAILED_STARTS = 3
"""Failed starts in a row after which a node is given up."""

PAUSE_S = 1.0
"""A node is avoided for this time after a failed start, and twice as long after each other one."""

MAX_PAUSE_S = 60.0


@dataclass
class _Record:
    """Rounds of starts that failed on a node, and until when it is avoided."""

    failures: int = 0
    until: float = 0.0


class Backoff:
    """Records of nodes on which workers failed to start."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def avoided(self, node: Node, now: float) -> bool:
        """Return whether a node is to be avoided."""
        return self._of(node).until > now

    def pause(self, node: Node, now: float) -> None:
        """Avoid a node for a moment, without counting a failure."""
        record = self._of(node)
        record.until = max(record.until, now + PAUSE_S)

    def failed(self, node: Node, now: float, for_good: bool) -> int:
        """Record a failed start, and return how many rounds of starts failed in a row.

        Workers that were started together fail together, and count once. With ``for_good`` one more
        failure gives the node up.
        """
        record = self._of(node)
        if for_good:
            record.failures = max(record.failures, MAX_FAILED_STARTS - 1)
        elif record.until > now:
            return record.failures
        record.failures += 1
        doublings = min(record.failures - 1, 10)  # past the longest pause, and no overflow
        record.until = now + min(MAX_PAUSE_S, PAUSE_S * 2.0**doublings)
        return record.failures

    def clear(self, node: Node) -> None:
        """Forget a node's failures, because a worker has started there."""
        self._records.pop(node.identifier, None)

    def hopeless(self, nodes: Iterable[Node]) -> bool:
        """Return whether there are nodes, and each of them has failed too often."""
        failures = [self._of(node).failures for node in nodes]
        return bool(failures) and min(failures) >= MAX_FAILED_STARTS

    def _of(self, node: Node) -> _Record:
        return self._records.setdefault(node.identifier, _Record())
