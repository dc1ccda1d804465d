"""Give the live metrics of a search: the numbers of its committed generations."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from spikeloop.cluster.metrics import Measure

COLUMNS = {
    "generation": "generation",
    "fitness_best": "best",
    "fitness_mean": "mean",
    "generation_seconds": "wall_s",
    "generation_work_seconds": "work_s",
    "generation_overhead_seconds": "overhead_s",
}
"""Metric -> column of a generation's row."""

HELD_OUT = ("held_out_score", "held_out_low", "held_out_high")
"""Metrics that are named as their columns, in generations with a held-out score."""


def at_start(
    planned: int, last: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Measure]:
    """Give every metric at the start of a search, so that none of an earlier search remains."""
    measures: dict[str, Measure] = dict.fromkeys([*COLUMNS, *HELD_OUT, "failed_share"])
    measures |= {"generation": 0, "strategy": {}, "commit_seconds": None}
    for row in rows:
        measures |= _held_out(row)
    if last is not None:
        measures |= of_row(last)
    return {
        **measures,
        "generations_planned": planned,
        "last_commit_timestamp_seconds": time.time(),
    }


def after_commit(row: Mapping[str, Any], commit_s: float) -> dict[str, Measure]:
    """Give the metrics after a commit that took ``commit_s`` seconds."""
    return {
        **of_row(row),
        "commit_seconds": commit_s,
        "last_commit_timestamp_seconds": time.time(),
    }


def at_end() -> dict[str, Measure]:
    """Give the metrics at the end of a search, after which no commit is expected."""
    return {"last_commit_timestamp_seconds": None}


def of_row(row: Mapping[str, Any]) -> dict[str, Measure]:
    """Give the metrics of a generation; the held-out score only where it was measured."""
    measures: dict[str, Measure] = {name: row[column] for name, column in COLUMNS.items()}
    measures["failed_share"] = row["n_failed"] / row["n_episodes"]
    prefix = "strategy_"
    measures["strategy"] = {
        name.removeprefix(prefix): value
        for name, value in row.items()
        if name.startswith(prefix) and value is not None
    }
    return {**measures, **_held_out(row)}


def _held_out(row: Mapping[str, Any]) -> dict[str, Measure]:
    return {} if row["held_out_score"] is None else {name: row[name] for name in HELD_OUT}
