"""Order the files of a run, recognised by their names, as commits write them."""

import re
from collections.abc import Iterable
from math import inf

from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST
from spikeloop.coordinator.store.run_store import ONCE, OTHER_TRANSFER, PARTS

REPORT = "report.html"

_NUMBERED = re.compile(r"([a-z]+)/(part-)?([0-9]{6,19})\.(parquet|npz)")
_OTHER_TRANSFER = re.compile(rf"other_transfers/{OTHER_TRANSFER}", re.ASCII)
_DRAWN = re.compile(r"figures/[A-Za-z0-9_-][A-Za-z0-9_.-]*\.png|report\.html")

Rank = tuple[float, int]


def rank(name: str) -> Rank | None:
    """Give a file's place in the order of commits, generation and position; None for other files.

    The manifest comes before all generations, what belongs to the whole search after them.
    """
    if name == RUN_MANIFEST:
        return -1, 0
    if _DRAWN.fullmatch(name):
        return inf, len(ONCE)
    if _OTHER_TRANSFER.fullmatch(name):
        return inf, ONCE.index("other_transfers")
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return None
    folder, part, number, suffix = match.groups()
    if (folder, part, suffix) == ("state", None, "npz"):
        return int(number), len(PARTS)
    if (part, suffix) != ("part-", "parquet"):
        return None
    if folder in PARTS:
        return int(number), PARTS.index(folder)
    return (inf, ONCE.index(folder)) if folder in ONCE else None


def due(found: Iterable[float], every: int, last: int) -> list[int]:
    """Give the generations, in order, that must have files of their own.

    Args:
        found: generations of which there is some file.
        every: ``run.commit_every``, after which a commit is certain; it may come earlier.
        last: the last generation that counts.
    """
    numbers = {int(number) for number in found if 0 <= number <= last}
    return sorted(numbers.union(range(0, last + 1, every)))


def ranked(names: Iterable[str]) -> list[tuple[Rank, str]]:
    """Give the files of a run among some, in the order of commits."""
    return sorted((place, name) for name in names if (place := rank(name)) is not None)


def is_drawn(name: str) -> bool:
    """Tell whether a file is drawn from the others, and so has no checksum."""
    return _DRAWN.fullmatch(name) is not None


def state_of(name: str) -> int:
    """Give the generation of a state by its name; -1 if it is no state."""
    return int(name[len("state/") : -len(".npz")]) if name.startswith("state/") else -1
