"""From one TOML table to one validated object, and from a validation error to one clear line."""

import difflib
import importlib
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from spikeloop.coordinator.errors import ConfigError

LONGEST_VALUE = 200
"""Characters of a value in a message."""


@dataclass(frozen=True)
class Kinds:
    """A table whose ``kind`` chooses the class: a name of ``table``, or ``module:Class``.

    Attributes:
        what: the word for messages, for example "family".
        table: the built-in classes by name.
        needs: a method that a user's own class must have.
    """

    what: str
    table: Mapping[str, type[Any]]
    needs: str

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
    folder: Path,
) -> tuple[Any, Path | None]:
    """Makes the object of one table.

    Returns:
        The object, and ``folder`` if its class is the user's own and lies there.

    Raises:
        ConfigError: one line that names the source, the table, the key and what is allowed.
    """
    where = f"{source}: [{name}]"
    if not isinstance(rule, Kinds):
        return _validate(rule, values, where), None
    if "kind" not in values:
        raise ConfigError(f"{where} kind is missing; there are {', '.join(rule.table)}")
    kind = values["kind"]
    if isinstance(kind, str) and kind in rule.table:
        return _validate(rule.table[kind], values, where), None
    if isinstance(kind, str) and ":" in kind:
        cls, module_folder = _own_class(kind, rule, where, folder)
        settings = {key: value for key, value in values.items() if key != "kind"}
        return _validate(cls, settings, where), module_folder
    raise ConfigError(
        f"{where} kind must be one of {', '.join(rule.table)}, or my_module:MyClass, got "
        f"{shown(kind)}{nearest(kind, rule.table)}"
    )


def read_value(text: str) -> Any:
    """A value as TOML writes it; text that is no TOML value stands for itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # TOMLDecodeError, or numbers of very many digits
        return text


def shown(value: Any) -> str:
    """A value as a message quotes it; a TOML value can be too deep or too long to be written."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def nearest(word: Any, words: Iterable[str]) -> str:
    """A "did you mean" for a misspelt word, or nothing."""
    if not isinstance(word, str) or len(word) > LONGEST_VALUE:
        return ""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def allowed(field: FieldInfo) -> str:
    """The range of a field in words, for example ">= 1, < 10", or "" if it has none."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}
    parts = [
        f"{sign} {getattr(rule, attribute)}"
        for rule in field.metadata
        for attribute, sign in signs.items()
        if getattr(rule, attribute, None) is not None
    ]
    return ", ".join(parts)


def _own_class(
    kind: str, rule: Kinds, where: str, folder: Path
) -> tuple[type[BaseModel], Path | None]:
    """The class, and ``folder`` if it was found there and not among the installed packages."""
    module_name, _, class_name = kind.partition(":")
    if str(folder) not in sys.path:  # last, as on the workers, so that it shadows no library
        sys.path.append(str(folder))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # the user's module may raise anything, or be a script
        raise ConfigError(
            f"{where} kind: cannot import {module_name!r} (looked in {folder} too): "
            f"{type(error).__name__}: {error}"
        ) from error
    cls = getattr(module, class_name, None)
    if not (isinstance(cls, type) and issubclass(cls, BaseModel) and hasattr(cls, rule.needs)):
        raise ConfigError(
            f"{where} kind: {kind!r} must name a settings class with a method {rule.needs!r}"
        )
    file = Path(getattr(module, "__file__", None) or "/")
    return cls, folder if file.resolve().is_relative_to(folder.resolve()) else None


def _validate(cls: type[BaseModel], values: Mapping[str, Any], where: str) -> Any:
    try:
        return cls.model_validate(dict(values))
    except ValidationError as error:
        errors = error.errors()
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ConfigError(f"{where} {_line(cls, errors[0])}{more}") from error


def _is_choice(annotation: Any) -> bool:
    """Whether a value may be of several types, ``None`` apart."""
    several = get_origin(annotation) in (Union, UnionType)
    return several and len(set(get_args(annotation)) - {NoneType}) > 1


def _keys(cls: type[BaseModel], location: list[str]) -> Iterable[str]:
    """The keys of a table within the table of a class, as far as its type tells."""
    annotation: Any = cls
    for key in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(key)
            annotation = None if field is None else field.annotation
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation.model_fields if is_model else ()


def _line(cls: type[BaseModel], error: Mapping[str, Any]) -> str:
    location = [str(part) for part in error["loc"]]
    field = cls.model_fields.get(location[0]) if location else None
    if field is not None and (field.discriminator is not None or _is_choice(field.annotation)):
        del location[1:2]  # the kind of the nested table or the type, which is no key of the file
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        near = nearest(location[-1], _keys(cls, location[:-1]))
        return f"unknown key {key!r}{near}"
    if error["type"] == "union_tag_invalid":
        kinds = error["ctx"]["expected_tags"].replace("'", "")
        kind = error["ctx"]["tag"]
        hint = nearest(kind, kinds.split(", "))
        return f"{key}.kind must be one of {kinds}, got {shown(kind)}{hint}"
    if error["type"] == "union_tag_not_found":
        return f"{key}.kind is missing"
    if error["type"] == "missing":
        return f"{key} is missing"
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
    got = "" if not location else f", got {shown(error['input'])}"
    span = allowed(field) if field is not None and len(location) == 1 else ""
    bounds = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
    if error["type"] in bounds and span:
        message = f"must be {span}"
    elif span:
        message = f"{message} ({span})"
    return f"{key} {message}{got}" if key else message
