"""Results of a section: tables and lines to show, the same numbers as JSON, and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.coordinator.stats.bootstrap import Interval


@dataclass(frozen=True)
class Results:
    """The results of a section, or of a part of one.

    Attributes:
        numbers: all that its tables and lines say and its figures draw, as JSON takes it; each
            section tells its number of ``episodes``.
        tables: to be printed and to stand in the report.
        lines: one sentence each.
        figures: by name, in letters, digits and "_"; the file of a figure is SECTION-NAME.png. The
            caption names n, the intervals and the control.
    """

    numbers: Mapping[str, Any]
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()
    figures: Mapping[str, Drawing] = field(default_factory=dict)


def join(parts: Sequence[Results]) -> Results:
    """Join the parts of a section, none of which has a name of a number or figure of another."""
    return Results(
        {name: value for part in parts for name, value in part.numbers.items()},
        [table for part in parts for table in part.tables],
        [line for part in parts for line in part.lines],
        {name: drawing for part in parts for name, drawing in part.figures.items()},
    )


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
