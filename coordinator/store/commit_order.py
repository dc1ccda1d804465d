"""Name the files of a run, and order them as commits write them."""

import re
from collections.abc import Iterable
from math import inf
from pathlib import Path

from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST

PARTS = ("episodes", "candidates", "curves", "generations")
"""Folders with parts by generation, in the order in which a commit writes them."""

ONCE = ("finalists", "theta", "transfer", "other_transfers")
"""Folders with parts that belong to the whole search and not to one generation."""

INTERPRETATION = "interpretation"
"""Folder of what ``spikeloop interpret`` has found: SECTION.json, and figures SECTION-NAME.png."""

FOLDERS = (*PARTS, "state", *ONCE, INTERPRETATION, "figures")
"""All folders of a run, in the order in which they are written."""

REPORT = "report.html"

_PART = r"part-(\d{6,19})\.parquet"
_NAMES = {
    **dict.fromkeys((*PARTS, *ONCE), _PART),
    "state": r"(\d{6,19})\.npz",
    "other_transfers": r"seed-(\d{6,19})-tasks-\d{6,19}-generation-\d{6,19}\.parquet",
    INTERPRETATION: r"([a-z_]+)\.json|[a-z_]+-[A-Za-z0-9_]+\.png",
    "figures": r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.png",
}
"""Folder of a run -> the names of its files; the group is the number that they are ordered by."""

Rank = tuple[float, int]


def rank(name: str) -> Rank | None:
    """Give a file's place in the order of commits, generation and position; None for other files.

    The manifest comes before all generations, what belongs to the whole search after them.
    """
    if name == RUN_MANIFEST:
        return -1, 0
    if name == REPORT:
        return inf, len(FOLDERS)
    folder, _, file = name.partition("/")
    match = re.fullmatch(_NAMES[folder], file, re.ASCII) if folder in _NAMES else None
    if match is None:
        return None
    number = int(match[1]) if folder in (*PARTS, "state") else inf
    return number, FOLDERS.index(folder)


def ranked(names: Iterable[str]) -> list[tuple[Rank, str]]:
    """Give the files of a run among some, in the order of commits."""
    return sorted((place, name) for name in names if (place := rank(name)) is not None)


def later(names: Iterable[str], generation: int) -> list[str]:
    """Give the files among some that came after a generation, the last first, without figures.

    Removed in this order they leave, at any instant, the run as it once was: of each generation the
    state goes before its parts.
    """
    found = reversed(ranked(names))
    return [name for (number, _), name in found if number > generation and not is_drawn(name)]


def numbered(folder: Path) -> list[tuple[Path, int]]:
    """Give the files in one of a run's folders with their numbers, in order."""
    found = [
        (path, int(match[1]))
        for path in folder.glob("*")
        if (match := re.fullmatch(_NAMES[folder.name], path.name, re.ASCII))
    ]
    return sorted(found, key=lambda entry: (entry[1], entry[0]))


def due(found: Iterable[float], every: int, last: int) -> list[int]:
    """Give the generations, in order, that must have files of their own.

    Args:
        found: generations of which there is some file.
        every: ``run.commit_every``, after which a commit is certain; it may come earlier.
        last: the last generation that counts.
    """
    numbers = {int(number) for number in found if 0 <= number <= last}
    return sorted(numbers.union(range(0, last + 1, every)))


def sections(folder: Path) -> list[Path]:
    """Give the files of the interpretation's sections in a run folder, in the order of names."""
    found = sorted((folder / INTERPRETATION).glob("*.json"))
    return [path for path in found if rank(f"{INTERPRETATION}/{path.name}")]


def is_drawn(name: str) -> bool:
    """Tell whether a run's file is drawn from the others, and so has no checksum."""
    return name == REPORT or name.endswith(".png")


def state_of(name: str) -> int:
    """Give the generation of a state by its name; -1 if it is no state."""
    return int(name[len("state/") : -len(".npz")]) if name.startswith("state/") else -1
