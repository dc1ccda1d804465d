"""A sweep as Python sees it: its runs, its results and findings, and their figures."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import pandas as pd

from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.api.plots import ComparisonPlots
from spikeloop.coordinator.api.run_folders import from_here
from spikeloop.coordinator.api.run_view import Run
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.comparison_figures import PLOTS
from spikeloop.coordinator.report.page import Drawing, Table, Text
from spikeloop.coordinator.report.sweep_report import scores_table, sweep_page
from spikeloop.coordinator.report.write_report import write_page
from spikeloop.coordinator.store.commit_order import REPORT
from spikeloop.coordinator.store.folder_kind import is_run
from spikeloop.coordinator.store.result_files import FINDINGS, RESULTS
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import results, session
from spikeloop.coordinator.sweep.sweep_config import SweepConfig
from spikeloop.coordinator.verification import verify_sweep


class Sweep:
    """One sweep and what it has found, read from its folder when asked.

        sweep = sl.open("sweeps/mdp")
        sweep.results.groupby("setting")["score"].describe()
        sweep.differences
        sweep.plot.scores()

    Results can be read while it is still going on; findings are there once it is finished.
    """

    def __init__(self, config: SweepConfig, folder: Path, trust: bool = False) -> None:
        self._config, self._trust = config, trust
        self._folder = folder.absolute()  # the caller may go elsewhere

    @property
    def folder(self) -> Path:
        """The folder of the sweep."""
        return self._folder

    @property
    def name(self) -> str:
        """The name of the sweep."""
        return self._config.name

    @property
    def config(self) -> SweepConfig:
        """The settings and seeds as resolved; ``config.as_json()`` is plain."""
        return self._config

    @property
    def finished(self) -> bool:
        """Whether every run has ended, so that there are findings."""
        return (self.folder / FINDINGS).exists()

    @property
    def results(self) -> pd.DataFrame:
        """One row a run: setting, the varied keys, seed, held-out score with interval, costs.

        ``score`` is that of the learned Θ, beside those of the default and of random Θ; it is nan
        where the run failed, and ``error`` says why.
        """
        if not (self.folder / RESULTS).exists():
            empty: pd.DataFrame = results.results_table(self._config, {}).to_pandas()
            return empty
        return results.read(self.folder, RESULTS, results.RUN_COLUMNS)

    @property
    def measured(self) -> pd.DataFrame:
        """One row a held-out score measured during a search, with the episodes spent until then."""
        rows = results.measured_rows(self._config, self.folder)
        return pd.DataFrame(rows, columns=results.MEASURED.names)

    @property
    def runs(self) -> dict[tuple[str, int], Run]:
        """The runs that have begun, by setting and seed."""
        return {
            (planned.setting.label, planned.seed): Run(
                read_run(RunStore.open(self.folder / planned.path), self._trust), self._trust
            )
            for planned in self._config.runs()
            if is_run(self.folder / planned.path)
        }

    @property
    def findings(self) -> Findings:
        """Statistics and sentences: ``.variants`` (the settings), ``.comparisons``, ``.sentences``.

        Raises:
            ConfigError: the sweep is not finished.
        """
        if not self.finished:
            raise ConfigError(f"{self.folder}: the sweep is not finished; resume it first")
        return session.find(self._config, self.folder)

    @property
    def differences(self) -> pd.DataFrame:
        """One row a setting: its mean difference to the baseline, paired by seed, with its test.

        ``low`` and ``high`` are of the BCa 95 % interval; ``p_holm`` is that of the exact Wilcoxon
        test after Holm's correction over all rows.
        """
        return pd.DataFrame(
            [
                {
                    "setting": one.variant,
                    "baseline": one.other,
                    "n_seeds": one.n,
                    "difference": one.difference.value,
                    "low": one.difference.low,
                    "high": one.difference.high,
                    "p": one.test.p,
                    "p_holm": one.p_holm,
                    "verdict": one.verdict,
                }
                for one in self.findings.comparisons
            ]
        )

    @property
    def plot(self) -> ComparisonPlots:
        """Plots of a finished sweep: ``scores``, ``differences``, ``anytime``, ``profile``."""
        return ComparisonPlots(self.findings)

    def report(self, out: str | PathLike[str] | None = None) -> Path:
        """Write the report, one HTML file with all figures, and give its path.

        Args:
            out: the file; by default ``report.html`` in the folder of the sweep.
        """
        path = self.folder / REPORT if out is None else Path(out)
        return write_page(sweep_page(self._config, self.folder), path)

    def verify(self) -> list[str]:
        """Check every file and every number; give the problems, none if all is well."""
        return verify_sweep.verify(self.folder, self._trust).problems

    def __repr__(self) -> str:
        return f"Sweep({str(from_here(self.folder))!r}, {self._progress()})"

    def _repr_html_(self) -> str:
        try:
            return fragment(list(self._blocks()))
        except ConfigError as error:  # a file is damaged
            return fragment([Text(repr(self), "lead"), Text(str(error))])

    def _blocks(self) -> Iterator[Text | Table | Drawing]:
        """Show findings, scores and differences, or how far the sweep is."""
        yield Text(f"Sweep {self.name}", "lead")
        yield Text(f"{self._progress()}. Folder: {from_here(self.folder)}")
        if not self.finished:
            return
        found = self.findings
        yield from (Text(sentence) for sentence in (*found.sentences, *found.cautions))
        yield scores_table(self._config, found)
        for name in ("scores", "differences"):
            if name == "scores" or found.comparisons:
                yield Drawing(PLOTS[name].figure(found), "", f"{name} of the settings")

    def _progress(self) -> str:
        planned = len(self._config.settings) * len(self._config.seeds)
        try:
            return f"{len(self.results)} of {planned} runs have ended"
        except ConfigError:  # a file is damaged; reading the table says which
            return f"{planned} runs, results damaged"
