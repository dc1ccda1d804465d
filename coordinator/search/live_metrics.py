"""What is published of a search while it goes on: the numbers of its committed generations."""

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
"""Columns of a generation's row by metric."""

HELD_OUT = ("held_out_score", "held_out_low", "held_out_high")
"""Metrics, and columns of the rows of generations in which they were measured."""


def at_start(
    planned: int, last: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Measure]:
    """When a search begins or goes on: all metrics of searches, so that none is another's.

    Args:
        planned: generations at most.
        last: row of the last committed generation, if there is one.
        rows: of those with a held-out score, among others.
    """
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
    """When a generation has been committed, which took ``commit_s``."""
    return {
        **of_row(row),
        "commit_seconds": commit_s,
        "last_commit_timestamp_seconds": time.time(),
    }


def at_end() -> dict[str, Measure]:
    """When a search has ended: nobody waits for a commit any more."""
    return {"last_commit_timestamp_seconds": None}


def of_row(row: Mapping[str, Any]) -> dict[str, Measure]:
    """Of one generation; the held-out score only where it was measured."""
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
    """The held-out score of a generation in which it was measured."""
    return {} if row["held_out_score"] is None else {name: row[name] for name in HELD_OUT}
