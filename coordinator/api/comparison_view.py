"""A comparison as Python sees it: its searches, its findings and their figures."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import pandas as pd

from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.api.plots import ComparisonPlots
from spikeloop.coordinator.api.run_folders import from_here
from spikeloop.coordinator.api.run_view import Run
from spikeloop.coordinator.comparison import result_tables, session
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.comparison_figures import PLOTS
from spikeloop.coordinator.report.comparison_report import comparison_page
from spikeloop.coordinator.report.page import Drawing, Table, Text, bounds, number, table_of
from spikeloop.coordinator.report.write_report import write_page
from spikeloop.coordinator.store.commit_order import REPORT
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification import verify_comparison


class Comparison:
    """One comparison and what it has found, read from its folder when asked.

        comparison = sl.open("runs/strategies")
        comparison.findings.sentences
        comparison.results.groupby("variant")["score"].describe()
        comparison.plot.differences()

    Tables can be read while it is still going on; findings are there once it is finished.
    """

    def __init__(self, config: ComparisonConfig, folder: Path, trust: bool = False) -> None:
        self._config, self._trust = config, trust
        self._folder = folder.absolute()  # the caller may go elsewhere

    @property
    def folder(self) -> Path:
        """The folder of the comparison."""
        return self._folder

    @property
    def name(self) -> str:
        """The name, ``comparison.name`` of its configuration."""
        return self.config.comparison.name

    @property
    def config(self) -> ComparisonConfig:
        """The configuration as resolved, every default filled in; ``config.tables()`` is plain."""
        return self._config

    @property
    def finished(self) -> bool:
        """Whether every search has been scored, so that there are findings."""
        return (self.folder / "results.parquet").exists()

    @property
    def results(self) -> pd.DataFrame:
        """One row a search of the final phase: variant, seed, held-out score with interval."""
        return self._table("results")

    @property
    def anytime(self) -> pd.DataFrame:
        """One row a held-out score measured during a search, with the episodes spent until then."""
        return self._table("anytime")

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial of the tuning: strategy, settings as JSON text, value, episodes."""
        return self._table("trials")

    @property
    def findings(self) -> Findings:
        """Statistics and sentences: ``.variants``, ``.comparisons``, ``.sentences``, ``.cautions``.

        Raises:
            ConfigError: the comparison is not finished.
        """
        if not self.finished:
            raise ConfigError(f"{self.folder}: the comparison is not finished; resume it first")
        return session.find(self.config, self.folder)

    @property
    def plot(self) -> ComparisonPlots:
        """Plots of a finished comparison, such as ``comparison.plot.anytime()``."""
        return ComparisonPlots(self.findings)

    def run(self, variant: str, seed: int = 0) -> Run:
        """Open a search of the final phase.

        Args:
            variant: its name, as in ``results``.
            seed: its ``seed_index`` there.

        Raises:
            ConfigError: there is no such search yet.
        """
        folder = self.folder / "runs" / variant / f"{seed:06d}"
        return Run(read_run(RunStore.open(folder), self._trust), self._trust)

    def report(self, out: str | PathLike[str] | None = None) -> Path:
        """Write the report, one HTML file with all figures, and give its path.

        Args:
            out: the file; by default ``report.html`` in the folder of the comparison.
        """
        path = self.folder / REPORT if out is None else Path(out)
        return write_page(comparison_page(self.config, self.folder), path)

    def verify(self) -> list[str]:
        """Check every file and every number; give the problems, none if all is well."""
        return verify_comparison.verify(self.folder, self._trust).problems

    def __repr__(self) -> str:
        return f"Comparison({str(from_here(self.folder))!r}, {self._progress()})"

    def _repr_html_(self) -> str:
        try:
            return fragment(list(self._blocks()))
        except ConfigError as error:  # a file is damaged
            return fragment([Text(repr(self), "lead"), Text(str(error))])

    def _blocks(self) -> Iterator[Text | Table | Drawing]:
        """Show findings, scores and differences, or how far the comparison is."""
        yield Text(f"Comparison {self.name}", "lead")
        yield Text(f"{self._progress()}. Folder: {from_here(self.folder)}")
        if not self.finished:
            return
        found = self.findings
        yield from (Text(sentence) for sentence in (*found.sentences, *found.cautions))
        yield table_of(
            f"Held-out score after {found.budget:,} episodes: interquartile mean over seeds",
            found.variants,
            {
                "variant": lambda variant: variant.name,
                "settings": lambda variant: variant.settings,
                "searches": lambda variant: variant.n_runs,
                "failed": lambda variant: variant.n_failed,
                "IQM": lambda variant: number(variant.iqm.value),
                "95 % interval": lambda variant: bounds(variant.iqm.low, variant.iqm.high),
            },
            "llrrrr",
        )
        for name in ("scores", "differences"):
            if name == "scores" or found.comparisons:
                yield Drawing(PLOTS[name].figure(found), "", f"{name} of the variants")

    def _progress(self) -> str:
        planned = (len(self.config.given) + len(self.config.tuned)) * self.config.comparison.seeds
        state = "finished" if self.finished else "not finished"
        try:
            return f"{len(self.results)} of at most {planned} searches, {state}"
        except ConfigError:  # a file is damaged; reading the table says which
            return f"at most {planned} searches, results damaged"

    def _table(self, name: str) -> pd.DataFrame:
        """Read a table; before it is written, what is there already of its rows."""
        if (self.folder / f"{name}.parquet").exists():
            return result_tables.read(self.folder, name)
        results, anytime = result_tables.final_rows(self.folder)
        rows = {"results": results, "anytime": anytime, "trials": []}[name]
        frame: pd.DataFrame = result_tables.table(name, rows).to_pandas()
        return frame
