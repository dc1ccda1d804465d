"""A run's status as text: what it is at, its curves, its numbers."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.stats.scores import Estimate
from spikeloop.coordinator.store.trust import again
from spikeloop.coordinator.watch.follow import Row
from spikeloop.coordinator.watch.plot import Series, draw
from spikeloop.coordinator.watch.status import Status

STYLES = {
    "finished": "bold green",
    "interrupted": "bold red",
    "quiet": "bold yellow",
}
PLOT_ROWS = (8, 24)
"""Least and most lines of the plot."""


@dataclass(frozen=True)
class Room:
    """What there is to draw on.

    Attributes:
        columns: of the terminal.
        rows: that a frame should fit into; less important lines are not left out for it.
        dots: whether it has colours and the characters of plots.
    """

    columns: int
    rows: int
    dots: bool

    @classmethod
    def of(cls, console: Console) -> "Room":
        """The room of a console as large as it is now.

        The console of Linux itself has no braille, and without colours dots of several series
        cannot be told apart.
        """
        colours = console.color_system not in (None, "windows") and not console.no_color
        drawn = console.encoding.startswith("utf") and os.environ.get("TERM") != "linux"
        return cls(
            max(console.width, 40), console.height if console.is_terminal else 32, colours and drawn
        )


def frame(status: Status, rows: Sequence[Row], room: Room) -> RenderableType:
    """Everything about a run that fits on a screen.

    Args:
        status: of the run.
        rows: of its generations.
        room: to draw on.
    """
    plan = status.plan
    about = Text(plan.name, "bold").append(
        f"  {plan.strategy} searches {plan.n_parameters} hyperparameters of {plan.learner} on "
        f"{plan.family}, seed {plan.seed}",
        "not bold",
    )
    head = [about, _state(status), _progress(status, room)]
    facts = Table.grid(padding=(0, 2))
    facts.add_column()
    facts.add_column(overflow="fold")  # a long path goes on in the next line
    for name, value in _facts(status):
        facts.add_row(Text(name, "dim"), value)
    console = Console(width=room.columns, color_system=None, legacy_windows=False)
    others = len(console.render_lines(Group(*head, facts), pad=False))
    least, most = PLOT_ROWS
    plot = curves(status, rows, room, min(max(room.rows - others - 2, least), most))
    return Group(*head, *plot, facts)


def curves(status: Status, rows: Sequence[Row], room: Room, height: int) -> list[Text]:
    """The plot and its legend."""
    generation = [row["generation"] for row in rows]
    held_out = [(row["generation"], row["held_out_score"]) for row in rows]
    if status.held_out_before is not None:
        held_out.insert(0, (0, status.held_out_before.value))
    held_out = [(g, score) for g, score in held_out if score is not None]
    series = [
        Series("mean", generation, [row["mean"] for row in rows], "-", "magenta"),
        Series("best", generation, [row["best"] for row in rows], "+", "cyan"),
        Series(
            "held-out",
            [g for g, _ in held_out],
            [score for _, score in held_out],
            "o",
            "bold yellow",
            line=False,
        ),
    ]
    if not any(one.x for one in series):
        return [Text("nothing to draw yet", "dim")]
    legend = Text("score: ")
    for one in reversed(series):
        mark = one.letter if not room.dots else "⣀⣠⠴" if one.line else "●"
        legend.append(mark, one.style).append(f" {one.name}  ")
    legend.append("over generations", "dim")
    legend.truncate(room.columns)
    return [legend, *draw(series, room.columns, height - 1, room.dots)]


def _state(status: Status) -> Text:
    done, state_s = status.generation, span(status.state_s)
    after = f"after generation {done}" if done > 0 else "before the first generation"
    words = {
        "starting": f"not begun, its workers start, for {state_s}",
        "searching": f"searching generation {max(done, 0) + 1} of {status.plan.generations}, "
        f"for {state_s}",
        "quiet": f"quiet for {state_s} {after}, though a generation takes "
        f"{span(status.generation_s or 0.0)}",
        "racing": f"points race for being deployed, for {state_s}",
        "transfer": f"transfer to held-out tasks, for {state_s}",
        "finished": f"finished {after}",
        "interrupted": f"interrupted {after}",
        "fetched": f"fetched {after}{_as_of(status)}; fetch it again for what came since",
    }[status.state]
    line = Text(words, STYLES.get(status.state, "bold"))
    if status.writer is not None and status.state not in ("finished", "fetched"):
        alive = {True: "which is alive", False: "which has ended", None: "another machine"}
        line.append(f"; {status.writer}, {alive[status.writer.alive]}", "not bold")
    return line


def _as_of(status: Status) -> str:
    """How old what was fetched is."""
    return "" if status.commit_s is None else f", as of its last commit {span(status.commit_s)} ago"


def _progress(status: Status, room: Room) -> Text:
    done, planned = max(status.generation, 0), max(status.planned, 1)
    share = min(done / planned, 1.0)
    left = f", about {span(status.left_s)} left" if status.left_s is not None else ""
    words = f" {share:4.0%}{left}"
    width = max(min(room.columns - len(words), 60), 10)
    full, empty = ("█", "░") if room.dots else ("#", ".")
    filled = int(share * width)
    return Text(full * filled, "green").append(empty * (width - filled), "dim").append(words)


def _facts(status: Status) -> Iterator[tuple[str, Text]]:
    yield "held-out", _held_out(status)
    if status.best is not None and status.mean is not None:
        told = "".join(f", {k} {v:.3g}" for k, v in status.strategy_says.items())
        yield "search", Text(f"best {status.best:.3f}, mean {status.mean:.3f}{told}")
    rate = f", {amount(status.episodes_per_s)} per second" if status.episodes_per_s else ""
    yield "episodes", Text(f"{status.episodes:,} done{rate}")
    if status.busy is not None and status.overhead_s is not None and status.generation_s:
        yield (
            "workers",
            Text(
                f"{status.workers}, busy {status.busy:.0%} of the time; a generation takes "
                f"{span(status.generation_s)}, overhead {span(max(status.overhead_s, 0.0))}; "
                f"{status.retries} retries"
            ),
        )
    if status.failures:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in status.failures.items())
        failed = sum(status.failures.values())
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
        yield "go on", Text(printable(again("resume", status.resumed)))
    elif status.state not in ("finished", "fetched") and status.commit_s is not None:
        yield "commit", Text(f"the last one {span(status.commit_s)} ago")
    if status.unread:
        yield "reading", Text(f"{status.unread:,} more generations", "yellow")
    for problem in status.problems[:3]:
        yield "problem", Text(problem, "red")
    if len(status.problems) > 3:
        yield "problem", Text(f"and {len(status.problems) - 3} more, see spikeloop verify", "red")


def _held_out(status: Status) -> Text:
    if status.held_out is None and status.held_out_before is None:
        measured = "not measured yet" if status.plan.monitored else "not measured while searching"
        return Text(measured)
    found = status.held_out or status.held_out_before
    text = Text(_interval(found), "bold").append(
        f", n = {found.n_tasks if found else 0} tasks, after generation "
        f"{status.held_out_generation}",
        "not bold",
    )
    if status.held_out is not None and status.held_out_before is not None:
        text.append(f"; before {_interval(status.held_out_before)}", "not bold")
    return text


def _interval(estimate: Estimate | None) -> str:
    """Like ``str(estimate)``, "failed" where no episode counts."""
    return str(estimate) if estimate and math.isfinite(estimate.value) else "failed"


def span(seconds: float) -> str:
    """For example "0.4 s", "12 s", "12:05", "3:10:00" or "4 days"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(value: float) -> str:
    """A rate with two digits or more, for example "0.12", "4.2" or "1,230"."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
