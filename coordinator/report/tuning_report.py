"""What tuning came to, for the report of a comparison."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from spikeloop.coordinator.comparison.affordable import tuned_space
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.report import importance
from spikeloop.coordinator.report.page import Block, Drawing, Folded, Table, Text, number, records


def tuning_blocks(config: ComparisonConfig, trials: pd.DataFrame) -> Iterator[Block]:
    """The settings that were chosen, each study's figure, and all trials."""
    if not config.tuned:
        yield Text("No strategy was tuned.")
        return
    yield Text(
        f"Each study may spend {config.tuning.episodes:,} episodes of search. "
        "The value of a trial is "
        f"the held-out score of its search on {config.tuning.tasks} tasks. That of the best trial "
        "is biased upwards, because it was chosen; what the tuned settings are worth on fresh "
        "seeds is in the table of final scores."
    )
    rows = []
    for name in config.tuned:
        chosen = importance.best(trials[trials["strategy"] == name])
        if chosen is None:
            yield Text(
                f"{name}: every trial failed or was pruned, so there is no tuned contestant."
            )
            continue
        given = config.given[name].strategy.model_dump(mode="json")
        for place, key in enumerate(name for name in chosen if name not in ("trial", "value")):
            first = (
                (name, str(chosen["trial"]), number(chosen["value"])) if place == 0 else ("",) * 3
            )
            rows.append((*first, str(key), _setting(_inner(given, key)), _setting(chosen[key])))
    if rows:
        yield Table(
            "Settings of the best trial of each strategy",
            ("strategy", "trial", "value", "setting", "given", "tuned"),
            rows,
            "lrrlrr",
        )
    for name in config.tuned:
        own = trials[trials["strategy"] == name]
        yield from _study(config, name, own)
    yield Folded("All trials", [_trials_table(trials)])


def _study(config: ComparisonConfig, name: str, trials: pd.DataFrame) -> Iterator[Block]:
    counts = trials["state"].value_counts()
    words = ", ".join(f"{n} {state}" for state, n in counts.items())
    n_complete = len(importance.complete(trials))
    if n_complete < 2:
        yield Text(f"{name}: {words or 'no'} trials, too few for a figure.")
        return
    space = tuned_space(config, name)
    several = len(space.parameters) > 1
    shares = importance.importances(trials, space) if several else None
    told = (
        ""
        if not several
        else "Importance (PED-ANOVA) says how differently the best tenth of the trials and all "
        "trials are distributed; it rests on completed trials only."
        if shares is not None
        else f"{n_complete} complete trials are too few to tell which setting matters "
        f"({importance.ENOUGH} are needed)."
        if n_complete < importance.ENOUGH
        else "The trials do not tell which setting matters."
    )
    yield Drawing(
        importance.draw_tuning(trials, space),
        f"{name}: {words}. The circled trial was chosen. {told}",
        f"Trials of {name} by number and by setting."
        + "".join(f" Importance of {key}: {share:.2f}." for key, share in (shares or {}).items()),
    )


def _trials_table(trials: pd.DataFrame) -> Table:
    return Table(
        "Every trial; the value of a pruned one is the last before it was ended",
        ("strategy", "trial", "state", "value", "episodes", "settings", "reason"),
        [
            (
                row["strategy"],
                str(row["trial"]),
                row["state"],
                number(row["value"]),
                f"{row['episodes']:,}",
                ", ".join(
                    f"{key} {_setting(value)}" for key, value in json.loads(row["settings"]).items()
                ),
                row.get("reason", ""),
            )
            for row in records(trials)
        ],
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
