"""The results of a sweep as two tables: a row for each run, and one for each measured score.

They follow from the run folders, but for the reasons of runs that failed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.measured_scores import measured_scores
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.result_files import RESULTS
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep.settings_grid import value_at
from spikeloop.coordinator.sweep.sweep_config import PlannedRun, SweepConfig

Row = dict[str, Any]

RUN_COLUMNS = pa.schema(
    [
        ("setting", pa.string()),
        ("seed", pa.int64()),
        ("score", pa.float64()),
        ("score_low", pa.float64()),
        ("score_high", pa.float64()),
        ("default", pa.float64()),
        ("default_low", pa.float64()),
        ("default_high", pa.float64()),
        ("random", pa.float64()),
        ("random_low", pa.float64()),
        ("random_high", pa.float64()),
        ("n_tasks", pa.int32()),
        ("generations", pa.int32()),
        ("episodes", pa.int64()),
        ("failed_episodes", pa.int64()),
        ("wall_s", pa.float64()),
        ("error", pa.string()),
        ("folder", pa.string()),
        ("transfer_checksum", pa.string()),
    ]
)
"""Columns of every sweep's results; the varied keys stand behind the first. ``score`` is that of
the learned Θ on held-out tasks, with its 95 % interval over them; null where the run failed."""

MEASURED = pa.schema(
    [
        ("setting", pa.string()),
        ("seed", pa.int64()),
        ("generation", pa.int32()),
        ("episodes", pa.int64()),
        ("score", pa.float64()),
    ]
)
"""A row for each held-out score that was measured during a search."""

VOLATILE = ("wall_s", "transfer_checksum")
"""Columns that may differ between equal sweeps."""

MEASURED_SCORES = "measured.parquet"


def finished_row(planned: PlannedRun, store: RunStore, transfer: Transfer) -> Row:
    """Give the row of a run that has ended."""
    path = store.part_path("transfer", planned.config.transfer.seed)
    return {
        **_row(planned, store),
        **_interval("score", transfer.scores["learned"]),
        **_interval("default", transfer.scores["default"]),
        **_interval("random", transfer.scores["random"]),
        "n_tasks": transfer.n_tasks,
        "error": "",
        "transfer_checksum": atomic_files.digest(path),
    }


def failed_row(planned: PlannedRun, folder: Path, error: str) -> Row:
    """Give the row of a run that cannot go on, with the reason."""
    store = RunStore(folder / planned.path)
    return {**_row(planned, store), "error": error or "failed", "transfer_checksum": ""}


def known_rows(config: SweepConfig, folder: Path) -> dict[Path, Row]:
    """Give the rows of runs that had ended when the results were written last, by run folder."""
    if not (folder / RESULTS).exists():
        return {}
    table = atomic_files.read_parquet(folder / RESULTS)
    rows = {(row["setting"], row["seed"]): row for row in table.to_pylist()}
    known = {}
    for planned in config.runs():
        row = rows.get((planned.setting.label, planned.seed))
        store = RunStore(folder / planned.path)
        path = store.part_path("transfer", planned.config.transfer.seed)
        if row is None or row["error"] or not path.exists():
            continue
        if row["transfer_checksum"] == atomic_files.digest(path):
            known[planned.path] = {name: row[name] for name in RUN_COLUMNS.names}
    return known


def write(config: SweepConfig, folder: Path, rows: Mapping[Path, Row]) -> None:
    """Write the results of the runs that have ended, in the order of the plan."""
    atomic_files.write_parquet(folder / RESULTS, results_table(config, rows))


def write_measured(config: SweepConfig, folder: Path) -> None:
    """Write the scores that were measured during all searches."""
    table = pa.Table.from_pylist(measured_rows(config, folder), schema=MEASURED)
    atomic_files.write_parquet(folder / MEASURED_SCORES, table)


def results_table(config: SweepConfig, rows: Mapping[Path, Row]) -> pa.Table:
    """Make the table of results: the varied keys as they are in each setting, then the numbers."""
    found = [planned for planned in config.runs() if planned.path in rows]
    columns = {
        key: _column([value_at(planned.setting.config.tables(), key) for planned in found])
        for key in config.keys
    }
    fixed = pa.Table.from_pylist([rows[planned.path] for planned in found], schema=RUN_COLUMNS)
    table = pa.table({**columns, **dict(zip(fixed.column_names, fixed.columns, strict=True))})
    order = ["setting", *config.keys, *RUN_COLUMNS.names[1:]]
    return table.select(order)


def measured_rows(config: SweepConfig, folder: Path) -> list[Row]:
    """Read the scores that were measured during all searches."""
    return [
        {
            "setting": planned.setting.label,
            "seed": planned.seed,
            **dict(zip(("generation", "episodes", "score"), measured, strict=True)),
        }
        for planned in config.runs()
        for measured in measured_scores(RunStore(folder / planned.path))
    ]


def read(folder: Path, name: str, schema: pa.Schema) -> pd.DataFrame:
    """Read one of the tables; ConfigError if its file is damaged."""
    path = folder / name
    frame: pd.DataFrame = atomic_files.read_parquet(path).to_pandas()
    if missing := set(schema.names) - set(frame.columns):
        raise ConfigError(f"{path}: damaged: columns missing: {', '.join(sorted(missing))}")
    return frame


def _row(planned: PlannedRun, store: RunStore) -> Row:
    """What is known of a run, however it ended."""
    rows = store.rows(["n_episodes", "n_failed", "wall_s"])
    return {
        "setting": planned.setting.label,
        "seed": planned.seed,
        "generations": len(rows),
        "episodes": sum(row["n_episodes"] for row in rows),
        "failed_episodes": sum(row["n_failed"] for row in rows),
        "wall_s": float(sum(row["wall_s"] for row in rows)),
        "folder": planned.path.as_posix(),
    }


def _interval(name: str, found: Interval) -> Row:
    numbers = found.as_json()
    return {name: numbers["value"], f"{name}_low": numbers["low"], f"{name}_high": numbers["high"]}


def _column(values: Sequence[Any]) -> pa.Array:
    """Make a column of numbers, truth values or texts; of JSON where there is anything else."""
    present = [value for value in values if value is not None]
    if _all(present, bool) or _all(present, int) or _all(present, str):
        return pa.array(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pa.array(values, pa.float64())
    return pa.array([None if value is None else json.dumps(value) for value in values])


def _all(values: Iterable[Any], kind: type) -> bool:
    return all(type(value) is kind for value in values)
