"""The settings of a sweep: which keys of a configuration take which values, and their names."""

import copy
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from spikeloop.coordinator.config.load import read_value, set_value
from spikeloop.coordinator.config.run_config import TABLES
from spikeloop.coordinator.config.setting_errors import nearest, shown
from spikeloop.coordinator.errors import ConfigError

NOT_SWEPT = {
    "run.seed": "every setting gets the same seeds, which sweep.seeds counts",
    "run.name": "runs are named after their settings",
    "run.upload_to": "a sweep is not uploaded while it runs",
}
"""Keys that no setting changes, with the reason."""

SAME_FOR_ALL = ("target", "tracking")
"""Tables that no setting changes, because they change no result."""

MOST_SETTINGS = 10_000
LONGEST_FOLDER = 80

Changes = Mapping[str, Any]
"""The value of each changed key, which is named as "table.key"."""


def grid(over: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Combine each value of each key with all values of the others; the last key varies fastest."""
    return [dict(zip(over, values, strict=True)) for values in itertools.product(*over.values())]


def read_over(text: str) -> tuple[str, list[Any]]:
    """Read one ``--over table.key=value,value``; values are TOML, or else plain strings."""
    key, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise ConfigError(
            f"--over {text}: must be table.key=value,value,..., for example strategy.sigma=0.1,0.2"
        )
    whole = read_value(f"[{values}]")
    if not isinstance(whole, list):  # not TOML, as words without quotes are not
        whole = [read_value(value.strip()) for value in values.split(",")]
    return key.strip(), whole


def read_all(texts: Iterable[str] | None) -> dict[str, list[Any]]:
    """Read the texts of all options ``--over``; those of the same key add up."""
    found: dict[str, list[Any]] = {}
    for key, values in map(read_over, texts or ()):
        found.setdefault(key, []).extend(values)
    return found


def flat(tables: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Give nested tables as one, with keys as "table.key"; ConfigError for a key of no table."""
    found = dict(_leaves(tables, ""))
    for key in found:
        table, _, name = key.partition(".")
        if table in SAME_FOR_ALL:
            raise ConfigError(f"{where}: {key}: a sweep has one [{table}] for all its runs")
        if table not in TABLES or not name:
            hint = "" if table in TABLES else nearest(table, TABLES)
            raise ConfigError(
                f"{where}: {key}: must be table.key with a table of {', '.join(TABLES)}{hint}"
            )
        if key in NOT_SWEPT:
            raise ConfigError(f"{where}: {key} cannot be changed: {NOT_SWEPT[key]}")
    return found


def changed(tables: Mapping[str, Any], changes: Changes, source: str) -> dict[str, Any]:
    """Put changes on top of a configuration's tables.

    A table of another kind replaces the whole table, because its keys are those of its own kind.
    """
    result = copy.deepcopy(dict(tables))
    for key, value in sorted(changes.items(), key=lambda item: not item[0].endswith(".kind")):
        *path, last = key.split(".")
        if last == "kind" and (old := _at(result, path)) and old.get("kind") != value:
            old.clear()
        set_value(result, [*path, last], copy.deepcopy(value), source)
    return result


def label(changes: Changes) -> str:
    """Name a setting for people, for example "sigma=0.1, coding=fired"."""
    last = [key.rsplit(".", 1)[-1] for key in changes]
    names = {
        key: key if name == "kind" or last.count(name) > 1 else name
        for key, name in zip(changes, last, strict=True)
    }
    return ", ".join(f"{names[key]}={_text(value)}" for key, value in changes.items()) or "as given"


def folder_names(labels: Sequence[str]) -> list[str]:
    """Give each label a folder's name of its own, which needs no quotes in a shell."""
    names: list[str] = []
    for text in labels:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text.replace("=", "-")).strip("._-")
        name = name[:LONGEST_FOLDER] or "setting"
        number, first = 1, name
        while name.lower() in (other.lower() for other in names):
            number += 1
            name = f"{first}_{number}"
        names.append(name)
    return names


def is_folder_name(name: str) -> bool:
    """Tell whether a name is one that ``folder_names`` could give."""
    return re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name) is not None


def value_at(tables: Mapping[str, Any], key: str) -> Any:
    """Give the value of a "table.key" in resolved tables; None where there is no such key."""
    *path, last = key.split(".")
    inner = _at(tables, path)
    return None if inner is None else inner.get(last)


def _at(tables: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Give the table at the end of a path, or None."""
    inner: Any = tables
    for name in path:
        inner = inner.get(name) if isinstance(inner, Mapping) else None
    return inner if isinstance(inner, Mapping) else None


def _leaves(tables: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tables.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    """A value as a label shows it."""
    return value if isinstance(value, str) else shown(value)
