"""Lines about a pool that has no results yet: its workers start or compile, or it waits for cores.

The lines go to logs as well as to terminals, so there are few of them: each differs from the one
before, and comes after at least twice the time that passed before that one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

QUIET_S = 5.0
"""Workers that are ready within this time are not mentioned."""

SETTLED_S = 2.0
"""Cores that are missing for less time are only changing from one worker to the next."""

WAITING = "waiting for cores"
"""The beginning of lines about missing cores, by which ``spikeloop status`` knows them."""

ShowLine = Callable[[str], None]
"""Shows a line to the user."""


def show_nothing(line: str) -> None:
    """Ignore a line."""


@dataclass(frozen=True)
class StartCounts:
    """How many workers have finished which step of their start.

    Attributes:
        ready: can be given work.
        compiling: run the first episode, which compiles.
        loading: their processes start and import.
    """

    ready: int
    compiling: int
    loading: int

    @property
    def total(self) -> int:
        """All workers that have been given cores."""
        return self.ready + self.compiling + self.loading

    def __str__(self) -> str:
        parts = ("ready", self.ready), ("compiling", self.compiling), ("loading", self.loading)
        words = ", ".join(f"{number} {what}" for what, number in parts if number)
        return f"starting {self.total} worker{'s' if self.total != 1 else ''}: {words}"


@dataclass(frozen=True)
class CoreShortage:
    """How many cores are in use and needed, where there is no worker although there are nodes.

    Attributes:
        taken: cores that others hold.
        total: cores of all nodes.
        needed: cores of a worker, which all have to be on one node.
        holders: cores of other runs, by the runs' names.
    """

    taken: int
    total: int
    needed: int
    holders: Mapping[str, int]

    def __str__(self) -> str:
        names = [f"'{name}'" for name in sorted(self.holders)]
        by = [f"run{'s' if len(names) > 1 else ''} {', '.join(names)}"] if names else []
        if not names or sum(self.holders.values()) < self.taken:
            by.append("others")
        line = f"{WAITING}: {self.taken} of {self.total} are used by {' and '.join(by)}"
        return (
            line
            if self.taken == self.total
            else f"{line}; a worker needs {self.needed} on one node"
        )


class ProgressLines:
    """Reports a pool's progress in few lines."""

    def __init__(self, show_line: ShowLine, now: Callable[[], float]) -> None:
        self._show_line = show_line
        self._now = now
        self._last = ""
        self._pause_s = QUIET_S
        self._next = now() + QUIET_S
        self._waits_since: float | None = None

    def report_workers(
        self, start_counts: Callable[[], StartCounts], opening: bool = False
    ) -> None:
        """Report that workers start, where the pool opens or the last line said there are none."""
        self._waits_since = None
        if (opening or self._waits) and (counts := start_counts()).total:
            self._show(str(counts), at_once=self._waits)

    def report_waiting(self, shortage: Callable[[], CoreShortage]) -> None:
        """Report that there are no workers, because others hold the cores."""
        if self._waits_since is None:
            self._waits_since = self._now()
        elif self._now() >= self._waits_since + SETTLED_S:
            self._show(str(shortage()), at_once=not self._waits)

    @property
    def _waits(self) -> bool:
        return self._last.startswith(WAITING)

    def _show(self, line: str, at_once: bool) -> None:
        now = self._now()
        if line != self._last and (at_once or now >= self._next):
            self._show_line(line)
            self._last = line
            self._pause_s *= 2.0
            self._next = now + self._pause_s
