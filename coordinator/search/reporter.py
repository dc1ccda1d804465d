"""Protocols of what shows the progress of a search, and the reports that it gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from spikeloop.coordinator.stats.bootstrap import Interval


@dataclass(frozen=True)
class GenerationReport:
    """What is reported of a committed generation.

    Attributes:
        generation: its number.
        best: fitness of the best candidate on this generation's tasks.
        mean: mean fitness of the candidates that have one.
        held_out: score of the recommended point on the monitor tasks, where it was measured.
        failures: number of failed episodes by reason, held-out ones and those of earlier
            generations of the same commit included.
        stopped: why the search ends or restarts after it, in words; "" if it goes on.
    """

    generation: int
    best: float
    mean: float
    held_out: Interval | None
    failures: Mapping[str, int]
    stopped: str = ""


class Reporter(Protocol):
    """Something that shows the progress of a search."""

    def started(self, what: str, n_episodes: int) -> None:
        """Take note that a grid of ``n_episodes`` episodes was begun."""
        ...

    def episodes_done(self, n_episodes: int) -> None:
        """Take note that results of so many episodes came in."""
        ...

    def generation(self, report: GenerationReport) -> None:
        """Take note of a commit, which may hold several generations; the report is of the last."""
        ...


class SessionReporter(Reporter, Protocol):
    """A reporter that also shows what concerns a run as a whole."""

    def pool(self, description: str) -> None:
        """Take note that the workers are ready."""
        ...

    def note(self, text: str) -> None:
        """Show a line of its own."""
        ...
