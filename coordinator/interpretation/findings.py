"""What is shown of episodes: tables and lines to print, their numbers, pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from spikeloop.coordinator.stats.bootstrap import Interval


@dataclass(frozen=True)
class Shown:
    """One part of what is shown.

    Attributes:
        numbers: all that is printed, as JSON.
        tables: to be printed.
        lines: to be printed below them.
        figures: pictures that were drawn.
    """

    numbers: Mapping[str, Any]
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()
    figures: Sequence[Path] = ()


def percent(interval: Interval) -> str:
    """A share with its interval, for example "97.2 % [95.9, 98.1]"; "-" of none."""
    if not interval.n:
        return "-"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def bounds(interval: Interval, decimals: int = 3) -> str:
    """For example "[0.487, 0.537]"."""
    return f"[{interval.low:.{decimals}f}, {interval.high:.{decimals}f}]"


def milestones(first: int, last: int) -> list[int]:
    """Numbers from the first to the last that a table shows, close at first, then farther apart.

    0 to 5, then 10, 15, 20, 30, 50, 70, from there on 1, 2, 3, 5 and 7 times powers of ten; and the
    last.
    """
    early = [*range(6), 10, 15, 20, 30, 50, 70]
    later = [m * 10**power for power in range(2, 8) for m in (1, 2, 3, 5, 7)]
    return [number for number in (*early, *later) if first <= number < last] + [last]
