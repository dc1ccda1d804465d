"""Turn pydantic's validation errors into one line that names the key, the range and the value."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from spikeloop.coordinator.config.renamed_keys import new_name

LONGEST_VALUE = 200
"""Characters of a value in a message."""


def describe(cls: type[BaseModel], error: ValidationError, table: str) -> str:
    """One line about the first error in a table, and how many other keys are wrong."""
    errors = error.errors()
    # A value that may be of several types has an error for each of them.
    keys = {".".join(_locate(cls, one["loc"]).keys) for one in errors}
    more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
    for one in errors:
        if one["type"] == "extra_forbidden" and (line := _renamed(cls, one, table)):
            return line + more
    return _line(cls, errors[0]) + more


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
        # Equal elements are described once; those of a tuple can differ.
        parts += [f"{word} {text}" for text in dict.fromkeys(map(allowed, inner)) if text]
    return ", ".join(part for part in parts if part)


def _is_type(argument: Any) -> bool:
    """Whether an argument of a type stands for values: no literal's value, no None, no dots."""
    return argument not in (NoneType, None, ...) and not isinstance(argument, str | int)


def _is_options(annotation: Any) -> bool:
    """Whether a type is one of a few values."""
    return all(get_origin(option) is Literal for option in _types(annotation))


def _is_table(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Whether a type is that of a table of settings."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _types(annotation: Any) -> list[Any]:
    """The types that a value may be of, ``None`` apart."""
    several = get_origin(annotation) in (Union, UnionType)
    return [a for a in get_args(annotation) if a is not NoneType] if several else [annotation]


@dataclass(frozen=True)
class _Location:
    """Where a validation error lies.

    Attributes:
        keys: of the file, from the table down.
        field: what the last key stands for.
        within: the type of what lies there, as chosen among several.
    """

    keys: list[str]
    field: FieldInfo
    within: Any


def _locate(cls: type[BaseModel], location: Iterable[int | str]) -> _Location:
    """Follow a location of pydantic down the types of a class, as far as these are known."""
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
    return _Location(keys, field, within)


def _is_called(annotation: Any, name: str) -> bool:
    """Whether a validation error calls a type, one of several, by a name."""
    if _is_table(annotation):
        kind = annotation.model_fields.get("kind")
        return name in (annotation.__name__, None if kind is None else kind.default)
    origin = get_origin(annotation)
    return isinstance(origin, type) and name.startswith(f"{origin.__name__}[")


def _inner(annotation: Any, key: str) -> FieldInfo:
    """What a key stands for within something of a type."""
    unknown = FieldInfo.from_annotation(Any)
    if _is_table(annotation):
        return annotation.model_fields.get(key, unknown)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return FieldInfo.from_annotation(arguments[1])
    if origin is tuple and key.isdigit() and int(key) < len(arguments) and ... not in arguments:
        return FieldInfo.from_annotation(arguments[int(key)])
    return FieldInfo.from_annotation(arguments[0]) if origin in (list, tuple) else unknown


def _renamed(cls: type[BaseModel], error: Mapping[str, Any], table: str) -> str:
    """A line that names the new key, if an unknown key has one."""
    keys = _locate(cls, error["loc"]).keys
    new = new_name(table, keys)
    return f"{'.'.join(keys)} is called {'.'.join((*keys[:-1], new))} now" if new else ""


def _line(cls: type[BaseModel], error: Mapping[str, Any]) -> str:
    location = _locate(cls, error["loc"])
    key = ".".join(location.keys)
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key {key!r}{_known_keys(cls, error['loc'])}"
        case "union_tag_invalid":
            kinds = error["ctx"]["expected_tags"].replace("'", "")
            kind = error["ctx"]["tag"]
            hint = nearest(kind, kinds.split(", "))
            return f"{key}.kind must be one of {kinds}, got {shown(kind)}{hint}"
        case "union_tag_not_found":
            return f"{key}.kind is missing"
        case "missing":
            return f"{key} is missing"
    if not key:
        return _message(error)
    return f"{key} {_requirement(location.field, error)}, got {shown(error['input'])}"


def _known_keys(cls: type[BaseModel], location: Sequence[int | str]) -> str:
    """The kind of the table that lacks a key, and the nearest key that it has."""
    table = _locate(cls, location[:-1]).within
    fields = table.model_fields if _is_table(table) else {}
    kind = f" of kind {fields['kind'].default!r}" if "kind" in fields else ""
    return kind + nearest(str(location[-1]), fields)


def _requirement(field: FieldInfo, error: Mapping[str, Any]) -> str:
    """What a value must be."""
    if error["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return "must be a table"
    span = allowed(field)
    bounds = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
    choice = len(_types(field.annotation)) > 1 and error["type"] != "value_error"
    if span and (choice or error["type"] in bounds):
        return f"must be {span}"
    if span and error["type"] != "literal_error":  # which lists the values itself
        return f"{_message(error)} ({span})"
    return _message(error)


def _message(error: Mapping[str, Any]) -> str:
    message: str = error["msg"]
    return message.removeprefix("Value error, ").replace("Input should", "must")
