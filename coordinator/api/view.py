"""Where a person follows a run, comparison or sweep: on a console, in a notebook, nowhere."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from rich.console import Console

from spikeloop.coordinator.api import comparison_progress, progress, sweep_progress
from spikeloop.coordinator.api.notebook import NotebookView, in_notebook
from spikeloop.coordinator.comparison.comparison import ComparisonReporter
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search.reporter import SessionReporter
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.sweep.side_by_side import SweepReporter


class View(Protocol):
    """Something that shows a session and its results."""

    def note(self, text: str) -> None:
        """Show a line before the session begins."""

    def run(self, config: RunConfig, n_episodes: int) -> AbstractContextManager[SessionReporter]:
        """Show the progress of a run within a block."""

    def run_results(self, run: RunFolder, transfer: Transfer) -> None:
        """Show what a run has found."""

    def comparison(self, n_episodes: int) -> AbstractContextManager[ComparisonReporter]:
        """Show the progress of a comparison within a block."""

    def comparison_results(self, found: Findings, folder: Path, report: Path) -> None:
        """Show what a comparison has found."""

    def sweep(self, n_episodes: int, n_runs: int) -> AbstractContextManager[SweepReporter]:
        """Show the progress of a sweep within a block."""

    def sweep_results(self, found: Findings, folder: Path, report: Path) -> None:
        """Show what a sweep has found."""


class ConsoleView:
    """Shows sessions on a console: a live bar on terminals, a line a commit elsewhere.

    With ``as_json`` the findings of a comparison or a sweep go to standard output as JSON.
    """

    def __init__(self, console: Console, as_json: bool = False) -> None:
        self._console = console
        self._as_json = as_json

    def note(self, text: str) -> None:
        """Prints a line before the session begins."""
        self._console.out(text)

    def run(self, config: RunConfig, n_episodes: int) -> progress.ConsoleReporter:
        """Shows the progress of a run within a block."""
        return progress.ConsoleReporter(config.run.generations, n_episodes, self._console)

    def run_results(self, run: RunFolder, transfer: Transfer) -> None:
        """Prints what a run has found."""
        progress.print_results(run, transfer, self._console)

    def comparison(self, n_episodes: int) -> comparison_progress.ComparisonConsole:
        """Shows the progress of a comparison within a block."""
        return comparison_progress.ComparisonConsole(n_episodes, self._console)

    def comparison_results(self, found: Findings, folder: Path, report: Path) -> None:
        """Prints what a comparison has found."""
        if self._as_json:
            print(json.dumps(found.as_json()))
            return
        comparison_progress.print_findings(found, folder, report, self._console)

    def sweep(self, n_episodes: int, n_runs: int) -> sweep_progress.SweepConsole:
        """Shows the progress of a sweep within a block."""
        return sweep_progress.SweepConsole(n_episodes, n_runs, self._console)

    def sweep_results(self, found: Findings, folder: Path, report: Path) -> None:
        """Prints what a sweep has found."""
        if self._as_json:
            print(json.dumps(found.as_json()))
            return
        sweep_progress.print_findings(found, folder, report, self._console)


def choose_view(shown: bool) -> View:
    """Give the view for where this program runs; one that shows nothing unless ``shown``."""
    if not shown:
        return ConsoleView(Console(quiet=True))
    return NotebookView() if in_notebook() else ConsoleView(progress.stream())
