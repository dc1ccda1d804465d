"""A comparison as three tables: a row for each trial, search of the final phase, measured score.

They are derived from the studies and from the rows of the final phase. The trials' table is written
anew after each trial, so that others can follow the tuning; all three are written at the end.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spikeloop.coordinator.comparison import final, studies
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, reading

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
"""One row for each trial; ``settings`` is JSON text."""

RESULTS = pa.schema(
    [
        ("variant", pa.string()),
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
"""One row for each search of the final phase, without a score if it failed. ``same_as`` names a
variant with the same settings, whose search this is."""

ANYTIME = pa.schema(
    [
        ("variant", pa.string()),
        ("seed_index", pa.int32()),
        ("generation", pa.int32()),
        ("episodes", pa.int64()),
        ("score", pa.float64()),
    ]
)
"""One row for each held-out score that was measured during a search."""

SCHEMAS = {"trials": TRIALS, "results": RESULTS, "anytime": ANYTIME}


def write_trials(config: ComparisonConfig, folder: Path) -> None:
    """Write ``trials.parquet`` from the studies."""
    rows = trial_rows(config, folder)
    atomic_files.write_parquet(folder / "trials.parquet", table("trials", rows))


def write(config: ComparisonConfig, folder: Path) -> None:
    """Write all three tables."""
    write_trials(config, folder)
    results, anytime = final_rows(folder)
    for name, rows in (("results", results), ("anytime", anytime)):
        atomic_files.write_parquet(folder / f"{name}.parquet", table(name, rows))


def final_rows(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give a row for each search of the final phase, and one for each measurement during it."""
    results = final.rows(folder)
    anytime = [
        {
            "variant": row["variant"],
            "seed_index": row["seed_index"],
            **dict(zip(("generation", "episodes", "score"), measured, strict=True)),
        }
        for row in results
        for measured in row["anytime"]
    ]
    return results, anytime


def trial_rows(config: ComparisonConfig, folder: Path) -> list[Mapping[str, Any]]:
    """Give a row for each trial of all studies."""
    return [
        {
            "strategy": strategy,
            "trial": trial.number,
            "state": trial.state.name.lower().replace("fail", "failed"),
            "value": trial.value,
            "episodes": trial.user_attrs.get("episodes", 0),
            "charged": trial.user_attrs["charged"],
            "settings": json.dumps(trial.params, sort_keys=True),
            "reason": trial.user_attrs.get("reason", ""),
        }
        for strategy in config.tuned
        for trial in studies.trials_of(config, folder, strategy)
    ]


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Make the table of a name from its rows."""
    schema = SCHEMAS[name]
    known = [{field.name: row[field.name] for field in schema} for row in rows]
    return pa.Table.from_pylist(known, schema=schema)


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read one of the tables; ConfigError if its file is damaged."""
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
