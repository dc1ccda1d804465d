"""Reports the tuning of a comparison: the chosen settings, their importance, and all trials.

Importance is PED-ANOVA (Watanabe, Bansal, Hutter 2023, arXiv 2304.10255): how much the settings of
the best tenth of the trials differ in distribution from those of all trials, setting by setting.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.comparison import studies
from spikeloop.coordinator.comparison.affordable import tuned_space
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.tunable_space import distributions
from spikeloop.coordinator.report import figures, tuning_figures
from spikeloop.coordinator.report.page import (
    Block,
    Drawing,
    Folded,
    Table,
    Text,
    number,
    records,
    table_of,
)
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from optuna import Study

ENOUGH = 12
"""Complete trials below which an importance is mostly noise."""
ABREAST = 3
"""Settings in one figure."""


def tuning_blocks(config: ComparisonConfig, trials: pd.DataFrame) -> Iterator[Block]:
    """Show the settings that were chosen, each study's figures, and all trials."""
    if not config.tuned:
        yield Text("No strategy was tuned.")
        return
    yield Text(
        f"Each study may spend {config.tuning.episodes:,} episodes of search. The value of a trial "
        f"is the held-out score of its search on {config.tuning.tasks} tasks. That of the best "
        "trial is biased upwards, because it was chosen; what the tuned settings are worth on "
        "fresh seeds is in the table of final scores."
    )
    rows = []
    for name in config.tuned:
        best = best_trial(trials[trials["strategy"] == name])
        if best is None:
            yield Text(f"{name}: every trial failed or was pruned, so there is no tuned variant.")
            continue
        given = config.given[name].strategy.model_dump(mode="json")
        first = (name, str(best["trial"]), number(best["value"]))
        for key, value in json.loads(best["settings"]).items():
            rows.append((*first, key, _setting(_inner(given, key)), _setting(value)))
            first = ("", "", "")
    if rows:
        yield Table(
            "Settings of the best trial of each strategy",
            ("strategy", "trial", "value", "setting", "given", "tuned"),
            rows,
            "lrrlrr",
        )
    for name in config.tuned:
        own = trials[trials["strategy"] == name]
        yield from _figures(name, own, tuned_space(config, name))
    yield Folded("All trials", [_trials_table(trials)])


def best_trial(trials: pd.DataFrame) -> Mapping[str, Any] | None:
    """Give the row that was chosen: the highest value, the first of equals; None without any."""
    complete = trials[(trials["state"] == "complete") & np.isfinite(trials["value"])]
    return None if complete.empty else records(complete.loc[[complete["value"].idxmax()]])[0]


@studies.quiet()
def study_of(trials: pd.DataFrame, space: ParameterSpace) -> "Study":
    """Make a study in memory; ValueError if the space has changed, so that trials lie outside."""
    import optuna
    from optuna.trial import TrialState

    laws = distributions(space)
    study = optuna.create_study(direction="maximize")
    for row in records(trials):
        settings = json.loads(row["settings"])
        if not settings.keys() <= laws.keys():
            raise ValueError(f"trial {row['trial']} has other settings than are tuned now")
        complete = row["state"] == "complete"
        study.add_trial(
            optuna.create_trial(
                state=TrialState.COMPLETE if complete else TrialState.FAIL,
                params=settings,
                distributions={key: laws[key] for key in settings},
                value=row["value"] if complete else None,
            )
        )
    return study


def importances(study: "Study") -> Mapping[str, float] | None:
    """Compute the share of importance of each setting; None if the trials cannot tell."""
    import optuna
    from optuna.trial import TrialState

    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < ENOUGH:
        return None
    with warnings.catch_warnings():
        # Optuna warns, and calls all settings equally important, where it cannot tell.
        warnings.simplefilter("error", UserWarning)
        try:
            return optuna.importance.get_param_importances(study)
        except UserWarning:
            return None


def _figures(name: str, trials: pd.DataFrame, space: ParameterSpace) -> Iterator[Block]:
    counts = ", ".join(f"{n} {state}" for state, n in trials["state"].value_counts().items())
    n_complete = int((trials["state"] == "complete").sum())
    if n_complete < 2:
        yield Text(f"{name}: {counts or 'no'} trials, too few for a figure.")
        return
    try:
        study = study_of(trials, space)
    except ValueError as error:
        yield Text(f"{name}: {counts}. No figure: {error}.")
        return
    complete = trials[(trials["state"] == "complete") & np.isfinite(trials["value"])]
    complete = complete.sort_values("trial")
    figure = figures.new(3.0)
    tuning_figures.draw_history(figure.subplots(), complete)
    yield Drawing(
        figure,
        f"{name}: {counts}. Values of the complete trials and the best of them so far.",
        f"Trials of {name} by number.",
    )
    tuned = {key for trial in study.get_trials(deepcopy=False) for key in trial.params}
    settings = [parameter for parameter in space.parameters if parameter.name in tuned]
    shares = importances(study) if len(settings) > 1 else None
    if shares is not None:
        figure = figures.new(0.8 + 0.3 * len(shares))
        tuning_figures.draw_importances(figure.subplots(), shares)
        yield Drawing(
            figure,
            f"{name}: importance (PED-ANOVA), which says how differently the best tenth of the "
            "trials and all trials are distributed; it rests on complete trials only.",
            "".join(f"Importance of {key}: {share:.2f}. " for key, share in shares.items()),
        )
    elif len(settings) > 1:
        enough = "" if n_complete >= ENOUGH else f" ({ENOUGH} complete trials are needed)"
        yield Text(f"{name}: too few trials to tell which setting matters{enough}.")
    for start in range(0, len(settings), ABREAST):
        some = settings[start : start + ABREAST]
        keys = ", ".join(parameter.name for parameter in some)
        yield Drawing(
            tuning_figures.slices_figure(complete, some),
            f"{name}: value of each complete trial against its {keys}; later trials are darker.",
            f"Trials of {name} by setting.",
        )


def _trials_table(trials: pd.DataFrame) -> Table:
    return table_of(
        "Every trial; the value of a pruned one is the last before it was ended",
        records(trials),
        {
            "strategy": lambda row: row["strategy"],
            "trial": lambda row: row["trial"],
            "state": lambda row: row["state"],
            "value": lambda row: number(row["value"]),
            "episodes": lambda row: f"{row['episodes']:,}",
            "settings": lambda row: ", ".join(
                f"{key} {_setting(value)}" for key, value in json.loads(row["settings"]).items()
            ),
            "reason": lambda row: row.get("reason", ""),
        },
        "lrlrrll",
    )


def _setting(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _inner(settings: Any, key: str) -> Any:
    """The value under a dotted key of nested settings, or "" if there is none."""
    for name in key.split("."):
        if not isinstance(settings, Mapping) or name not in settings:
            return ""
        settings = settings[name]
    return settings
