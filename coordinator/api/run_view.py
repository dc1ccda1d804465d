"""A run as Python sees it: its tables, its scores and the Θ that it learned."""

from dataclasses import replace
from os import PathLike
from pathlib import Path

import pandas as pd

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.held_out import HeldOut, Score
from spikeloop.coordinator.api.held_out_session import score_run
from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.api.learned_view import LearnedView
from spikeloop.coordinator.api.plots import NOT_MEASURED, RunPlots
from spikeloop.coordinator.api.run_blocks import (
    describe_progress,
    is_finished,
    measured_transfer,
    run_blocks,
)
from spikeloop.coordinator.api.run_folders import from_here
from spikeloop.coordinator.api.theta import LearnedTheta
from spikeloop.coordinator.api.view import View
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.page import Text
from spikeloop.coordinator.report.run_report import run_page
from spikeloop.coordinator.report.write_report import write_page
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store import schemas
from spikeloop.coordinator.store.commit_order import REPORT
from spikeloop.coordinator.store.run_folder import RunFolder, warn_of_changes
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify_opened
from spikeloop.tasks.base import FloatArray


class Run(LearnedView):
    """One run and what it has found, read from its folder when asked.

        run = sl.open("runs/first")
        run.score()                # 0.931 [0.921, 0.940], n = 200 tasks
        run.theta                  # the learned hyperparameters, with units
        run.generations.plot("generation", "best")
        run.plot.learning()

    A run that is still going on may be looked at too: everything is as of the last committed
    generation. Units of the columns of a table are in its ``attrs["units"]``.
    """

    def __init__(self, opened: RunFolder, trust: bool = False) -> None:
        store = RunStore(opened.folder.absolute())  # the caller may go elsewhere
        self._opened, self._trust = replace(opened, store=store), trust

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._opened.folder

    @property
    def name(self) -> str:
        """The name of the run, ``run.name`` of its configuration."""
        return self.config.run.name

    @property
    def config(self) -> RunConfig:
        """The configuration as resolved, every default filled in; ``config.tables()`` is plain."""
        return self._opened.config

    @property
    def finished(self) -> bool:
        """Whether the search has ended and its transfer to held-out tasks was measured."""
        return is_finished(self._opened)

    @property
    def generations(self) -> pd.DataFrame:
        """One row a generation: fitness of the population, held-out score, budget, times.

        ``best``, ``mean``, ``median``, ``sd``, ``worst`` are of the scores of its candidates,
        ``held_out_score`` with ``_low`` and ``_high`` is that of the recommended point on held-out
        tasks, where it was measured, and ``strategy_…`` what the strategy reports of itself.
        """
        return self._table("generations")

    @property
    def candidates(self) -> pd.DataFrame:
        """One row a candidate: hyperparameters ``theta_…`` in physical units, and ``fitness``.

        A choice is the index of its option. There are no hyperparameters in spaces of more than
        1024 coordinates.
        """
        return self._table("candidates")

    @property
    def episodes(self) -> pd.DataFrame:
        """One row an episode of the search: ``return``, references, ``score``, seed, ``status``."""
        return self._table("episodes")

    @property
    def curves(self) -> pd.DataFrame:
        """One row a held-out episode during the search; ``curve`` is reward per step, binned."""
        return self._table("curves")

    @property
    def transfer(self) -> pd.DataFrame:
        """One row a held-out episode after the search; ``theta`` is default, random or learned."""
        table = self._table("transfer")
        if table.empty:
            return table
        own = table["transfer_seed"] == self.config.transfer.seed
        return table[own].reset_index(drop=True)

    @property
    def theta(self) -> LearnedTheta:
        """The learned Θ, that is the one to deploy; of an unfinished run the one as of now.

        Raises:
            ConfigError: nothing is committed yet, or a state is damaged.
        """
        return LearnedTheta(self.config.space, deployed(self._opened.as_of_now()))

    def score(self, of: str = "learned") -> Score:
        """Give a score on the held-out tasks, 0 for the random and 1 for the optimal policy.

        Args:
            of: "learned", "default", "random", or a baseline that the family knows.

        Raises:
            ConfigError: there is none of this name, or the run is not finished.
        """
        return self._held_out().score(of)

    @property
    def scores(self) -> pd.DataFrame:
        """One row for each Θ and baseline; columns as of ``HeldOut.scores``."""
        return self._held_out().scores

    @property
    def differences(self) -> pd.DataFrame:
        """The planned comparisons, learned minus each other, paired by task."""
        return self._held_out().differences

    @property
    def plot(self) -> RunPlots:
        """Plots of the run, such as ``run.plot.search()``."""
        return RunPlots(self._opened.as_of_now())

    def report(self, out: str | PathLike[str] | None = None) -> Path:
        """Write the report, one HTML file with all figures, and give its path.

        Args:
            out: the file; by default ``report.html`` in the run folder.
        """
        path = self.folder / REPORT if out is None else Path(out)
        return write_page(run_page(self._opened.as_of_now()), path)

    def verify(self) -> list[str]:
        """Check every file and every number of the run; give the problems, none if all is well."""
        return verify_opened(self._opened.as_of_now()).problems

    @property
    def _source(self) -> Path:
        return self.folder

    def _point(self) -> FloatArray:
        return deployed(self._current())

    def _score(
        self, config: RunConfig, settings: TransferSettings, view: View, stop: StopSignal
    ) -> Transfer:
        """Score its point; the folder keeps the episodes."""
        return score_run(self._current(), config, settings, view, stop)

    def _current(self) -> RunFolder:
        """Return the run as of now, for new episodes; warn if its code has changed since."""
        run = self._opened.as_of_now()
        warn_of_changes(run)
        return run

    def __repr__(self) -> str:
        try:
            progress = describe_progress(self._opened.as_of_now())
        except ConfigError:  # a file is damaged; reading the table says which
            progress = "damaged"
        return f"Run({str(from_here(self.folder))!r}, {progress})"

    def _repr_html_(self) -> str:
        try:
            return fragment(list(run_blocks(self._opened.as_of_now())))
        except ConfigError as error:  # a file is damaged
            return fragment([Text(repr(self), "lead"), Text(str(error))])

    def _held_out(self) -> HeldOut:
        if (transfer := measured_transfer(self._opened)) is None:
            raise ConfigError(f"{self.folder}: {NOT_MEASURED}")
        return HeldOut(transfer, ends(self.config.held_out_family.interface))

    def _table(self, name: str) -> pd.DataFrame:
        table = self._opened.as_of_now().store.table(name)
        if table is None:
            return pd.DataFrame()
        frame: pd.DataFrame = table.to_pandas()
        frame.attrs["units"] = schemas.units(table.schema)
        return frame
