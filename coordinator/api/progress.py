"""What a person sees of a run: one line a commit, a live bar on terminals, the final table."""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.formatting import duration, printable
from spikeloop.coordinator.report import theta_table, transfer_table
from spikeloop.coordinator.search.deployment import deployed, race_size
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.search.search_size import generation_episodes, max_generations
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.search.transfer_design import transfer_size
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store.run_folder import RunFolder


class LineReporter:
    """Prints lines, and the rate of episodes with the time that ``n_episodes`` leave at this rate.

    ``LEFT`` are the words for that time.
    """

    LEFT = "left {}"

    def __init__(self, n_episodes: int, console: Console) -> None:
        self._console = console
        self._n_episodes = n_episodes
        self._episodes_done = 0
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        """Begins to show."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends."""

    def pool(self, description: str) -> None:
        """Says where the work is done."""
        self._started = time.perf_counter()
        self.note(description)

    def note(self, text: str) -> None:
        """Prints a line."""
        self._console.out(printable(text))

    def episodes_done(self, n_episodes: int) -> None:
        """Counts episodes."""
        self._episodes_done += n_episodes

    def _rate(self) -> str:
        elapsed = time.perf_counter() - self._started
        if self._episodes_done == 0 or elapsed <= 0:
            return ""
        rate = self._episodes_done / elapsed
        left = duration(max(self._n_episodes - self._episodes_done, 0) / rate)
        return f"{rate:.1f} episodes/s  {self.LEFT.format(left)}"


def episode_bar(console: Console) -> Progress:
    """Give a bar of episodes with their ``rate``, which disappears at its end."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed}/{task.total} episodes  {task.fields[rate]}"),
        console=console,
        transient=True,
    )


class ConsoleReporter(LineReporter):
    """Prints the progress of a run.

    On a terminal a bar shows the episodes of the grid that is on its way; elsewhere there is one
    plain line a commit. Nothing else writes to standard output while a run is going on.
    """

    def __init__(self, generations: int, n_episodes: int, console: Console) -> None:
        super().__init__(n_episodes, console)
        self._generations = generations
        self._failures: Counter[str] = Counter()
        self._bar: Progress | None = None
        self._grid: Any = None

    def __enter__(self) -> Self:
        """Starts the bar, if there is a terminal to show it on."""
        if self._console.is_terminal:
            self._bar = episode_bar(self._console)
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def started(self, what: str, n_episodes: int) -> None:
        """Begins the bar anew; drawing it at once would cost more than a short generation."""
        if self._bar is not None:
            if self._grid is None:
                self._grid = self._bar.add_task(what, total=n_episodes, rate=self._rate())
            shown: dict[str, Any] = {"description": what, "total": n_episodes, "rate": self._rate()}
            self._bar.update(self._grid, completed=0, **shown)
        elif what.startswith(("transfer", "race")):
            self._console.out(f"{what}: {n_episodes} episodes")

    def episodes_done(self, n_episodes: int) -> None:
        """Moves the bar."""
        super().episodes_done(n_episodes)
        if self._bar is not None:
            self._bar.update(self._grid, advance=n_episodes, rate=self._rate())

    def generation(self, report: GenerationReport) -> None:
        """Prints the line of the generation that a commit ended with."""
        self._failures.update(report.failures)
        held_out = f"  held-out {report.held_out}" if report.held_out else ""
        reasons = ", ".join(f"{n} {reason}" for reason, n in self._failures.items())
        failed = f"{self._failures.total()} ({reasons})" if reasons else "0"
        width = len(str(self._generations))
        self.note(
            f"generation {report.generation:{width}d}/{self._generations}"
            f"  best {report.best:.3f}  mean {report.mean:.3f}"
            f"  {self._rate()}  failed {failed}{held_out}"
        )
        if report.stopped.startswith("restarted"):  # an end is printed once more, also on resuming
            self.note(report.stopped)


def episodes_to_come(config: RunConfig, done: int) -> int:
    """Episodes at most of a run that has ``done`` generations behind it, held-out ones included.

    A rule of ``[stop]`` may end it earlier.
    """
    transfer, generations = config.transfer, max_generations(config)
    to_monitor = [g for g in transfer.monitored(generations) if g > done or done == 0]
    return (
        max(generations - done, 0) * generation_episodes(config)
        + len(to_monitor) * transfer.monitor_tasks
        + race_size(config)
        + transfer_size(transfer)
    )


def print_transfer(transfer: Transfer, scale: tuple[str, str], console: Console) -> None:
    """Prints the score of each Θ and each baseline on the held-out tasks, and the comparisons.

    ``scale`` says what scores 0 and what scores 1.
    """
    baselines = [(name, *baseline.cells, "", "") for name, baseline in transfer.baselines.items()]
    rows = transfer_table.theta_rows(transfer)
    console.print(
        transfer_table.terminal_table(transfer.n_tasks, scale, rows, console.width, baselines)
    )
    for name, difference in transfer.differences.items():
        console.out(f"{name}: {transfer_table.describe_difference(difference)}")
    for name, baseline in transfer.baselines.items():
        console.out(
            printable(
                f"learned - {name}: {transfer_table.describe_difference(baseline.learned_minus)}"
            )
        )


def print_theta(run: RunFolder, console: Console) -> None:
    """Prints the learned Θ of a run: names, values, units, ranges."""
    where = f"also in {run.folder / 'theta'}, with the units in the metadata of its fields"
    rows = theta_table.theta_rows(run.config.space, deployed(run))
    console.print(theta_table.terminal_table(rows, where))


def print_results(run: RunFolder, transfer: Transfer, console: Console, files: bool = True) -> None:
    """Prints what a finished run has found and where it is, and how to use its ``files``."""
    print_transfer(transfer, ends(run.config.held_out_family.interface), console)
    print_theta(run, console)
    console.out(f"results: {run.folder}")
    if not files:
        return
    for figure in sorted((run.folder / "figures").glob("*.png")):
        console.out(f"figure:  {figure}")
    how_to_read(run.store.part_path("transfer", run.config.transfer.seed), console)


def how_to_read(transfer: Path, console: Console) -> None:
    """Prints the line that reads the numbers of a transfer table from its file.

    It names the file and not its folder, which may hold several evaluations: run folders of older
    programs do.
    """
    console.out(
        f"pandas:  pd.read_parquet({str(transfer)!r})"
        ".groupby('theta')[['return', 'random', 'optimal']].mean()"
    )


def stream(stderr: bool = False) -> Console:
    """The console of progress and results; wide enough for tables where there is no terminal."""
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else 110
    return Console(stderr=stderr, width=width, markup=False, highlight=False)
