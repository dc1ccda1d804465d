"""What is shown of episodes: tables and lines to print, their numbers, pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from spikeloop.coordinator.stats.intervals import Interval


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


def plain(interval: Interval) -> dict[str, Any]:
    """An interval as JSON, with None for what is not finite."""
    return {k: None if not math.isfinite(v) else v for k, v in vars(interval).items()}


def percent(interval: Interval) -> str:
    """A share with its interval, for example "97.2 % [95.9, 98.1]"; "-" of none."""
    if not interval.n:
        return "-"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def bounds(interval: Interval, decimals: int = 3) -> str:
    """For example "[0.487, 0.537]"."""
    return f"[{interval.low:.{decimals}f}, {interval.high:.{decimals}f}]"
