"""From one TOML table to one validated object, and from a validation error to one clear line."""

import difflib
import importlib
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

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
    folder: Path | None,
) -> tuple[Any, Path | None]:
    """Makes the object of one table.

    Args:
        rule: which class, or whose names choose it.
        values: keys and values of the table.
        source: where they come from, for messages.
        name: of the table.
        folder: where a user's own class is looked for, which runs the code there; None allows only
            classes of modules that are imported already.

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
    """What a field may be, in words, or "" if its type says all.

    For example ">= 1, < 10", "numpy | cython", "> 0 | node", "list of a | b" or "each >= 0".
    """
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}
    parts = [
        f"{sign} {getattr(rule, attribute)}"
        for rule in field.metadata
        for attribute, sign in signs.items()
        if getattr(rule, attribute, None) is not None
    ]
    annotation = field.annotation
    inner = [FieldInfo.from_annotation(a) for a in get_args(annotation) if _is_type(a)]
    if get_origin(annotation) is Literal:
        parts.append(" | ".join(map(str, get_args(annotation))))
    elif get_origin(annotation) in (Union, UnionType):
        parts.append(" | ".join(text for text in map(allowed, inner) if text))
    elif get_origin(annotation) in (list, tuple):
        options = all(_is_options(option.annotation) for option in inner)
        word = f"{get_origin(annotation).__name__} of" if options else "each"  # type: ignore[union-attr]
        # Elements that may be the same are told of once; those of a tuple can differ.
        parts += [f"{word} {text}" for text in dict.fromkeys(map(allowed, inner)) if text]
    return ", ".join(part for part in parts if part)


def _own_class(
    kind: str, rule: Kinds, where: str, folder: Path | None
) -> tuple[type[BaseModel], Path | None]:
    """The class, and ``folder`` if it was found there and not among the installed packages."""
    module_name, _, class_name = kind.partition(":")
    module = _imported(module_name, kind, where, folder)
    cls = getattr(module, class_name, None)
    if not (isinstance(cls, type) and issubclass(cls, BaseModel) and hasattr(cls, rule.needs)):
        raise ConfigError(
            f"{where} kind: {kind!r} must name a settings class with a method {rule.needs!r}"
        )
    file = Path(getattr(module, "__file__", None) or "/")
    inside = folder is not None and file.resolve().is_relative_to(folder.resolve())
    return cls, folder if inside else None


def _imported(name: str, kind: str, where: str, folder: Path | None) -> ModuleType:
    """The module of that name, imported if there is a folder to look in."""
    if folder is None:
        if name in sys.modules:
            return sys.modules[name]
        raise ConfigError(
            f"{where} kind: {shown(kind)} is a class of its author's own, whose code would run "
            "with your rights; if you trust them, add --trust"
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


def _validate(cls: type[BaseModel], values: Mapping[str, Any], where: str) -> Any:
    try:
        return cls.model_validate(dict(values))
    except ValidationError as error:
        errors = error.errors()
        # A value that may be of several types has an error for each.
        keys = {".".join(_locate(cls, one["loc"]).keys) for one in errors}
        more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
        raise ConfigError(f"{where} {_line(cls, errors[0])}{more}") from error


def _is_type(argument: Any) -> bool:
    """Whether an argument of a type stands for values: no value of a literal, no None, no dots."""
    return argument not in (NoneType, None, ...) and not isinstance(argument, str | int)


def _is_options(annotation: Any) -> bool:
    """Whether a type is one of a few values."""
    several = get_origin(annotation) in (Union, UnionType)
    options = get_args(annotation) if several else (annotation,)
    return all(get_origin(option) is Literal for option in options)


def _types(annotation: Any) -> list[Any]:
    """The types that a value may be of, ``None`` apart."""
    several = get_origin(annotation) in (Union, UnionType)
    return [a for a in get_args(annotation) if a is not NoneType] if several else [annotation]


@dataclass(frozen=True)
class _Place:
    """Where a validation error lies.

    Attributes:
        keys: of the file, from the table down.
        field: what the last key stands for.
        within: the type of what lies there, as chosen among several.
    """

    keys: list[str]
    field: FieldInfo
    within: Any


def _locate(cls: type[BaseModel], location: Iterable[int | str]) -> _Place:
    """Follows a location down the types of a class, as far as these tell."""
    keys: list[str] = []
    field = FieldInfo.from_annotation(cls)
    within: Any = cls
    choice = False
    for part in map(str, location):
        if choice:  # the kind of the nested table or the type, which is no key of the file
            within = next((t for t in _types(within) if _is_called(t, part)), None)
            choice = False
            continue
        keys.append(part)
        field = _inner(within, part)
        types = _types(field.annotation)
        choice = field.discriminator is not None or len(types) > 1
        within = field.annotation if choice else types[0]
    return _Place(keys, field, within)


def _is_called(annotation: Any, name: str) -> bool:
    """Whether a validation error calls a type, one of several, by a name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        return name in (annotation.__name__, None if kind is None else kind.default)
    origin = get_origin(annotation)
    return isinstance(origin, type) and name.startswith(f"{origin.__name__}[")


def _inner(annotation: Any, key: str) -> FieldInfo:
    """What a key stands for within something of a type."""
    unknown = FieldInfo.from_annotation(Any)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields.get(key, unknown)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return FieldInfo.from_annotation(arguments[1])
    if origin is tuple and key.isdigit() and int(key) < len(arguments) and ... not in arguments:
        return FieldInfo.from_annotation(arguments[int(key)])
    return FieldInfo.from_annotation(arguments[0]) if origin in (list, tuple) else unknown


def _line(cls: type[BaseModel], error: Mapping[str, Any]) -> str:
    place = _locate(cls, error["loc"])
    key, field = ".".join(place.keys), place.field
    if error["type"] == "extra_forbidden":
        table = _locate(cls, error["loc"][:-1]).within
        is_model = isinstance(table, type) and issubclass(table, BaseModel)
        near = nearest(place.keys[-1], table.model_fields if is_model else ())
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
    message: str = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if not key:
        return message
    span = allowed(field)
    bounds = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
    choice = len(_types(field.annotation)) > 1 and error["type"] != "value_error"
    if error["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        message = "must be a table"
    elif span and (choice or error["type"] in bounds):
        message = f"must be {span}"
    elif span and error["type"] != "literal_error":  # which lists the values itself
        message = f"{message} ({span})"
    return f"{key} {message}, got {shown(error['input'])}"
