"""What a user's own class lacks, with its file and line, and what does not fit in its interface."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from spikeloop.tasks.base import Interface

BATCH_MEMBERS = ("n_tasks", "interface", "__getitem__", "references", "play")
"""What a run needs of a batch of tasks."""


def missing_members(cls: type[Any], names: Iterable[str], instance: object = None) -> str:
    """Name all of ``names`` that a class lacks, or return "".

    Fields of settings and of dataclasses count, and what only the ``instance`` has. Methods that
    its base leaves to it are named too.
    """
    abstract: frozenset[str] = getattr(cls, "__abstractmethods__", frozenset())
    fields = {*getattr(cls, "model_fields", {}), *getattr(cls, "__dataclass_fields__", {})}
    lacking = [
        name
        for name in names
        if name in abstract or not (hasattr(cls, name) or name in fields or hasattr(instance, name))
    ]
    lacking += sorted(abstract.difference(names))
    return f"{cls.__name__} ({defined_at(cls)}) lacks {', '.join(lacking)}" if lacking else ""


def defined_at(cls: type[Any]) -> str:
    """The file and line of a class statement, or its module where there is no source."""
    try:
        file, (_, line) = inspect.getsourcefile(cls), inspect.getsourcelines(cls)
    except (OSError, TypeError):
        return f"in {cls.__module__}"
    return f"{file}:{line}"


def interface_differences(family: Interface, batch: Interface) -> Iterator[str]:
    """Say in what a batch of tasks has another interface than its family.

    A batch of tables does not know what its family says of them beyond these sizes and kinds.
    """
    for name in ("n_observations", "n_actions", "actions", "observations", "n_steps", "feedback"):
        if getattr(batch, name) != getattr(family, name):
            yield (
                f"interface.{name} is {getattr(family, name)!r} of the family and "
                f"{getattr(batch, name)!r} of its batch"
            )
