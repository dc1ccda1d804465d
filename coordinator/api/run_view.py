"""A run as Python sees it: its tables, its scores and the Θ that it learned."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.held_out import HeldOut, Score
from spikeloop.coordinator.api.held_out_session import (
    held_out_settings,
    score_point,
    score_run,
    with_family,
    with_learner,
)
from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.api.interpretation_view import Interpretation
from spikeloop.coordinator.api.plots import NOT_MEASURED, RunPlots
from spikeloop.coordinator.api.run_blocks import (
    describe_progress,
    is_finished,
    measured_transfer,
    run_blocks,
)
from spikeloop.coordinator.api.run_folders import from_here
from spikeloop.coordinator.api.target_choice import retarget
from spikeloop.coordinator.api.theta import LearnedTheta
from spikeloop.coordinator.api.view import choose_view
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import open_learned
from spikeloop.coordinator.interpretation.interpret import interpret
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report.page import Text
from spikeloop.coordinator.report.run_report import run_page
from spikeloop.coordinator.report.write_report import write_page
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store import schemas
from spikeloop.coordinator.store.commit_order import REPORT
from spikeloop.coordinator.store.run_folder import RunFolder, warn_of_changes
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.trust import reaches, require
from spikeloop.coordinator.verification.verify_run import verify_opened


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

    @brief_errors
    def evaluate(
        self,
        *,
        tasks: int | None = None,
        seed: int | None = None,
        chip: int | None = None,
        learner: Mapping[str, Any] | None = None,
        family: Mapping[str, Any] | None = None,
        workers: int | None = None,
        address: str | None = None,
        inline: bool = False,
        progress: bool = True,
    ) -> HeldOut:
        """Score the default, random and learned Θ on other tasks, or with another chip.

            run.evaluate(tasks=1000, seed=7).score()
            run.evaluate(chip=21).score()
            run.evaluate(family={"kind": "bandit", "n_arms": 5}).score()
            run.evaluate(learner={"mismatch": "routine"}).differences

        It is what ``spikeloop transfer`` does: episodes on other tasks are kept in the folder
        ``other_transfers`` of the run. Those of another chip, learner or family are of another
        configuration and are not kept.

        Args:
            tasks: how many held-out tasks; by default as many as the run's own.
            seed: which tasks; by default the run's own.
            chip: number of another chip, for a learner that has one.
            learner: other settings of the learner, which must have the same hyperparameters.
            family: other settings of the family, or with ``kind`` another built-in family.
            workers: so many processes on this machine; by default the target of the run.
            address: of a running Ray cluster.
            inline: run in this process, without Ray.
            progress: show a bar and lines.

        Raises:
            ConfigError: a setting is wrong, another process writes the run, or the folder's target
                needs trust.
            RunFailed: every episode of the learned Θ failed.
        """
        run = self._opened.as_of_now()
        warn_of_changes(run)
        config = retarget(self.config, workers, inline, address, "run.evaluate(...)")
        require(self.folder, reaches(config.tables()), self._trust)
        settings = held_out_settings(config, tasks, seed, self.folder)
        view = choose_view(progress)
        changes = {**(learner or {}), **({} if chip is None else {"chip": chip})}
        with StopSignal().installed() as stop:
            if not changes and family is None:
                found = score_run(run, config, settings, view, stop)
            else:
                point = deployed(run)
                config = with_family(with_learner(config, changes, point), family)
                found = score_point(config, point, self.folder, settings, view, stop)
            return HeldOut(found, ends(config.held_out_family.interface))

    @brief_errors
    def interpret(
        self,
        *,
        only: Sequence[str] = (),
        episodes: int | None = None,
        steps: int | None = None,
        seed: int | None = None,
        beside: "str | PathLike[str] | Run | None" = None,
        progress: bool = True,
    ) -> Interpretation:
        """Show what was learned and how it works, in sections such as "behaviour" and "policy".

            run.interpret(only=["policy"], episodes=300)

        It is what ``spikeloop interpret`` does, but writes nothing.

        Args:
            only: names of sections; all that apply if empty.
            episodes: in new tasks; by default as many as each section needs, such as 1000, or
                3 mazes.
            steps: of each episode in a maze; by default 1000.
            seed: which tasks; by default those of the run's transfer.
            beside: another learned rule, to compare a rule with: a run, its folder or a weights
                file.
            progress: print a line for each step of a long section.

        Raises:
            ConfigError: no section applies, or one that is named does not, or an option does not
                fit.
        """
        learned = open_learned(self.folder, self._trust)
        seed = self.config.transfer.seed if seed is None else seed
        folder = beside.folder if isinstance(beside, Run) else beside
        other = None if folder is None else open_learned(Path(folder), self._trust)
        subject = Subject(learned, seed, episodes, steps, other)
        note = choose_view(progress).note
        return Interpretation(interpret(subject, only, note))

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
