"""Tuning one strategy: an Optuna study over its own settings, at a budget counted in episodes.

Trials are asked and told one after the other by this process alone. Trial 0 has the settings as
given, so that tuning starts from what it has to beat. The settings of a trial are a function of
the trials before it and of a seed that follows from the comparison's and the trial's number, and
they are stored before it begins: so the trials of a study that was interrupted and resumed are
those of an undisturbed one.

A trial is pruned if, once a quarter, half or three quarters of its budget are spent, the best of
the held-out scores that it had within so many episodes is below the median of what the complete
trials of *its own* study had there. Other strategies never count: a strategy that starts slowly
would be cut off by one that starts fast.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.comparison import trial_records
from spikeloop.coordinator.comparison import variant_search as searches
from spikeloop.coordinator.comparison.affordable import left_out, tuned_space
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.studies import (
    TUNING,
    checked_trials,
    open_study,
    proposal,
    ranges,
    run_seeds,
)
from spikeloop.coordinator.comparison.tunable_space import settings_of
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search.reporter import Reporter
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

CHECKPOINTS = 4
"""A trial reports when each quarter of its budget but the last is spent."""


class TrialReporter(Reporter, Protocol):
    """A reporter that is also told of trials and contests."""

    def trial(
        self, strategy: str, number: int, state: str, value: float, spent: int, reason: str
    ) -> None:
        """A trial has ended; the reason is empty unless it was pruned or failed."""
        ...

    def note(self, text: str) -> None:
        """Something that needs a line of its own."""
        ...


@dataclass(frozen=True)
class Tuned:
    """The best trial of a study.

    Attributes:
        settings: of the strategy, nested, on top of those given.
        number: of the trial.
        value: its held-out score, biased upwards because it was chosen.
        n_trials: that ended, pruned and failed ones included.
    """

    settings: Mapping[str, Any]
    number: int
    value: float
    n_trials: int


def tune(
    config: ComparisonConfig,
    strategy: str,
    folder: Path,
    pool: WorkerPool,
    reporter: TrialReporter,
) -> Tuned | None:
    """Runs trials until the budget allows no further one.

    Args:
        config: of the comparison.
        strategy: name of the strategy.
        folder: of the comparison.
        pool: where.
        reporter: told of each trial.

    Returns:
        The best trial, or None if every trial failed.
    """
    from optuna.trial import TrialState

    study = open_study(config, folder, strategy)
    found, lacking = checked_trials(config, folder, strategy, study)
    trial_records.restore(found, folder, strategy)
    if found or lacking:
        reporter.note(_found(strategy, len(found), lacking))
    space = tuned_space(config, strategy)
    if not found:
        for line in left_out(config, strategy, space):
            reporter.note(line)
    cost = config.comparison.budget * config.tuning.seeds
    while True:
        trials = study.get_trials(deepcopy=False)
        finished = [trial for trial in trials if trial.state.is_finished()]
        spent = sum(trial.user_attrs.get("charged", 0) for trial in finished)
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        if not running and spent + cost > config.tuning.episodes:
            break
        trial = _trial(config, study, strategy, space, folder, running[0] if running else None)
        _live(config, study, strategy, trial, folder, pool, reporter, spent)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        return None
    best = max(complete, key=lambda trial: (trial.value, -trial.number))
    return Tuned(settings_of(best.params), best.number, float(best.value or 0), len(trials))


def _trial(
    config: ComparisonConfig,
    study: "Study",
    strategy: str,
    space: ParameterSpace,
    folder: Path,
    running: "FrozenTrial | None",
) -> "Trial":
    """The trial that was interrupted, or a new one; either way with all its settings stored."""
    from optuna.trial import Trial, TrialState

    laws = ranges(study, space)
    if running is None:
        if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            record = trial_records.path_of(folder, strategy, len(study.get_trials(deepcopy=False)))
            settings = trial_records.settings(record)
            if settings is None:
                settings = proposal(config, study, strategy, space)
                trial_records.propose(record, settings)
            study.enqueue_trial(settings)
        return study.ask(laws)
    trial = Trial(study, running._trial_id)
    for name, law in laws.items():
        trial._suggest(name, law)  # what ask() does: takes the enqueued value, if it has none yet
    return trial


def _live(
    config: ComparisonConfig,
    study: "Study",
    strategy: str,
    trial: "Trial",
    folder: Path,
    pool: WorkerPool,
    reporter: TrialReporter,
    spent: int,
) -> None:
    """Episodes one trial to its end and tells the study."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    budget = config.comparison.budget
    scores: list[float] = []
    episodes = 0
    state, reason = TrialState.COMPLETE, ""
    for number, seed in enumerate(run_seeds(config, TUNING, config.tuning.seeds)):
        where = folder / "tuning" / strategy / f"{trial.number:06d}" / f"{number:06d}"
        try:
            settings = searches.with_settings(config, strategy, settings_of(trial.params))
            plan = searches.plan(
                config.given[strategy],
                settings,
                seed,
                budget,
                2 * CHECKPOINTS,
                f"{strategy}-{trial.number}-{number}",
            )
            watch = _pruning(trial, budget) if number == 0 else _nothing
            found = searches.run(plan, where, pool, reporter, watch)
            episodes_done = searches.held_out(
                found, pool, config.tuning.tasks, TaskSet.MONITOR, reporter
            )
            episodes += found.episodes
            scores.append(float(episodes_done.fitness(config.first.run.max_failed_share)[0]))
        except TrialPruned as pruned:
            episodes += RunStore(where).total_episodes()
            state, reason = TrialState.PRUNED, str(pruned)
            break
        except (searches.Refused, RunFailed) as error:
            episodes += RunStore(where).total_episodes() if where.exists() else 0
            state, reason = TrialState.FAIL, str(error)
            break
    value = float(np.mean(scores)) if scores else float("nan")
    if state == TrialState.COMPLETE and not np.isfinite(value):
        state, reason = TrialState.FAIL, "too many held-out episodes failed"
    # A failed trial is charged in full: else failing would buy further trials, even for ever.
    charged = budget * config.tuning.seeds if state == TrialState.FAIL else episodes
    # A reason is stored even if there is none: it replaces one of before an interruption.
    attributes = {"episodes": episodes, "charged": charged, "reason": reason}
    for name, attribute in attributes.items():
        trial.set_user_attr(name, attribute)
    told = value if state == TrialState.COMPLETE else None
    frozen = trial.storage.get_trial(trial._trial_id)
    record = trial_records.path_of(folder, strategy, trial.number)
    trial_records.finish(record, frozen, state, told, attributes)
    study.tell(trial, told, state=state)
    reporter.trial(strategy, trial.number, state.name.lower(), value, spent + charged, reason)


