"""Read a configuration: from TOML tables to one validated ``RunConfig``."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from spikeloop.cluster.manifests.kubernetes_manifests import Kubernetes
from spikeloop.coordinator.config import validation
from spikeloop.coordinator.config.curriculum import stage_families
from spikeloop.coordinator.config.run_config import FAMILY, OPTIONAL, TABLES, RunConfig
from spikeloop.coordinator.config.setting_errors import nearest, shown
from spikeloop.coordinator.config.settings_builder import Kinds, build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line

LARGEST_FILE = 1_000_000
"""Bytes of a configuration; what has more, such as /dev/zero, is none."""

COMMANDS = {"kubernetes": Kubernetes}
"""Tables that one command reads. A run checks them and is not changed by them."""


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """Read the configuration of a run from a TOML file; its name is the file's by default.

    Overrides map "table.key" to a value and are put in before validation. ConfigError names file,
    table, key, and the allowed range or the nearest key.
    """
    tables = read_tables(path, [*TABLES, *COMMANDS], overrides or {})
    run = tables.get("run")
    if isinstance(run, dict) and run.get("name", "") == "":
        run["name"] = folder_name(path.stem)
    return parse(tables, str(path), path.resolve().parent)


def kind_of_file(path: Path) -> Literal["run", "comparison", "sweep"]:
    """Tell by its tables what a configuration file is of; ConfigError if it cannot be read."""
    tables = read_tables(path, (), {})
    if "comparison" in tables:
        return "comparison"
    return "sweep" if "sweep" in tables else "run"


def read_tables(path: Path, names: Iterable[str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a TOML file with overrides, which may be of the tables ``names``."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(f"{path}: must have at most {LARGEST_FILE} bytes")
    try:
        tables = tomllib.loads(data.decode())
    except RecursionError as error:
        raise ConfigError(f"{path}: not valid TOML: nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, no UTF-8, or numbers of very many digits
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    for key, value in overrides.items():
        table, _, name = key.partition(".")
        if table not in names or not name:
            raise ConfigError(f"--set {key}: must be table.key with a table of {', '.join(names)}")
        set_value(tables, key.split("."), value, str(path))
    return tables


def parse(tables: Mapping[str, Any], source: str, folder: Path | None) -> RunConfig:
    """Build a configuration from its tables; messages name their ``source``.

    ``folder`` is where the user's own classes (``kind = "my_module:MyFamily"``) are looked for,
    which runs the code there, and files that settings read; None allows only classes of modules
    that are imported already, and no files.
    """
    _check_tables(tables, source)
    built = {}
    for name, rule in TABLES.items():
        values = tables.get(name, OPTIONAL.get(name))
        if values is None:
            kind = next(iter(rule.table)) if isinstance(rule, Kinds) else ""
            hint = f'; add it with kind = "{kind}"' if kind else ""
            raise ConfigError(f"{source}: table [{name}] is missing{hint}")
        built[name] = build(rule, values, source, name, folder)
    parts = {name: settings for name, (settings, _) in built.items()}
    own = any(own_folder is not None for _, own_folder in built.values())
    stages = stage_families(parts["run"].curriculum, tables["family"], FAMILY, source, folder)
    config = RunConfig(**parts, working_dir=folder if own else None, stages=stages)
    validation.require_consistent(config, source)
    return config


def folder_name(text: str) -> str:
    """Give a text as the name of a run or comparison, other characters as "_"."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


def overrides(texts: Iterable[str] | None) -> dict[str, Any]:
    """Read the texts of all options ``--set``."""
    return dict(map(override, texts or ()))


def override(text: str) -> tuple[str, Any]:
    """Read one ``--set table.key=value``; the value is TOML, or else a plain string."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set {text}: must be table.key=value, for example strategy.sigma=0.1")
    return key.strip(), read_value(value)


def read_value(text: str) -> Any:
    """A value as TOML writes it; text that is no TOML value stands for itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # TOMLDecodeError, or numbers of very many digits
        return text


def _check_tables(tables: Mapping[str, Any], source: str) -> None:
    """ConfigError unless all of these are tables of a run."""
    if "comparison" in tables:
        raise ConfigError(
            f"{source}: is a comparison, not a run; start it with: "
            f"{command_line('compare', source)} (on a Ray cluster with --address)"
        )
    if "sweep" in tables:
        raise ConfigError(
            f"{source}: is a sweep, not a run; start it with: {command_line('sweep', source)}"
        )
    for name, value in tables.items():
        if name not in TABLES and name not in COMMANDS:
            raise ConfigError(f"{source}: unknown table [{name}]{nearest(name, TABLES)}")
        if not isinstance(value, Mapping):
            raise ConfigError(f"{source}: {name} must be a table [{name}], got {shown(value)}")
        if name in COMMANDS:
            build(COMMANDS[name], value, source, name, folder=None)


def set_value(tables: dict[str, Any], path: Sequence[str], value: Any, source: str) -> None:
    """Put a value at the end of a path of nested tables; ConfigError if one is no table."""
    *names, last = path
    inner = tables
    for name in names:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{source}: {name} must be a table, got {shown(inner)}")
    inner[last] = value
