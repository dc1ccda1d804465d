"""A comparison as three data frames, one row a trial, a search of the contest, a measured score."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from spikeloop.coordinator.comparison import final as contest
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig, settings_text
from spikeloop.coordinator.comparison.studies import checked_trials, open_study
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, reading

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TRIALS = pa.schema(
    [
        ("strategy", pa.string()),
        ("trial", pa.int32()),
        ("state", pa.string()),
        ("value", pa.float64()),
        ("episodes", pa.int64()),
        ("charged", pa.int64()),
        ("settings", pa.string()),
        ("reason", pa.string()),
    ]
)
"""One row a trial; ``settings`` is JSON text."""

RESULTS = pa.schema(
    [
        ("arm", pa.string()),
        ("strategy", pa.string()),
        ("settings", pa.string()),
        ("seed_index", pa.int32()),
        ("run_seed", pa.int64()),
        ("score", pa.float64()),
        ("score_low", pa.float64()),
        ("score_high", pa.float64()),
        ("n_tasks", pa.int32()),
        ("failed_held_out", pa.int32()),
        ("episodes", pa.int64()),
        ("failed_episodes", pa.int64()),
        ("generations", pa.int32()),
        ("error", pa.string()),
        ("same_as", pa.string()),
        ("wall_s", pa.float64()),
    ]
)
"""One row a search of the contest; no score if it failed. ``same_as`` names a contestant with the
very same settings, whose search this is."""

ANYTIME = pa.schema(
    [
        ("arm", pa.string()),
        ("seed_index", pa.int32()),
        ("generation", pa.int32()),
        ("episodes", pa.int64()),
        ("score", pa.float64()),
    ]
)
"""One row a held-out score that was measured while searching."""


SCHEMAS = {"trials": TRIALS, "results": RESULTS, "anytime": ANYTIME}


def write(config: ComparisonConfig, folder: Path) -> None:
    """Writes trials, results and anytime scores as Parquet, from what has been finished."""
    results, anytime = contest_rows(folder)
    trials = [
        trial_row(strategy, trial)
        for strategy in config.tuned
        for trial in _finished(config, folder, strategy)
    ]
    for name, rows in (("trials", trials), ("results", results), ("anytime", anytime)):
        atomic_files.write_parquet(folder / f"{name}.parquet", table(name, rows))


def contest_rows(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One row a search of the contest, and one a score that was measured while searching."""
    results = contest.rows(folder)
    anytime = [
        {
            "arm": row["arm"],
            "seed_index": row["seed_index"],
            **dict(zip(("generation", "episodes", "score"), measured, strict=True)),
        }
        for row in results
        for measured in row["anytime"]
    ]
    return results, anytime


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as the table of this name."""
    schema = SCHEMAS[name]
    known = [{field.name: row[field.name] for field in schema} for row in rows]
    return pa.Table.from_pylist(known, schema=schema)


def read(folder: Path, name: str) -> pd.DataFrame:
    """One of the frames of a comparison; ConfigError if its file is damaged."""
    path = folder / f"{name}.parquet"
    frame: pd.DataFrame = atomic_files.read_parquet(path).to_pandas()
    if missing := set(SCHEMAS[name].names) - set(frame.columns):
        raise ConfigError(f"{path}: damaged: columns missing: {', '.join(sorted(missing))}")
    if name == "trials":
        try:
            for text in frame["settings"]:
                reading.parse_json(text)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{path}: damaged: its settings are no JSON") from error
    return frame


def _finished(config: ComparisonConfig, folder: Path, strategy: str) -> "list[FrozenTrial]":
    study = open_study(config, folder, strategy)
    trials, _ = checked_trials(config, folder, strategy, study)
    return [trial for trial in trials if trial.state.is_finished()]


def trial_row(strategy: str, trial: "FrozenTrial") -> Mapping[str, Any]:
    """The row of a trial that has ended."""
    attributes = trial.user_attrs
    return {
        "strategy": strategy,
        "trial": trial.number,
        "state": trial.state.name.lower().replace("fail", "failed"),
        "value": trial.value,
        "episodes": attributes.get("episodes", 0),
        "charged": attributes.get("charged", 0),
        "settings": settings_text(trial.params),
        "reason": attributes.get("reason", ""),
    }
