"""What the views of a comparison and of a sweep have in common: their state and their tables."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.formatting import command_line, printable
from spikeloop.coordinator.watch.durations import span
from spikeloop.coordinator.watch.writer import Writer


def state_line(writer: Writer | None, finished: bool, now: str) -> Text:
    """Say what goes on, in a line: ``now`` unless it is finished, fetched or interrupted."""
    if finished:
        return Text("finished", "bold green")
    if writer is not None and writer.fetching:
        return Text("fetched", "bold").append("; fetch it again for what came since", "not bold")
    if writer is not None and writer.alive is False:
        return Text("interrupted", "bold red").append(f"; {writer}, which has ended")
    return Text(now, "bold").append(f"; {writer}" if writer else "", "not bold")


def what_follows(folder: Path, writer: Writer | None, finished: bool) -> Iterator[Text]:
    """Name the command that comes next, or say since when a process writes."""
    if finished:
        yield Text(printable(f"report:  {command_line('report', folder)}"))
    elif writer is None or writer.fetching:
        return
    elif writer.alive is False:
        yield Text(printable(f"continue: {command_line('resume', folder)}"))
    else:
        yield Text(f"begun {span(max(time.time() - writer.since, 0.0))} ago", "dim")


def counts_table(title: str, first: str, *others: str) -> Table:
    """Make an empty table of numbers, each row of which has a name."""
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for column in others:
        table.add_column(column, justify="right")
    return table


def decimals(values: Iterable[float | None]) -> list[str]:
    """Give scores as text; "-" for those that are not known."""
    return ["-" if value is None else f"{value:.3f}" for value in values]
