"""A comparison on a terminal: a line for each trial and each search, then the findings."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.formatting import duration, printable
from spikeloop.coordinator.search.reporter import GenerationReport


class ComparisonConsole:
    """Prints a line for each trial and each search that has ended.

    Args:
        n_episodes: estimate of the episodes still to come.
        console: where to print.
    """

    def __init__(self, n_episodes: int, console: Console) -> None:
        self._console = console
        self._n_episodes = n_episodes
        self._episodes_done = 0
        self._started = time.perf_counter()

    def pool(self, description: str) -> None:
        """Say where the work is done."""
        self._started = time.perf_counter()
        self._print(description)

    def note(self, text: str) -> None:
        """Print a line of its own."""
        self._print(text)

    def started(self, what: str, n_episodes: int) -> None:
        """Print nothing: there are too many generations."""

    def episodes_done(self, n_episodes: int) -> None:
        """Count episodes, for the rate."""
        self._episodes_done += n_episodes

    def generation(self, report: GenerationReport) -> None:
        """Print nothing: there are too many generations."""

    def trial(
        self, strategy: str, number: int, state: str, value: float, spent: int, reason: str
    ) -> None:
        """Print the line of a trial, with the reason why it was pruned or failed."""
        shown = f"{value:.3f}" if value == value else "-"
        self._print(
            f"tuning {strategy}  trial {number}  {state}  held-out {shown}  "
            f"{spent} episodes spent  {self._rate()}{'  ' + reason if reason else ''}"
        )

    def result(self, row: Mapping[str, Any]) -> None:
        """Print the line of a search of the final phase."""
        score = "failed" if row["score"] is None else f"{row['score']:.3f}"
        self._print(
            f"seed {row['seed_index']}  {row['variant']}  held-out {score}  "
            f"{row['episodes']} episodes  {self._rate()}"
            f"{'  ' + row['error'] if row['error'] else ''}"
        )

    def _rate(self) -> str:
        elapsed = time.perf_counter() - self._started
        rate = self._episodes_done / elapsed
        if rate == 0:
            return ""
        left = duration(max(self._n_episodes - self._episodes_done, 0) / rate)
        return f"{rate:.1f} episodes/s  about {left} left"

    def _print(self, line: str) -> None:
        self._console.print(printable(line), highlight=False, soft_wrap=True)


def print_findings(found: Findings, folder: Path, report: Path, console: Console) -> None:
    """Print the table of variants, the sentences, and where the files are."""
    table = Table(
        title=f"Held-out score after {found.budget} episodes (0 by chance, 1 at the optimum)",
        title_justify="left",
    )
    columns = ("variant", "searches", "failed", "IQM", "95 % interval", "mean", "anytime area")
    for column in (*columns, *(["reached target"] if found.target is not None else [])):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for variant in found.variants:
        cells = [
            printable(variant.name),
            str(variant.n_runs),
            str(variant.n_failed),
            f"{variant.iqm.value:.3f}",
            f"[{variant.iqm.low:.3f}, {variant.iqm.high:.3f}]",
            f"{variant.mean.value:.3f}",
            f"{variant.area.value:.3f}",
        ]
        if variant.attainment is not None:
            cells.append(f"{variant.attainment.n_reached}/{variant.attainment.n}")
        table.add_row(*cells)
    console.print(table)
    for sentence in (*found.sentences, *found.cautions):
        console.print(printable(sentence), highlight=False, soft_wrap=True)
    console.print(f"results: {folder}", highlight=False, soft_wrap=True)
    console.print(f"report:  {report}", highlight=False, soft_wrap=True)
    console.print(
        f"pandas:  pd.read_parquet({str(folder / 'results.parquet')!r})"
        ".groupby('variant')['score'].describe()",
        highlight=False,
        soft_wrap=True,
    )
