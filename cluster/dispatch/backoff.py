"""Nodes on which workers do not start: left alone for a while, and at last not hoped for."""

from collections.abc import Iterable
from dataclasses import dataclass

from spikeloop.cluster.dispatch.actors import Node

MAX_FAILED_STARTS = 3
"""So often in a row may workers fail to start on a node before nothing is hoped of it any more."""

PAUSE_S = 1.0
"""After a failed start a node is left alone so long, and twice as long after each further one."""

MAX_PAUSE_S = 60.0


@dataclass
class _Record:
    """Rounds of starts that failed on a node, and how long it is left alone."""

    failures: int = 0
    until: float = 0.0


class Trouble:
    """What is remembered of nodes that failed."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def avoided(self, node: Node, now: float) -> bool:
        """Whether a node is to be left alone."""
        return self._of(node).until > now

    def pause(self, node: Node, now: float) -> None:
        """Leaves a node alone for a moment, for no fault of its own."""
        record = self._of(node)
        record.until = max(record.until, now + PAUSE_S)

    def failed(self, node: Node, now: float, for_good: bool) -> int:
        """Notes a failed start; gives how many rounds of starts failed in a row.

        Workers that were started together fail together, and count once.

        Args:
            node: where.
            now: seconds.
            for_good: whether it makes no sense to try again and again.
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

    def over(self, node: Node) -> None:
        """A worker has started there."""
        self._records.pop(node.identifier, None)

    def hopeless(self, nodes: Iterable[Node]) -> bool:
        """Whether there are nodes, and each of them has failed too often."""
        failures = [self._of(node).failures for node in nodes]
        return bool(failures) and min(failures) >= MAX_FAILED_STARTS

    def _of(self, node: Node) -> _Record:
        return self._records.setdefault(node.identifier, _Record())
