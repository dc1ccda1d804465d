"""Virtual time: whatever happens is an event of a queue, and between two events nothing is."""

import heapq
from collections.abc import Callable
from typing import Any


class Clock:
    """A clock that never waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._n_events = 0

    def at(self, after_s: float, function: Callable[..., None], *arguments: Any) -> None:
        """Lets something happen later; what happens at the same time happens in this order."""
        heapq.heappush(self._events, (self.now + after_s, self._n_events, function, arguments))
        self._n_events += 1

    def step(self, until: float) -> bool:
        """Lets the next event happen, or time pass to ``until`` if there is none before."""
        if not self._events or self._events[0][0] > until:
            self.now = until
            return False
        self.now, _, function, arguments = heapq.heappop(self._events)
        function(*arguments)
        return True
