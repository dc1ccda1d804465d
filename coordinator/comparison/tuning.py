"""Tuning one strategy: an Optuna study over its own settings, with a budget counted in episodes.

This process alone adds trials, one after the other. Trial 0 has the settings as given, so that
tuning starts from what it has to beat. An interrupted trial is drawn again, with the same settings,
and its searches go on in their run folders.

A trial is pruned at a quarter, half or three quarters of its budget if the best held-out score that
it had until then is below the median of what the complete trials *of its own study* had there.
Trials of other strategies do not count, because a strategy that starts slowly would be cut off by
one that starts fast.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.coordinator.comparison import result_tables, studies, variant_search
from spikeloop.coordinator.comparison.affordable import left_out, tuned_space
from spikeloop.coordinator.comparison.comparison import OpenComparison
from spikeloop.coordinator.comparison.tunable_space import settings_of
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.seeding import TaskSet

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

CHECKPOINTS = 4
"""A trial reports its score when each quarter of its budget but the last is spent."""


@studies.quiet()
def tune(comparison: OpenComparison, strategy: str) -> Mapping[str, Any] | None:
    """Run trials until the budget allows no further one.

    Returns:
        Settings of the best trial, nested, on top of those given; None if no trial has a value.
    """
    from optuna.trial import TrialState

    config, folder, reporter = comparison.config, comparison.folder, comparison.reporter
    study = studies.open_study(config, folder, strategy)
    trials = studies.trials_of(config, folder, strategy)
    space = tuned_space(config, strategy)
    if trials:
        reporter.note(f"study of {strategy}: {len(trials)} trials found")
    else:
        for line in left_out(config, strategy, space):
            reporter.note(line)
    spent = sum(trial.user_attrs["charged"] for trial in trials)
    while spent + config.comparison.budget * config.tuning.seeds <= config.tuning.episodes:
        ended = _run(comparison, strategy, studies.next_trial(config, strategy, space, trials))
        study.add_trial(ended)
        trials.append(ended)
        spent += ended.user_attrs["charged"]
        result_tables.write_trials(config, folder)
        reporter.trial(
            strategy,
            ended.number,
            ended.state.name.lower(),
            float("nan") if ended.value is None else ended.value,
            spent,
            ended.user_attrs["reason"],
        )
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not complete:
        return None
    best = max(complete, key=lambda trial: (trial.value, -trial.number))
    return settings_of(best.params)


def _run(comparison: OpenComparison, strategy: str, trial: "Trial") -> "FrozenTrial":
    """Run the searches of a trial, or what is left of them, and give the trial as it ended."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    config, tuning = comparison.config, comparison.config.tuning
    budget = config.comparison.budget
    scores: list[float] = []
    episodes = 0
    state, reason = TrialState.COMPLETE, ""
    for number, seed in enumerate(studies.run_seeds(config, studies.TUNING, tuning.seeds)):
        where = comparison.folder / "tuning" / strategy / f"{trial.number:06d}" / f"{number:06d}"
        name = f"{strategy}-{trial.number}-{number}"
        try:
            settings = variant_search.with_settings(config, strategy, settings_of(trial.params))
            plan = variant_search.plan(
                config.given[strategy], settings, seed, budget, 2 * CHECKPOINTS, name
            )
            measured = pruning(trial, budget) if number == 0 else None
            found = variant_search.run(
                comparison, plan, where, tuning.tasks, TaskSet.MONITOR, measured
            )
        except TrialPruned as pruned:
            state, reason = TrialState.PRUNED, str(pruned)
        except (variant_search.Refused, RunFailed) as error:
            state, reason = TrialState.FAIL, str(error)
        if state != TrialState.COMPLETE:
            episodes += RunStore(where).total_episodes()
            break
        episodes += found.episodes
        scores.append(float(found.held_out.fitness(config.first.run.max_failed_share)[0]))
    value = float(np.mean(scores)) if scores else float("nan")
    if state == TrialState.COMPLETE and not np.isfinite(value):
        state, reason = TrialState.FAIL, "too many held-out episodes failed"
    # A failed trial is charged in full; else failures would buy further trials without end.
    charged = budget * tuning.seeds if state == TrialState.FAIL else episodes
    for key, attribute in {"episodes": episodes, "charged": charged, "reason": reason}.items():
        trial.set_user_attr(key, attribute)
    return trial.study.tell(trial, value if state == TrialState.COMPLETE else None, state=state)


def pruning(trial: "Trial", budget: int) -> Callable[[RunStore], None]:
    """Make a function that reports held-out scores to a trial, and prunes it.

    At each quarter of the budget it reports the last score measured within so many episodes. So a
    trial of large populations, which are measured at other moments, does not get credit for a later
    score.
    """
    from optuna import TrialPruned

    reported: list[int] = []

    def measured(store: RunStore) -> None:
        rows = store.rows(["total_episodes", "held_out_score"])
        for quarter in sorted(set(range(1, CHECKPOINTS)) - set(reported)):
            episodes_then = quarter * budget / CHECKPOINTS
            before = [row for row in rows if row["total_episodes"] <= episodes_then]
            scores = [score for row in before if (score := row["held_out_score"]) is not None]
            if scores and rows[-1]["total_episodes"] >= episodes_then:
                trial.report(scores[-1], quarter)
                reported.append(quarter)
        if reported and trial.should_prune():
            raise TrialPruned(
                f"below the median of its study at {reported[-1]}/{CHECKPOINTS} of the budget"
            )

    return measured
