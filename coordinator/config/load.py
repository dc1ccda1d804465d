"""Reads a configuration: from TOML tables to one validated ``RunConfig``."""

import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spikeloop.cluster.manifests.kubernetes_manifests import Kubernetes
from spikeloop.coordinator.config import validation
from spikeloop.coordinator.config.curriculum import stage_families
from spikeloop.coordinator.config.run_config import FAMILY, OPTIONAL, TABLES, RunConfig
from spikeloop.coordinator.config.settings_builder import Kinds, build, nearest, read_value, shown
from spikeloop.coordinator.errors import ConfigError

LARGEST_FILE = 1_000_000
"""Bytes of a configuration; what has more, such as /dev/zero, is none."""

COMMANDS = {"kubernetes": Kubernetes}
"""Tables that one command reads. A run checks them and is not changed by them."""


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """Reads a TOML file.

    Args:
        path: the file.
        overrides: "table.key" -> value, put in before validation.

    Raises:
        ConfigError: naming file, table, key, and the allowed range or the nearest key.
    """
    tables = read_tables(path, [*TABLES, *COMMANDS], overrides or {})
    config = parse(tables, str(path), path.resolve().parent)
    if not config.run.name:
        tables["run"]["name"] = re.sub(r"[^A-Za-z0-9_-]", "_", path.stem)
        config = parse(tables, str(path), path.resolve().parent)
    return config


def read_tables(path: Path, names: Iterable[str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a TOML file, with overrides put in, not validated yet.

    Args:
        path: the file.
        names: tables that an override may name.
        overrides: "table.key" -> value.
    """
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
        _set(tables, key.split("."), value, str(path))
    return tables


def parse(tables: Mapping[str, Any], source: str, folder: Path | None) -> RunConfig:
    """Builds a configuration from its tables.

    Args:
        tables: table name -> keys and values.
        source: where they come from, for messages.
        folder: where the user's own classes (``kind = "my_module:MyFamily"``) are looked for, which
            runs the code there; None allows only those of modules that are imported already.
    """
    if "comparison" in tables:
        raise ConfigError(
            f"{source}: is a comparison, not a run; hold it with: "
            f"{shlex.join(['spikeloop', 'compare', source])} (on a Ray cluster with --address)"
        )
    for name, value in tables.items():
        if name not in TABLES and name not in COMMANDS:
            raise ConfigError(f"{source}: unknown table [{name}]{nearest(name, TABLES)}")
        if not isinstance(value, Mapping):
            raise ConfigError(f"{source}: {name} must be a table [{name}], got {shown(value)}")
        if name in COMMANDS:
            build(COMMANDS[name], value, source, name, folder)
    parts: dict[str, Any] = {}
    own: set[Path] = set()
    for name, rule in TABLES.items():
        if name not in tables and name not in OPTIONAL:
            hint = (
                f'; add it with kind = "{next(iter(rule.table))}"'
                if isinstance(rule, Kinds)
                else ""
            )
            raise ConfigError(f"{source}: table [{name}] is missing{hint}")
        part, module_folder = build(
            rule, tables.get(name, OPTIONAL.get(name, {})), source, name, folder
        )
        parts[name] = part
        if module_folder is not None:
            own.add(module_folder)
    stages = stage_families(parts["run"].curriculum, tables["family"], FAMILY, source, folder)
    config = RunConfig(**parts, working_dir=own.pop() if own else None, stages=stages)
    validation.check(config, source)
    return config


def override(text: str) -> tuple[str, Any]:
    """Reads one ``--set table.key=value``; the value is TOML, or else a plain string."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set {text}: must be table.key=value, for example strategy.sigma=0.1")
    return key.strip(), read_value(value)


def _set(tables: dict[str, Any], path: list[str], value: Any, source: str) -> None:
    """Puts a value at the end of a path of nested tables."""
    *names, last = path
    inner = tables
    for name in names:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{source}: {name} must be a table, got {shown(inner)}")
    inner[last] = value
