"""Progress in a notebook: one output below the cell, which is redrawn in place.

It needs no widgets, so it shows in every program that opens notebooks, and the saved notebook keeps
its last state. Rich's own support for notebooks makes each line an output by itself.
"""

import html
import io
import sys
import time
from collections import deque
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from rich.console import Console

from spikeloop.coordinator.api.comparison_progress import ComparisonConsole, print_findings
from spikeloop.coordinator.api.progress import ConsoleReporter, LineReporter, print_results
from spikeloop.coordinator.api.sweep_progress import SweepConsole
from spikeloop.coordinator.api.sweep_progress import print_findings as print_sweep_findings
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.formatting import duration
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.store.run_folder import RunFolder

REDRAWN_S = 0.25
"""The output changes at most this often, so that it does not flicker."""
LINES = 8
"""Lines that are shown while work goes on."""
WIDTH = 110
"""Characters of a line of results."""


def in_notebook() -> bool:
    """Whether this program runs in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class Output:
    """What stands below the cell: a bar while work goes on, and lines."""

    def __init__(self, n_episodes: int) -> None:
        self.n_episodes = n_episodes
        self.n_done = 0
        self.lines: deque[str] = deque(maxlen=LINES)
        self.caption = ""
        self.working = True
        self._handle: Any = None
        self._drawn = 0.0

    def draw(self, at_once: bool = False) -> None:
        """Show the present state, unless it was drawn a moment ago."""
        if self._handle is None:
            self._handle = import_module("IPython.display").display(self, display_id=True)
        elif at_once or time.perf_counter() > self._drawn + REDRAWN_S:
            self._handle.update(self)
        else:
            return
        self._drawn = time.perf_counter()

    def __repr__(self) -> str:
        return "\n".join((*self.lines, self.caption) if self.working else self.lines)

    def _repr_html_(self) -> str:
        bar = f'<progress value="{self.n_done}" max="{max(self.n_episodes, 1)}"></progress>'
        caption = f"<div>{bar} {html.escape(self.caption)}</div>" if self.working else ""
        lines = html.escape("\n".join(self.lines))
        style = "margin: 0; line-height: 1.3; white-space: pre; overflow-x: auto"
        return f'{caption}<pre style="{style}">{lines}</pre>'


class _InPlace(LineReporter):
    """Shows lines and the share of the episodes that are done in one output."""

    _output: Output

    def __enter__(self) -> Self:
        """Begins the output."""
        self._output = Output(self._n_episodes)
        self._output.caption = "starting"
        self._output.draw()
        return self

    def __exit__(self, *error: object) -> None:
        """Leaves a line that says how much was done, and the last of the others."""
        output = self._output
        output.working = False
        seconds = time.perf_counter() - self._started
        output.lines.append(f"{self._episodes_done} episodes in {duration(seconds)}")
        output.lines = deque(list(output.lines)[-2:], maxlen=LINES)
        output.draw(at_once=True)

    def note(self, text: str) -> None:
        """Adds a line."""
        self._output.lines.append(text)
        self._output.draw()

    def started(self, what: str, n_episodes: int) -> None:
        """Says what is running."""
        self._caption = what
        self._move()

    def episodes_done(self, n_episodes: int) -> None:
        """Moves the bar."""
        super().episodes_done(n_episodes)
        self._move()

    def _move(self) -> None:
        self._output.n_done = self._episodes_done
        self._output.caption = f"{self._caption}  {self._rate()}"
        self._output.draw()


class _RunInPlace(_InPlace, ConsoleReporter):
    """Shows the progress of a run in one output."""


class _ComparisonInPlace(_InPlace, ComparisonConsole):
    """Shows the progress of a comparison in one output."""


class _SweepInPlace(_InPlace, SweepConsole):
    """Shows the progress of a sweep in one output."""

    _caption = ""

    def started(self, what: str, n_episodes: int) -> None:
        """Says nothing of the grids of single runs."""

    def describe(self, what: str) -> None:
        """Says how many runs are under way."""
        self._caption = what
        self._move()


class NotebookView:
    """Shows sessions below the cell that runs them."""

    def note(self, text: str) -> None:
        """Prints a line before the session begins."""
        print(text)

    def run(self, config: RunConfig, n_episodes: int) -> _RunInPlace:
        """Shows the progress of a run within a block."""
        return _RunInPlace(config.run.generations, n_episodes, _text())

    def run_results(self, run: RunFolder, transfer: Transfer) -> None:
        """Shows what a run has found as text; ``Run`` itself has the figures."""
        console = _text()
        print_results(run, transfer, console, files=False)
        _show(console)

    def comparison(self, n_episodes: int) -> _ComparisonInPlace:
        """Shows the progress of a comparison within a block."""
        return _ComparisonInPlace(n_episodes, _text())

    def comparison_results(self, found: Findings, folder: Path, report: Path) -> None:
        """Shows what a comparison has found as text."""
        console = _text()
        print_findings(found, folder, report, console)
        _show(console)

    def sweep(self, n_episodes: int, n_runs: int) -> _SweepInPlace:
        """Shows the progress of a sweep within a block."""
        return _SweepInPlace(n_episodes, n_runs, _text())

    def sweep_results(self, found: Findings, folder: Path, report: Path) -> None:
        """Shows what a sweep has found as text."""
        console = _text()
        print_sweep_findings(found, folder, report, console)
        _show(console)


def _text() -> Console:
    """Give a console that collects text."""
    return Console(
        file=io.StringIO(),
        width=WIDTH,
        markup=False,
        highlight=False,
        force_terminal=False,
        force_jupyter=False,
    )


def _show(console: Console) -> None:
    print(console.file.getvalue(), end="")  # type: ignore[attr-defined]
