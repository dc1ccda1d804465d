"""A run as Python sees it: its tables, its scores and the Θ that it learned."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import pandas as pd

from spikeloop.coordinator.api.held_out import HeldOut, Score
from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.api.plots import NOT_MEASURED, RunPlots
from spikeloop.coordinator.api.theta import Theta
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report import run_figures, theta_table, transfer_table
from spikeloop.coordinator.report.page import Drawing, Table, Text
from spikeloop.coordinator.report.run_report import run_page
from spikeloop.coordinator.report.write_report import write_page
from spikeloop.coordinator.search.baselines import OtherTasks
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.search.transfer import Transfer, transfer_scores, with_baselines
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store import schemas
from spikeloop.coordinator.store.commit_order import REPORT
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.verification.verify_run import verify_opened
from spikeloop.coordinator.watch.writer import find_writer


class Run:
    """One run and what it has found, read from its folder when asked.

        run = sl.open("runs/first")
        run.score()                # 0.931 [0.921, 0.940], n = 200 tasks
        run.theta                  # the learned hyperparameters, with units
        run.generations.plot("generation", "best")
        run.plot.learning()

    A run that is still going on may be looked at too: everything is as of the last committed
    generation. Units of the columns of a table are in its ``attrs["units"]``.
    """

    def __init__(self, opened: RunFolder) -> None:
        self._opened = opened

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
        return self._opened.search_is_over and not run_figures.own_transfer(self._opened).empty

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
    def theta(self) -> Theta:
        """The learned Θ, that is the one to deploy; of an unfinished run the one as of now.

        Raises:
            ConfigError: nothing is committed yet, or a state is damaged.
        """
        return Theta(self.config.space, deployed(self._opened.as_of_now()))

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

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self._progress()})"

    def _repr_html_(self) -> str:
        try:
            return fragment(list(self._blocks()))
        except ConfigError as error:  # a file is damaged
            return fragment([Text(repr(self), "lead"), Text(str(error))])

    def _blocks(self) -> Iterator[Text | Table | Drawing]:
        """Show scores, figures and the learned Θ, as far as they are there."""
        config, run = self.config, self._opened.as_of_now()
        kinds = {name: table.get("kind") for name, table in config.tables().items()}
        yield Text(f"Run {self.name}", "lead")
        yield Text(
            f"{kinds['strategy']} searches the hyperparameters of {kinds['learner']} on "
            f"{kinds['family']}: {self._progress()}. Folder: {self.folder}"
        )
        scale = ends(config.family.interface)
        if (transfer := self._transfer()) is not None:
            policies = [(name, *own.cells, "", "") for name, own in transfer.baselines.items()]
            yield Table(
                f"Score on {transfer.n_tasks} held-out tasks (0 {scale[0]}, 1 {scale[1]})",
                transfer_table.COLUMNS,
                [*transfer_table.theta_rows(transfer, " Θ"), *policies],
            )
        generations = run_figures.frame(run.store, "generations")
        if generations.empty:
            yield Text("No generation is committed yet.")
            return
        rows = theta_table.theta_rows(config.space, deployed(run))
        which = "The learned Θ" if self.finished else "Θ as of now"
        yield Table(which, theta_table.COLUMNS, [row.cells for row in rows], "lrrll")
        curves, seed = run_figures.frame(run.store, "curves"), config.run.seed
        yield Drawing(
            run_figures.search_figure(generations, curves, seed, scale, "The search"),
            "",
            f"Fitness and held-out score over {len(generations)} generations",
        )
        if transfer is not None:
            episodes, steps = run_figures.own_transfer(run), config.family.interface.n_steps
            yield Drawing(
                run_figures.learning_figure(episodes, steps, seed, scale),
                "",
                "Reward per step within held-out episodes of default, random and learned Θ",
            )

    def _progress(self) -> str:
        """For example "12 of 30 generations, going on"."""
        run = self._opened.as_of_now()
        done = max(run.store.generation(), 0)
        counted = f"{done} of {self.config.run.generations} generations"
        if self.finished:
            return f"{counted}, finished"
        writer = find_writer(self.folder)
        if writer is None or writer.alive is False:
            return f"{counted}, interrupted"
        return f"{counted}, going on" + ("" if writer.alive else f" on {writer.host}, or ended")

    def _held_out(self) -> HeldOut:
        if (transfer := self._transfer()) is None:
            raise ConfigError(f"{self.folder}: {NOT_MEASURED}")
        return HeldOut(transfer)

    def _transfer(self) -> Transfer | None:
        """Score the run's own held-out episodes; None if there are none yet."""
        episodes = run_figures.own_transfer(self._opened)
        if episodes.empty:
            return None
        try:
            return with_baselines(self.config, episodes)
        except OtherTasks:  # an older version drew other ones, on which no baseline is known
            return transfer_scores(episodes, self.config.run.seed)

    def _table(self, name: str) -> pd.DataFrame:
        table = self._opened.as_of_now().store.table(name)
        if table is None:
            return pd.DataFrame()
        frame: pd.DataFrame = table.to_pandas()
        frame.attrs["units"] = schemas.units(table.schema)
        return frame
