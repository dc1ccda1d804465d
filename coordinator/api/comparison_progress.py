"""A comparison on a terminal: a line for each trial and each search, then the findings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from spikeloop.coordinator.api.progress import LineReporter
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.report.page import bounds, number
from spikeloop.coordinator.report.result_table import result_table
from spikeloop.coordinator.search.reporter import GenerationReport


class ComparisonConsole(LineReporter):
    """Prints a line for each trial and each search that has ended."""

    LEFT = "about {} left"

    def started(self, what: str, n_episodes: int) -> None:
        """Prints nothing: there are too many generations."""

    def generation(self, report: GenerationReport) -> None:
        """Prints nothing: there are too many generations."""

    def trial(
        self, strategy: str, number: int, state: str, value: float, spent: int, reason: str
    ) -> None:
        """Prints the line of a trial, with the reason why it was pruned or failed."""
        shown = f"{value:.3f}" if value == value else "-"
        self.note(
            f"tuning {strategy}  trial {number}  {state}  held-out {shown}  "
            f"{spent} episodes spent  {self._rate()}{'  ' + reason if reason else ''}"
        )

    def result(self, row: Mapping[str, Any]) -> None:
        """Prints the line of a search of the final phase."""
        score = "failed" if row["score"] is None else f"{row['score']:.3f}"
        self.note(
            f"seed {row['seed_index']}  {row['variant']}  held-out {score}  "
            f"{row['episodes']} episodes  {self._rate()}"
            f"{'  ' + row['error'] if row['error'] else ''}"
        )


def print_findings(found: Findings, folder: Path, report: Path, console: Console) -> None:
    """Print the table of variants, the sentences, and where the files are."""
    table = result_table(
        f"Held-out score after {found.budget} episodes (0 by chance, 1 at the optimum)",
        *("variant", "searches", "failed", "IQM", "95 % interval", "mean", "anytime area"),
        *(["reached target"] if found.target is not None else []),
        left="variant",
    )
    for variant in found.variants:
        cells = [
            printable(variant.name),
            str(variant.n_runs),
            str(variant.n_failed),
            number(variant.iqm.value),
            bounds(variant.iqm.low, variant.iqm.high),
            number(variant.mean.value),
            number(variant.area.value),
        ]
        if variant.attainment is not None:
            cells.append(f"{variant.attainment.n_reached}/{variant.attainment.n}")
        table.add_row(*cells)
    console.print(table)
    print_conclusions(found, folder, report, "variant", console)


def print_conclusions(
    found: Findings, folder: Path, report: Path, column: str, console: Console
) -> None:
    """Print the findings as sentences, where the files are, and how to read scores by a column."""
    for sentence in (*found.sentences, *found.cautions):
        console.out(printable(sentence))
    console.out(f"results: {folder}")
    console.out(f"report:  {report}")
    console.out(
        f"pandas:  pd.read_parquet({str(folder / 'results.parquet')!r})"
        f".groupby({column!r})['score'].describe()"
    )
