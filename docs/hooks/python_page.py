"""The page of the public interface, ``spikeloop.__all__``, by mkdocstrings."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import spikeloop
from spikeloop.coordinator.api.learned_view import LearnedView

HEAD = """# The Python interface

    import spikeloop as sl

These names are the public interface; everything else may change. Settings of families, learners,
strategies and targets are keyword arguments with the names, ranges and defaults of
[the tables of a configuration](settings.md).
"""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "A learner of your own": ("workers.own_learner",),
    "Families of tasks": ("tasks",),
    "Learners": ("workers.learners",),
    "Strategies": ("coordinator.strategies",),
    "Where a run happens": ("cluster.targets",),
    "Spaces of Θ": ("workers.space", "workers.parameter_types"),
    "Errors": ("coordinator.errors", "cluster"),
}
"""Title -> where what it shows is defined, below the package."""
FUNCTIONS, VIEWS = "What you can do", "What you get"
"""Titles of everything else: functions, and the classes of what they return."""


def python_page(warn: Callable[[str], Any]) -> str:
    """Return the page; a public name or method without a docstring is warned of."""
    groups: dict[str, list[str]] = {FUNCTIONS: [], VIEWS: [], **{title: [] for title in GROUPS}}
    for name in spikeloop.__all__:
        value = getattr(spikeloop, name)
        if callable(value):
            for missing in _without_docstring(name, value):
                warn(f"{missing} is public and has no docstring")
            groups[_group(value)].append(_entry(name, value))
    shown = (f"## {title}\n\n" + "\n".join(entries) for title, entries in groups.items() if entries)
    return HEAD + "\n" + "\n".join(shown)


def _group(value: Any) -> str:
    """Return the title of the group that a name belongs to."""
    home = value.__module__.removeprefix("spikeloop.")
    for title, homes in GROUPS.items():
        if any(f"{home}.".startswith(f"{one}.") for one in homes):
            return title
    return VIEWS if inspect.isclass(value) else FUNCTIONS


def _entry(name: str, value: Any) -> str:
    """Return what mkdocstrings shows of a name."""
    options = ["heading: " + f"sl.{name}", "toc_label: " + name]
    if inspect.isclass(value):
        members = list(_methods(value))
        options.append(f"members: {members}" if members else "members: false")
        options.append("inherited_members: true")
    lines = "".join(f"        {option}\n" for option in options)
    return f"::: {value.__module__}.{value.__qualname__}\n    options:\n{lines}"


def _methods(cls: type) -> Iterator[str]:
    """Name the public methods and properties of a class, and what ``LearnedView`` gives it."""
    kinds = (property, classmethod, staticmethod)
    for home in (cls, *(base for base in cls.__mro__ if base is LearnedView)):
        for name, value in vars(home).items():
            shown = inspect.isfunction(value) or isinstance(value, kinds)
            if shown and not name.startswith("_") and (home is cls or name not in vars(cls)):
                yield name


def _without_docstring(name: str, value: Any) -> Iterator[str]:
    if not (value.__doc__ or "").strip():
        yield name
    if inspect.isclass(value):
        for method in _methods(value):
            if not inspect.getdoc(getattr(value, method)):
                yield f"{name}.{method}"
