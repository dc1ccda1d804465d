"""Results of an interpretation: tables and lines to print, the same numbers as JSON, figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from spikeloop.coordinator.stats.intervals import Interval


@dataclass(frozen=True)
class Results:
    """One part of the results; ``numbers`` holds all that its tables and lines say."""

    numbers: Mapping[str, Any]
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()
    figures: Sequence[Path] = ()


def result_table(title: str, caption: str, *columns: str, left: str = "") -> Table:
    """Make a table whose columns are right-aligned, except for ``left``."""
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == left else "right")
    return table


def interval_json(interval: Interval) -> dict[str, Any]:
    """Convert an interval to JSON, with None for what is not finite."""
    return {k: None if not math.isfinite(v) else v for k, v in vars(interval).items()}


def percent(interval: Interval) -> str:
    """Format a share, for example "97.2 % [95.9, 98.1]"; "-" if it rests on nothing."""
    if not interval.n:
        return "-"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def bounds(interval: Interval, decimals: int = 3) -> str:
    """For example "[0.487, 0.537]"."""
    return f"[{interval.low:.{decimals}f}, {interval.high:.{decimals}f}]"
