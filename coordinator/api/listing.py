"""``sl.list``: what there is to choose from, as data frames."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from spikeloop.coordinator.api import catalogue, compatibility_table
from spikeloop.coordinator.api.brief_errors import brief_errors

KINDS = ["table", "kind", "name", "about"]
KEYS = ["what", "key", "default", "range", "unit", "about"]


@brief_errors
def list(what: str = "", kind: str = "") -> pd.DataFrame:
    """List families, learners, strategies and targets, or the settings of one of them.

        sl.list()
        sl.list("learners")
        sl.list("learners", "chip")

    It is the catalogue that ``spikeloop list`` prints.

    Args:
        what: "families", "learners", "strategies" or "targets" for these alone; "compatibility" for
            what runs on what.
        kind: one of them, such as "chip", for its settings and hyperparameters.

    Returns:
        One row a kind: ``table``, ``kind``, ``name`` (of the class, as in ``sl.ChipAgent``) and
        ``about``. For one kind, one row a setting or hyperparameter: ``what`` of the two it is,
        ``key``, ``default``, ``range``, ``unit`` and ``about``. For "compatibility", one row for
        each ``learner`` and ``family``: whether it ``runs`` and the ``reason`` why not.

    Raises:
        ConfigError: there is no such table or kind.
    """
    if what == "compatibility" and not kind:
        return pd.DataFrame(compatibility_table.rows())
    found = catalogue.entries(what, kind)
    if kind:
        return pd.DataFrame([row for entry in found for row in _keys(entry)], columns=KEYS)
    rows = [
        {**entry, "name": catalogue.TABLES[entry["table"]][entry["kind"]].__name__}
        for entry in found
        if entry["table"] in catalogue.TABLES
    ]
    return pd.DataFrame(rows, columns=KINDS)


def _keys(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the settings and the hyperparameters of one kind in the same columns."""
    for row in entry["settings"]:
        yield {**row, "what": "setting"}
    for row in entry["hyperparameters"]:
        span = f"{row['low']} to {row['high']}" if "low" in row else ""
        about = {"key": row["name"], "range": span, "about": row.get("description", "")}
        yield {**row, **about, "what": "hyperparameter"}
