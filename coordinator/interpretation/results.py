"""Results of an interpretation: tables and lines to print, the same numbers as JSON, figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

from spikeloop.coordinator.stats.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Results:
    """One part of the results.

    ``numbers`` holds all that its tables and lines say; ``figures`` are by the names of their
    files.
    """

    numbers: Mapping[str, Any]
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()
    figures: "Mapping[str, Figure]" = field(default_factory=dict)


def percent(interval: Interval) -> str:
    """Format a share, for example "97.2 % [95.9, 98.1]"; "-" if it rests on nothing."""
    if not interval.n:
        return "-"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def bounds(interval: Interval, decimals: int = 3) -> str:
    """For example "[0.487, 0.537]"."""
    return f"[{interval.low:.{decimals}f}, {interval.high:.{decimals}f}]"


def milestones(first: int, last: int) -> list[int]:
    """Choose numbers from first to last for the rows of a table, dense at first.

    0 to 5, then 10, 15, 20, 30, 50, 70, from there on 1, 2, 3, 5 and 7 times powers of ten; and the
    last.
    """
    early = [*range(6), 10, 15, 20, 30, 50, 70]
    later = [m * 10**power for power in range(2, 8) for m in (1, 2, 3, 5, 7)]
    return [number for number in (*early, *later) if first <= number < last] + [last]
