"""Values for a table, drawn from its settings class: right, at a bound, beyond it, or absurd."""

from datetime import date, datetime, time
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

HUGE = (2**31, 2**63 - 1, 2**63, 2**64, 2**80, 10**400, -(2**63) - 1, -(2**80))
ODD_FLOATS = (0.0, -0.0, 5e-324, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.sampled_from(("", "kind", "default", "nan", "1", "true", "é", "Θ", "\n", "a\tb", "\x00"))
dates = st.sampled_from((date(1, 1, 1), datetime(9999, 12, 31), time(23, 59)))
plain = (
    st.integers(-3, 50)
    | st.sampled_from(HUGE)
    | st.floats(width=32)
    | st.sampled_from(ODD_FLOATS)
    | st.booleans()
    | texts
    | words
    | dates
)
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def right(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    """Values that a field may have, small ones."""
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return table(annotation)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        low, high = _bounds(metadata, 1)
        low = 0 if low is None else low
        return st.integers(int(low), int(min(low + 8, high if high is not None else low + 8)))
    if annotation is float:
        low, high = _bounds(metadata, 0)
        low = 0.0 if low is None else float(low)
        high = low + 2.0 if high is None else float(high)
        return st.floats(low, high, exclude_min=True, exclude_max=True)
    if annotation is str:
        return st.sampled_from(("", "a", "here", "random_search", "evolution"))
    if get_origin(annotation) is list:
        return st.lists(right(get_args(annotation)[0], []), max_size=2)
    inner = [part for part in get_args(annotation) if not hasattr(part, "discriminator")]
    return st.one_of([right(part, metadata) for part in inner]) if inner else anything


def edge(metadata: list[Any]) -> st.SearchStrategy[Any]:
    """Values at a bound and just beyond it."""
    ends = [end for end in _bounds(metadata, 0) if end is not None] or [0]
    return st.sampled_from([end + step for end in ends for step in (-1, -1e-9, 0, 0.0, 1e-9, 1)])


def value(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Any value for a field, as often right as not."""
    good = right(field.annotation, field.metadata)
    return good | edge(field.metadata) | anything


def table(cls: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Some keys of a settings class with right values."""
    optional = {
        name: right(field.annotation, field.metadata)
        for name, field in cls.model_fields.items()
        if name != "kind"
    }
    kind = cls.model_fields.get("kind")
    fixed = {} if kind is None else {"kind": st.just(kind.default)}
    return st.fixed_dictionaries(fixed, optional=optional)


@st.composite
def disturbed(draw: st.DrawFn, cls: type[BaseModel], keys: dict[str, Any]) -> dict[str, Any]:
    """Keys of a table with one to three values of any kind, or an unknown key put in."""
    found = dict(keys)
    names = st.sampled_from(sorted(cls.model_fields))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(names)
        if draw(st.integers(0, 9)) == 0:
            found[draw(texts | names.map(lambda word: word[1:] + "x"))] = draw(anything)
        elif draw(st.integers(0, 9)) == 0:
            found.pop(name, None)
        else:
            found[name] = draw(value(cls.model_fields[name]))
    return found


def _bounds(metadata: list[Any], step: float) -> tuple[Any, Any]:
    """The lowest and highest value; ``step`` away from a bound that does not belong to it."""
    low = high = None
    for rule in metadata:
        for name, away in (("ge", 0), ("gt", step)):
            if getattr(rule, name, None) is not None:
                low = getattr(rule, name) + away
        for name, away in (("le", 0), ("lt", step)):
            if getattr(rule, name, None) is not None:
                high = getattr(rule, name) - away
    return low, high
