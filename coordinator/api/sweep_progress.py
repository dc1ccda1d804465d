"""A sweep on a terminal: a line for each run that has ended, a bar for all, then the findings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from spikeloop.coordinator.api.comparison_progress import print_conclusions
from spikeloop.coordinator.api.progress import LineReporter, episode_bar
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.report.page import bounds, number
from spikeloop.coordinator.report.result_table import result_table
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.sweep.sweep_config import PlannedRun


class SweepConsole(LineReporter):
    """Prints a line for each run that has ended, and shows a bar of all episodes on terminals."""

    LEFT = "about {} left"

    def __init__(self, n_episodes: int, n_runs: int, console: Console) -> None:
        super().__init__(n_episodes, console)
        self._n_runs = n_runs
        self._n_ended = self._n_running = 0
        self._warnings: set[str] = set()
        self._bar: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> "SweepConsole":
        """Start the bar, if there is a terminal to show it on."""
        if self._console.is_terminal:
            self._bar = episode_bar(self._console)
            self._task = self._bar.add_task("sweep", total=self._n_episodes, rate="")
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def note(self, text: str) -> None:
        """Print a line; what several runs warn of is printed for the first."""
        _, warns, warning = text.partition("warning: ")
        if warns and warning in self._warnings:
            return
        self._warnings.add(warning)
        super().note(text)

    def started(self, what: str, n_episodes: int) -> None:
        """Print nothing: there are too many generations."""

    def generation(self, report: GenerationReport) -> None:
        """Print nothing: there are too many generations."""

    def episodes_done(self, n_episodes: int) -> None:
        """Move the bar."""
        super().episodes_done(n_episodes)
        if self._bar is not None:
            self._bar.update(self._task, advance=n_episodes, rate=self._rate())

    def run_started(self, planned: PlannedRun) -> None:
        """Count the runs under way."""
        self._n_running += 1
        self.describe(self._words())

    def run_ended(self, row: Mapping[str, Any]) -> None:
        """Print the line of a run."""
        self._n_running -= 1
        self._n_ended += 1
        self.describe(self._words())
        score = "failed"
        if not row["error"]:
            score = f"{row['score']:.3f} [{row['score_low']:.3f}, {row['score_high']:.3f}]"
        self.note(
            f"{row['setting']}, seed {row['seed']}  held-out {score}  {row['episodes']} episodes  "
            f"{self._rate()}{'  ' + row['error'] if row['error'] else ''}"
        )

    def describe(self, what: str) -> None:
        """Name the bar."""
        if self._bar is not None:
            self._bar.update(self._task, description=what)

    def _words(self) -> str:
        return f"{self._n_running} under way, {self._n_ended} of {self._n_runs} runs ended"


def print_findings(found: Findings, folder: Path, report: Path, console: Console) -> None:
    """Print the table of settings, the sentences, and where the files are."""
    table = result_table(
        "Held-out score of the learned Θ (0 by chance, 1 at the optimum)",
        *("setting", "runs", "failed", "mean", "95 % interval", "IQM", "episodes a run"),
        left="setting",
    )
    for setting in found.variants:
        table.add_row(
            printable(setting.name),
            str(setting.n_runs),
            str(setting.n_failed),
            number(setting.mean.value),
            bounds(setting.mean.low, setting.mean.high),
            number(setting.iqm.value),
            f"{setting.episodes / setting.n_runs:.0f}",
        )
    console.print(table)
    print_conclusions(found, folder, report, "setting", console)
