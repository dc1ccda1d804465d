"""What people are told while a search runs, and whoever tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from spikeloop.coordinator.stats.scores import Estimate


@dataclass(frozen=True)
class GenerationReport:
    """What people are told of a finished generation.

    Attributes:
        generation: its number.
        best: fitness of the best candidate on this generation's tasks.
        mean: fitness of the candidates that have one, on average.
        held_out: score of the recommended point on the monitor tasks, where it was measured.
        failures: number of failed episodes by reason, those of the held-out score included, and
            those of generations before it that are told of together with it.
        summary: what the strategy tells of itself.
        wall_s: seconds from asking to telling.
        stopped: why the search ends or begins anew after it, in words; "" if it goes on.
    """

    generation: int
    best: float
    mean: float
    held_out: Estimate | None
    failures: Mapping[str, int]
    summary: Mapping[str, float]
    wall_s: float
    stopped: str = ""


class Reporter(Protocol):
    """Whoever shows the progress."""

    def started(self, what: str, n_episodes: int) -> None:
        """A grid of ``n_episodes`` is on its way."""
        ...

    def episodes_done(self, n_episodes: int) -> None:
        """Some of its episodes came in."""
        ...

    def generation(self, report: GenerationReport) -> None:
        """A generation was committed, and with it those since the last that was told of."""
        ...
