"""What a run and a weights file have in common for Python: a learned Θ to score and interpret."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.held_out import HeldOut
from spikeloop.coordinator.api.held_out_session import (
    held_out_settings,
    score_point,
    with_family,
    with_learner,
)
from spikeloop.coordinator.api.interpretation_view import Interpretation
from spikeloop.coordinator.api.target_choice import retarget
from spikeloop.coordinator.api.view import View, choose_view
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.export.weights import open_learned
from spikeloop.coordinator.interpretation.interpret import interpret
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store.trust import reaches, require
from spikeloop.tasks.base import FloatArray


class LearnedView(ABC):
    """A learned Θ and the configuration that it was learned with."""

    _trust: bool

    @property
    @abstractmethod
    def config(self) -> RunConfig:
        """The configuration as resolved, every default filled in; ``config.tables()`` is plain."""

    @property
    @abstractmethod
    def _source(self) -> Path:
        """The run folder or weights file."""

    @abstractmethod
    def _point(self) -> FloatArray:
        """Return the learned point, (n_dim,)."""

    @abstractmethod
    def _score(
        self, config: RunConfig, settings: TransferSettings, view: View, stop: StopSignal
    ) -> Transfer:
        """Score the learned point on tasks of its own family, with its own learner."""

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
        configuration and are not kept, nor are those of a weights file.

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
        config = retarget(self.config, workers, inline, address, "run.evaluate(...)")
        require(self._source, reaches(config.tables()), self._trust)
        settings = held_out_settings(config, tasks, seed, self._source)
        changes = {**(learner or {}), **({} if chip is None else {"chip": chip})}
        view = choose_view(progress)
        with StopSignal().installed() as stop:
            if changes or family is not None:
                point = self._point()
                config = with_family(with_learner(config, changes, point), family)
                found = score_point(config, point, self._source, settings, view, stop)
            else:
                found = self._score(config, settings, view, stop)
            return HeldOut(found, ends(config.held_out_family.interface))

    @brief_errors
    def interpret(
        self,
        *,
        only: Sequence[str] = (),
        episodes: int | None = None,
        steps: int | None = None,
        seed: int | None = None,
        beside: "str | PathLike[str] | LearnedView | None" = None,
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
        learned = open_learned(self._source, self._trust)
        seed = self.config.transfer.seed if seed is None else seed
        source = beside._source if isinstance(beside, LearnedView) else beside
        other = None if source is None else open_learned(Path(source), self._trust)
        subject = Subject(learned, seed, episodes, steps, other)
        note = choose_view(progress).note
        return Interpretation(interpret(subject, only, note))
