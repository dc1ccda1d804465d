"""Build one validated object from one TOML table."""

import importlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from spikeloop.coordinator.config.members import defined_at, missing_members
from spikeloop.coordinator.config.setting_errors import describe, nearest, shown
from spikeloop.coordinator.errors import ConfigError, NeedsTrust

MAIN = "__main__"
"""The module that Python runs: a script, or the cells of a notebook."""


@dataclass(frozen=True)
class Kinds:
    """A table whose ``kind`` chooses the class: a name of ``table``, or ``module:Class``.

    Attributes:
        what: the word for messages, for example "family".
        table: the built-in classes by name.
        needs: methods and attributes that a user's own class must have.
    """

    what: str
    table: Mapping[str, type[Any]]
    needs: tuple[str, ...]

    def name(self, settings: Any) -> str:
        """The ``kind`` that leads back to this object's class."""
        cls = type(settings)
        for kind, known in self.table.items():
            if known is cls:
                return kind
        return f"{cls.__module__}:{cls.__qualname__}"


def build(
    rule: Kinds | type[BaseModel],
    values: Mapping[str, Any],
    source: str,
    name: str,
    folder: Path | None,
) -> tuple[Any, Path | None]:
    """Make the object of one table.

    ``folder`` is where a user's own class is looked for, which runs the code there, and where
    files are that settings read (in the ``context`` of their validation); None allows only classes
    of modules that are imported already, and no files. It is returned too if the class lies there.

    Raises:
        ConfigError: one line that names the source, the table, the key and what is allowed.
    """
    where = f"{source}: [{name}]"
    own_folder = None
    if isinstance(rule, Kinds):
        cls, own_folder = _chosen(rule, values, where, folder)
        if values["kind"] not in rule.table:
            values = {key: value for key, value in values.items() if key != "kind"}
    else:
        cls = rule
    try:
        return cls.model_validate(dict(values), context={"folder": folder}), own_folder
    except ValidationError as error:
        raise ConfigError(f"{where} {describe(cls, error, name)}") from error


def _chosen(
    rule: Kinds, values: Mapping[str, Any], where: str, folder: Path | None
) -> tuple[type[BaseModel], Path | None]:
    """The class that the ``kind`` of a table names."""
    if "kind" not in values:
        raise ConfigError(f"{where} kind is missing; there are {', '.join(rule.table)}")
    kind = values["kind"]
    if isinstance(kind, str) and kind in rule.table:
        return rule.table[kind], None
    if isinstance(kind, str) and ":" in kind:
        return _own_class(kind, rule, where, folder)
    raise ConfigError(
        f"{where} kind must be one of {', '.join(rule.table)}, or my_module:MyClass, got "
        f"{shown(kind)}{nearest(kind, rule.table)}"
    )


def _own_class(
    kind: str, rule: Kinds, where: str, folder: Path | None
) -> tuple[type[BaseModel], Path | None]:
    """The class, and ``folder`` if it was found there and not among the installed packages."""
    module_name, _, class_name = kind.partition(":")
    module = _imported(module_name, kind, where, folder)
    cls = getattr(module, class_name, None)
    if cls is None and module_name == MAIN:
        raise ConfigError(
            f"{where} kind: {class_name!r} was defined in the script or notebook that began this, "
            "and can be used there only; to use it elsewhere, move it into a module of its own and "
            "import it from there"
        )
    if not (isinstance(cls, type) and issubclass(cls, BaseModel)):
        raise ConfigError(
            f"{where} kind: {kind!r} must name a settings class with {', '.join(rule.needs)}, got "
            f"{_what(cls, module, class_name)}"
        )
    if missing := missing_members(cls, rule.needs):
        raise ConfigError(f"{where} kind: {missing}, which every {rule.what} needs")
    file = Path(getattr(module, "__file__", None) or "/")
    inside = folder is not None and file.resolve().is_relative_to(folder.resolve())
    return cls, folder if inside else None


def _what(found: Any, module: ModuleType, name: str) -> str:
    """Describe what a module has under the name of a class, with a hint for a misspelt name."""
    if found is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        return f"no {name} in {module.__name__}{nearest(name, classes)}"
    if isinstance(found, type):
        return f"the class {name} ({defined_at(found)}), which is not derived from Settings"
    if inspect.isfunction(found):
        return f"the function {name}; to be a learner it needs the decorator spikeloop.learner"
    return f"a {type(found).__name__}"


def _imported(name: str, kind: str, where: str, folder: Path | None) -> ModuleType:
    """The module of that name, imported if there is a folder to look in."""
    if name in sys.modules:
        return sys.modules[name]
    if folder is None:
        raise NeedsTrust(
            f"{where} kind: {shown(kind)} is a class of its author's own, whose code would run "
            "with your rights; if you trust them, add --trust (in Python trust=True)"
        )
    if str(folder) not in sys.path:  # last, as on the workers, so that it shadows no library
        sys.path.append(str(folder))
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # the user's module may raise anything, or be a script
        raise ConfigError(
            f"{where} kind: cannot import {name!r} (looked in {folder} too): "
            f"{type(error).__name__}: {error}"
        ) from error
