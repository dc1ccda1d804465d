"""A run on a terminal: its state, curves and numbers, and how it ended."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line, printable
from spikeloop.coordinator.report.transfer_table import (
    describe_difference,
    terminal_table,
    theta_rows,
)
from spikeloop.coordinator.search.transfer import Transfer, transfer_scores
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.watch.curves import Series, TerminalSize, draw_curves
from spikeloop.coordinator.watch.durations import span
from spikeloop.coordinator.watch.run_reader import RunReader
from spikeloop.coordinator.watch.run_status import RunStatus

STYLES = {"finished": "bold green", "interrupted": "bold red", "quiet": "bold yellow"}
PLOT_ROWS = (8, 24)
"""Least and most lines of the plot."""


class RunView:
    """A run that is watched.

    The transfer scores are those that the run printed. Baselines are missing: they are computed by
    the family's own code, which is not run here; the report has them.
    """

    def __init__(self, folder: Path) -> None:
        self._reader = RunReader(folder)
        self._transfer: Transfer | None = None
        self._problem = ""
        self.status = RunStatus(self._reader)

    def look(self, limit_s: float = float("inf")) -> None:
        """Read what is new, for about so many seconds at most."""
        self._reader.poll(limit_s)
        self.status = RunStatus(self._reader)
        if self.status.state != "finished":
            self._transfer, self._problem = None, ""
        elif self._transfer is None and self._reader.transfer_path.exists():
            try:
                episodes = self._reader.transfer_table().to_pandas()
                self._transfer = transfer_scores(episodes, self._reader.plan.seed)
                self._problem = ""
            except ConfigError as error:
                self._problem = printable(str(error))
            except (KeyError, ValueError, IndexError):
                path = self._reader.transfer_path
                self._problem = printable(f"{path}: damaged: it holds something else")

    @property
    def behind(self) -> bool:
        """Whether the last look left something unread."""
        return self.status.unread > 0

    @property
    def over(self) -> bool:
        """Whether the run is finished and no process writes any more; figures come last."""
        writer = self.status.writer
        if self.status.state != "finished" or writer is None:
            return self.status.state == "finished"
        return self._reader.figures_drawn() if writer.alive is None else not writer.alive

    def as_json(self) -> dict[str, Any]:
        """The status, and how the run ended."""
        found = self.status.as_json()
        found["problems"] += [self._problem] if self._problem else []
        found["transfer"] = None if self._transfer is None else self._transfer.estimates_json()
        return found

    def show(self, size: TerminalSize) -> RenderableType:
        """Draw all that fits on a screen, and below it how the run ended."""
        plan = self.status.plan
        about = Text(plan.name, "bold").append(
            f"  {plan.strategy} searches {plan.n_parameters} hyperparameters of {plan.learner} on "
            f"{plan.family}, seed {plan.seed}",
            "not bold",
        )
        head = [about, _state_line(self.status), _progress_line(self.status, size)]
        facts = Table.grid(padding=(0, 2))
        facts.add_column()
        facts.add_column(overflow="fold")  # a long path continues in the next line
        for name, value in _facts(self.status):
            facts.add_row(Text(name, "dim"), value)
        console = Console(width=size.columns, color_system=None, legacy_windows=False)
        others = len(console.render_lines(Group(*head, facts), pad=False))
        least, most = PLOT_ROWS
        height = min(max(size.rows - others - 2, least), most)
        return Group(*head, *self._curves(size, height), facts, *self._ending(size.columns))

    def _curves(self, size: TerminalSize, height: int) -> list[Text]:
        x, mean, best, held_out = (
            [math.nan if row[name] is None else row[name] for row in self._reader.rows]
            for name in ("generation", "mean", "best", "held_out_score")
        )
        before = self.status.held_out_before
        first = math.nan if before is None else before.value
        series = [
            Series("mean", x, mean, "-", 5),
            Series("best", x, best, "+", 6),
            Series("held-out", [0, *x], [first, *held_out], "o", 11, joined=False),
        ]
        if not any(math.isfinite(value) for one in series for value in one.y):
            return [Text("nothing to draw yet", "dim")]
        legend = Text("score: ")
        for one in reversed(series):
            mark = one.letter if not size.braille else "⣀⣠⠴" if one.joined else "●"
            legend.append(mark, f"color({one.colour})").append(f" {one.name}  ")
        legend.append("over generations", "dim")
        legend.truncate(size.columns)
        return [legend, draw_curves(series, size.columns, height - 1, size.braille)]

    def _ending(self, columns: int) -> Iterator[RenderableType]:
        if self._problem:
            yield Text(self._problem, "red")
        if (transfer := self._transfer) is None:
            return
        rows = theta_rows(transfer)
        yield terminal_table(transfer.n_tasks, self.status.plan.scale, rows, columns)
        for name, difference in transfer.differences.items():
            yield Text(f"{name}: {describe_difference(difference)}")
        folder = self.status.folder
        for figure in sorted((folder / "figures").glob("*.png")):
            yield Text(printable(f"figure:  {figure}"))
        yield Text(printable(f"report:  {command_line('report', folder)}"))
        yield Text(printable(f"check:   {command_line('verify', folder)}"))


def _state_line(status: RunStatus) -> Text:
    done, state_s = status.generation, span(status.state_s)
    after = f"after generation {done}" if done > 0 else "before the first generation"
    age = "" if status.commit_s is None else f", as of its last commit {span(status.commit_s)} ago"
    text = {
        "starting": f"not begun, its workers start, for {state_s}",
        "searching": f"searching generation {max(done, 0) + 1} of {status.plan.generations}, "
        f"for {state_s}",
        "quiet": f"quiet for {state_s} {after}, though a generation takes "
        f"{span(status.generation_s or 0.0)}",
        "racing": f"points race for being deployed, for {state_s}",
        "transfer": f"transfer to held-out tasks, for {state_s}",
        "finished": f"finished {after}",
        "interrupted": f"interrupted {after}",
        "fetched": f"fetched {after}{age}; fetch it again for what came since",
    }[status.state]
    line = Text(text, STYLES.get(status.state, "bold"))
    if status.writer is not None and status.state not in ("finished", "fetched"):
        alive = {True: "which is alive", False: "which has ended", None: "another machine"}
        line.append(f"; {status.writer}, {alive[status.writer.alive]}", "not bold")
    return line


def _progress_line(status: RunStatus, size: TerminalSize) -> Text:
    share = min(max(status.generation, 0) / max(status.planned, 1), 1.0)
    left = f", about {span(status.left_s)} left" if status.left_s is not None else ""
    label = f" {share:4.0%}{left}"
    width = max(min(size.columns - len(label), 60), 10)
    full, empty = ("█", "░") if size.braille else ("#", ".")
    filled = int(share * width)
    return Text(full * filled, "green").append(empty * (width - filled), "dim").append(label)


def _facts(status: RunStatus) -> Iterator[tuple[str, Text]]:
    yield "held-out", _held_out_line(status)
    if status.best is not None and status.mean is not None:
        own = "".join(f", {k} {v:.3g}" for k, v in status.strategy_says.items())
        yield "search", Text(f"best {status.best:.3f}, mean {status.mean:.3f}{own}")
    rate = status.episodes_per_s
    per_s = "" if not rate else f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
    yield "episodes", Text(f"{status.episodes:,} done{f', {per_s} per second' if rate else ''}")
    if status.busy is not None and status.overhead_s is not None and status.generation_s:
        yield (
            "workers",
            Text(
                f"{status.workers}, busy {status.busy:.0%} of the time; a generation takes "
                f"{span(status.generation_s)}, overhead {span(max(status.overhead_s, 0.0))}; "
                f"{status.retries} retries"
            ),
        )
    if failed := sum(status.failures.values()):
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in status.failures.items())
        share = failed / max(status.episodes, 1)
        yield "failed", Text(f"{failed:,} of all episodes, {share:.1%}: {reasons}", "red")
    else:
        yield "failed", Text("none")
    for name, value in status.budget.items():
        yield f"stop.{name}", Text(value)
    if status.epoch:
        yield "restarts", Text(str(status.epoch))
    if status.stopped:
        yield "ended", Text(status.stopped)
    if status.state == "interrupted":
        yield "continue", Text(printable(command_line("resume", status.resumed)))
    elif status.state not in ("finished", "fetched") and status.commit_s is not None:
        yield "commit", Text(f"the last one {span(status.commit_s)} ago")
    if status.unread:
        yield "reading", Text(f"{status.unread:,} more generations", "yellow")
    for problem in status.problems[:3]:
        yield "problem", Text(problem, "red")
    if len(status.problems) > 3:
        yield "problem", Text(f"and {len(status.problems) - 3} more, see spikeloop verify", "red")


def _held_out_line(status: RunStatus) -> Text:
    now, before = status.held_out, status.held_out_before
    found = now or before
    if found is None:
        return Text("not measured yet" if status.plan.monitored else "not measured while searching")
    text = Text(_interval(found), "bold").append(
        f", n = {found.n} tasks, after generation {status.held_out_generation}", "not bold"
    )
    if now is not None and before is not None:
        text.append(f"; before {_interval(before)}", "not bold")
    return text


def _interval(estimate: Interval) -> str:
    return str(estimate) if math.isfinite(estimate.value) else "failed"  # no episode counts
