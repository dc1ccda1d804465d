"""Turn what a caller gives, a file, a dictionary or objects, into the tables of a configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import isfunction
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from pydantic import BaseModel

from spikeloop.coordinator.config.load import folder_name, read_tables
from spikeloop.coordinator.config.run_config import OPTIONAL, TABLES, RunConfig
from spikeloop.coordinator.config.setting_errors import nearest
from spikeloop.coordinator.config.settings_builder import Kinds
from spikeloop.coordinator.errors import ConfigError
from spikeloop.workers.own_learner.function_learner import FunctionLearner

Given: TypeAlias = str | PathLike[str] | Mapping[str, Any] | RunConfig
"""The path of a TOML file, a dictionary of tables, or the configuration of another run."""

Table: TypeAlias = Mapping[str, Any]
"""A table of a configuration as a dictionary."""


@dataclass(frozen=True)
class Tables:
    """The tables of a configuration, and where they come from.

    Attributes:
        values: keys and values by the name of the table, plain values all of them.
        source: what messages name: the file, or the function that was called.
        file: the file that was read, if one was.
        classes_folder: where its own classes are, where they were found before.
    """

    values: dict[str, Any]
    source: str
    file: Path | None = None
    classes_folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where own classes and files of settings are looked for: beside the file, or here."""
        return self.classes_folder or (Path.cwd() if self.file is None else self.file.parent)

    def name_after_place(self, table: str, out: str | PathLike[str] | None) -> None:
        """Name a run or comparison after its file or its folder, unless a name is given.

        Args:
            table: whose key ``name`` that is; a file must have it.
            out: the folder, if it is known.
        """
        if self.file is None:
            self.values.setdefault(table, {})
        place = self.file.stem if self.file is not None else Path(out or "/").absolute().name
        settings = self.values.get(table)
        if isinstance(settings, dict) and not settings.get("name"):
            settings["name"] = folder_name(place)


def tables_of(
    given: Given | None,
    keywords: Mapping[str, Any],
    *,
    names: Iterable[str],
    flat: str,
    keys: Iterable[str],
    caller: str,
    options: Iterable[str] = (),
    sets: Mapping[str, Any] | None = None,
) -> Tables:
    """Put keywords in over what is given.

    A keyword that is the name of a table holds an object, or a dictionary with a ``kind``, which
    becomes that table, or a dictionary without, whose keys are put in over those that are there or
    over what stands for a table that is left out.
    ``None`` leaves all as it is. Any other keyword is a key of the table ``flat``.

    Args:
        given: where to begin; None for nothing.
        keywords: of the call.
        names: of the tables.
        flat: the table whose keys may be keywords themselves.
        keys: these keys.
        caller: what messages name where no file is given, such as ``sl.run(...)``.
        options: other keywords that the function has, for the hint in messages.
        sets: overrides of a file, "table.key" to value, as ``--set`` gives them.

    Raises:
        ConfigError: the file cannot be read, there is no such key or table, or ``given`` is nothing
            of the three.
    """
    names, keys = list(names), list(keys)
    begun = _begin(given, names, caller, sets or {})
    values = begun.values
    for name, value in keywords.items():
        if value is None:
            continue
        if name in names:
            begin = values.get(name, OPTIONAL.get(name, {}))
            values[name] = _merged(begin, plain(name, value, f"{caller}: [{name}]"))
        elif name in keys:
            if isinstance(values.setdefault(flat, {}), Mapping):  # else it is refused later
                values[flat] = {**values[flat], name: _plain_value(value)}
        else:
            known = [known for known in (*options, *names, *keys) if known != name]
            hint = nearest(name, known)
            raise ConfigError(f"{caller}: there is no keyword {name!r}{hint}")
    return begun


def plain(name: str, value: Any, where: str) -> Any:
    """Give a table as TOML could hold it: objects with their kind, NumPy's numbers as Python's.

    Args:
        name: of the table.
        value: an object, a dictionary, or the value of a key.
        where: what messages begin with.

    Raises:
        ConfigError: it is a class or a function where an object is meant, or its class cannot be
            found again.
    """
    if name == "strategies" and isinstance(value, Mapping):
        return {key: plain("strategy", one, f"{where[:-1]}.{key}]") for key, one in value.items()}
    if isinstance(value, type) and issubclass(value, FunctionLearner):
        value = value()  # the name of a function stands for it, with its default settings
    if isinstance(value, type):
        raise ConfigError(
            f"{where} {value.__name__} is a class; give an object, {value.__name__}()"
        )
    if name == "learner" and isfunction(value):
        raise ConfigError(
            f"{where} {value.__name__} is a function; to be a learner it needs the decorator "
            "@sl.learner(space={...})"
        )
    rule = TABLES.get(name)
    if not (isinstance(value, BaseModel) and isinstance(rule, Kinds)):
        return _plain_value(value)
    kind = rule.name(value)
    if "<locals>" in kind:
        raise ConfigError(
            f"{where} {type(value).__name__} is defined within a function; define it at the top "
            "level of a module, a script or a notebook, where workers and later calls find it"
        )
    return {**_plain_value(value), "kind": kind}


def _plain_value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {name: _plain_value(inner) for name, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain_value(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _begin(given: Given | None, names: list[str], caller: str, sets: Mapping[str, Any]) -> Tables:
    """Give the tables before any keyword."""
    if isinstance(given, RunConfig):
        return Tables(given.tables(), caller, classes_folder=given.working_dir)
    if given is None or isinstance(given, Mapping):
        tables = {
            name: plain(name, value, f"{caller}: [{name}]") for name, value in (given or {}).items()
        }
        return Tables(tables, caller)
    if not isinstance(given, str | PathLike):
        raise ConfigError(
            f"{caller}: must begin with a path, a dictionary or a configuration, got "
            f"{type(given).__name__}; objects are given by keyword, such as family=..."
        )
    path = Path(given)
    return Tables(read_tables(path, names, sets), str(path), path.resolve())


def _merged(old: Any, new: Any) -> Any:
    """Put the keys of a table in over those of an earlier one; a table with a kind is a new one."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)) or "kind" in new:
        return new
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
