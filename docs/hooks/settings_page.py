"""The page of all settings, from the models that validate them."""

from collections.abc import Callable
from typing import Any

from markdown_table import code, table

from spikeloop.coordinator.api.catalogue import entries

HEAD = """# Settings

Every table of a configuration, made from the models that check it; `spikeloop list` prints the
same. A key with a dot belongs to a nested table: `circuit.step_s` of the learner `chip` is
`[learner.circuit] step_s`, or `--set learner.circuit.step_s=…`. Of Θ, the hyperparameters that are
searched, the bounds are those for the first family that the learner runs in.
"""
TITLES = {
    "configuration": "Tables without kinds",
    "families": "Families: `[family]`",
    "learners": "Learners: `[learner]`",
    "strategies": "Strategies: `[strategy]`",
    "targets": "Targets: `[target]`",
}


def settings_page(warn: Callable[[str], Any]) -> str:
    """Return the page; a setting without a description is warned of."""
    parts, last = [HEAD], ""
    for entry in entries():
        if entry["table"] != last:
            last = entry["table"]
            parts.append(f"## {TITLES.get(last, last)}\n")
        parts.append(f"### `{entry['kind']}`\n\n{entry['about']}\n")
        for row in entry["settings"]:
            if not row["about"]:
                warn(f"{entry['table']} {entry['kind']}: {row['key']} has no description")
        if entry["settings"]:
            rows = [
                [code(r["key"]), code(_toml(r["default"])), code(_range(r["range"])), r["about"]]
                for r in entry["settings"]
            ]
            parts.append(table(["key", "default", "range", "meaning"], rows))
        if entry["hyperparameters"]:
            parts.append("Θ:\n\n" + _hyperparameters(entry["hyperparameters"]))
    return "\n".join(parts)


def _hyperparameters(rows: list[dict[str, Any]]) -> str:
    columns = ["name", "type", "low", "high", "default", "scale", "unit"]
    columns = [c for c in columns if any(row.get(c, "") != "" for row in rows)]
    cells = [[_value(row.get(c, "")) for c in columns] for row in rows]
    meanings = [[row.get("description", "")] for row in rows]
    return table([*columns, "meaning"], [a + b for a, b in zip(cells, meanings, strict=True)])


def _toml(default: object) -> object:
    return str(default).lower() if isinstance(default, bool) else default


def _range(text: str) -> str:
    return text.replace(str(2**63), "2**63")


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
