"""List families, learners, strategies and targets with their settings."""

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spikeloop.coordinator.config import run_config
from spikeloop.coordinator.config.load import COMMANDS
from spikeloop.coordinator.config.setting_errors import allowed, nearest
from spikeloop.coordinator.config.settings_builder import Kinds
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store.manifest import describe_space
from spikeloop.coordinator.sweep.sweep_config import SweepSettings
from spikeloop.tasks import FAMILIES
from spikeloop.workers.base import Unavailable

if TYPE_CHECKING:
    from rich.console import Console

PLURALS = {
    "family": "families",
    "learner": "learners",
    "strategy": "strategies",
    "target": "targets",
}
RULES: dict[str, Any] = {**run_config.TABLES, **COMMANDS, "sweep": SweepSettings}
TABLES: dict[str, dict[str, type[Any]]] = {
    PLURALS[name]: dict(rule.table) for name, rule in RULES.items() if isinstance(rule, Kinds)
}
FIXED: dict[str, type[Any]] = {
    name: rule for name, rule in RULES.items() if not isinstance(rule, Kinds)
}
"""Tables of a configuration that have no kinds."""


def entries(what: str = "", only: str = "") -> list[dict[str, Any]]:
    """Give one entry a kind: table, name, first docstring line, settings and hyperparameters.

    A learner that cannot be used here has no hyperparameters, and the reason as "unavailable".
    ``only`` is the one kind of the table ``what`` that is asked for.
    """
    known = [*TABLES, "compatibility"]
    if (what or only) and what not in TABLES:
        raise ConfigError(
            f"list {what or only}: must be one of {', '.join(known)}{nearest(what, known)}"
        )
    if only and only not in TABLES[what]:
        kinds = TABLES[what]
        raise ConfigError(
            f"list {what} {only}: must be one of {', '.join(kinds)}{nearest(only, kinds)}"
        )
    fixed = [_entry("configuration", f"[{name}]", cls) for name, cls in FIXED.items() if not what]
    return fixed + [
        _entry(table, kind, cls)
        for table, kinds in TABLES.items()
        if what in ("", table)
        for kind, cls in kinds.items()
        if only in ("", kind)
    ]


def print_entries(listed: list[dict[str, Any]], console: "Console") -> None:
    """Print entries as tables."""
    from rich.table import Table

    for entry in listed:
        console.out(f"{entry['table']}: {entry['kind']}", style="bold")
        console.print(f"  {entry['about']}")
        if entry["unavailable"]:
            console.out(f"  not here: {entry['unavailable']}")
        for title in ("settings", "hyperparameters"):
            rows = entry[title]
            if not rows:
                continue
            table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
            columns = list(dict.fromkeys(key for row in rows for key in row))
            for column in columns:
                table.add_column(column)
            for row in rows:
                table.add_row(*(str(row.get(column, "")) for column in columns))
            console.print(table)
        console.print()


def _entry(table: str, kind: str, cls: type[Any]) -> dict[str, Any]:
    hyperparameters, unavailable = [], ""
    if table == "learners":
        try:
            hyperparameters = _hyperparameters(cls)
        except Unavailable as error:
            unavailable = str(error)
    return {
        "table": table,
        "kind": kind,
        "about": (cls.__doc__ or "").strip().splitlines()[0].replace("``", "`"),
        "settings": _settings(cls),
        "hyperparameters": hyperparameters,
        "unavailable": unavailable,
    }


def _settings(cls: type[Any], prefix: str = "") -> list[dict[str, Any]]:
    """Give one row a key; nested tables have dotted keys, and of a choice the default is listed."""
    rows = []
    for name, field in cls.model_fields.items():
        if name == "kind":
            continue
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            inner = type(default)
            if "kind" in inner.model_fields:
                rows.append(_row(f"{prefix}{name}.kind", field, default.kind, _kinds(field)))  # type: ignore[attr-defined]
            rows += _settings(inner, f"{prefix}{name}.")
        else:
            rows.append(_row(prefix + name, field, default, allowed(field)))
    return rows


def _row(key: str, field: FieldInfo, default: Any, span: str) -> dict[str, Any]:
    plain = default if isinstance(default, int | float | str) else repr(default)
    return {"key": key, "default": plain, "range": span, "about": field.description or ""}


def _kinds(field: FieldInfo) -> str:
    """Name the kinds that a nested table may have."""
    return " | ".join(cls.model_fields["kind"].default for cls in get_args(field.annotation))


def _hyperparameters(cls: type[Any]) -> list[dict[str, Any]]:
    """The space of a learner with its default settings, for the first family it can run in."""
    learner = cls()
    for family in FAMILIES.values():
        try:
            space = learner.space(family().interface)
        except ValueError:
            continue
        rows = describe_space(space)
        keys = ("name", "type", "low", "high", "default", "scale", "unit", "description")
        return [{key: row[key] for key in keys if key in row} for row in rows]
    return []