def _pruning(trial: "Trial", budget: int) -> Any:
    """Reports the held-out score at each quarter of the budget and prunes on it.

    It is the last one that was measured within so many episodes: trials of large populations, which
    are measured at other moments, are not credited with what they had later.
    """
    from optuna import TrialPruned

    def measured(store: RunStore) -> None:
        table = store.table("generations")
        if table is None:
            return
        reported = trial.storage.get_trial(trial._trial_id).intermediate_values
        columns = (table[name].to_pylist() for name in ("total_episodes", "held_out_score"))
        rows = [
            (episodes, score) for episodes, score in zip(*columns, strict=True) if score is not None
        ]
        step = 0
        for quarter in range(1, CHECKPOINTS):
            episodes_then = quarter * budget / CHECKPOINTS
            scores = [score for episodes, score in rows if episodes <= episodes_then]
            if scores and table["total_episodes"][-1].as_py() >= episodes_then:
                step = quarter
                if step not in reported:
                    trial.report(scores[-1], step)
                elif not np.array_equal(reported[step], scores[-1], equal_nan=True):
                    raise ConfigError(
                        f"{store.folder}: the score that trial {trial.number} reported at {step}/"
                        f"{CHECKPOINTS} of its budget is not that of its episodes: the studies or "
                        "this run are damaged"
                    )
        if step and trial.should_prune():
            raise TrialPruned(
                f"below the median of its study at {step}/{CHECKPOINTS} of the budget"
            )

    return measured


def _found(strategy: str, n_trials: int, lacking: list[int]) -> str:
    """What a study was found to hold, in words."""
    found = f"study of {strategy}: {n_trials} found, as recorded"
    if not lacking:
        return found
    numbers = ", ".join(map(str, lacking))
    return f"{found}; it lacks number {numbers}, which is told again from its folder"


def _nothing(store: RunStore) -> None:
    del store
