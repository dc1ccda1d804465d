"""The page of the public interface, ``spikeloop.__all__``, by mkdocstrings."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import spikeloop

HEAD = """# The Python interface

    import spikeloop as sl

These names are the public interface; everything else may change. Settings of families, learners,
strategies and targets are keyword arguments with the names, ranges and defaults of
[the tables of a configuration](settings.md).
"""

GROUPS = {
    "Families of tasks": "spikeloop.tasks",
    "Learners": "spikeloop.workers.learners",
    "Strategies": "spikeloop.coordinator.strategies",
    "Where a run happens": "spikeloop.cluster.targets",
    "Spaces of Θ": "spikeloop.workers.space",
    "Errors": ("spikeloop.coordinator.errors", "spikeloop.cluster.signals"),
}
"""Title -> where the classes of the group are defined; "Running and looking" has all others."""


def python_page(warn: Callable[[str], Any]) -> str:
    """Return the page; a public name or method without a docstring is warned of."""
    groups: dict[str, list[str]] = {"Running and looking": [], **{title: [] for title in GROUPS}}
    for name in spikeloop.__all__:
        value = getattr(spikeloop, name)
        if not (inspect.isclass(value) or callable(value)):
            continue
        for missing in _without_docstring(name, value):
            warn(f"{missing} is public and has no docstring")
        homes = (title for title, home in GROUPS.items() if value.__module__.startswith(home))
        groups[next(homes, "Running and looking")].append(_entry(name, value))
    shown = (f"## {title}\n\n" + "\n".join(entries) for title, entries in groups.items() if entries)
    return HEAD + "\n" + "\n".join(shown)


def _entry(name: str, value: Any) -> str:
    """Return what mkdocstrings shows of a name."""
    options = ["heading: " + f"sl.{name}", "toc_label: " + name]
    if inspect.isclass(value):
        members = list(_methods(value))
        options.append(f"members: {members}" if members else "members: false")
    lines = "".join(f"        {option}\n" for option in options)
    return f"::: {value.__module__}.{value.__qualname__}\n    options:\n{lines}"


def _methods(cls: type) -> Iterator[str]:
    """Name the public methods and properties that a class defines itself."""
    for name, value in vars(cls).items():
        kinds = (property, classmethod, staticmethod)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds)):
            yield name


def _without_docstring(name: str, value: Any) -> Iterator[str]:
    if not (value.__doc__ or "").strip():
        yield name
    if inspect.isclass(value):
        for method in _methods(value):
            if not inspect.getdoc(getattr(value, method)):
                yield f"{name}.{method}"
