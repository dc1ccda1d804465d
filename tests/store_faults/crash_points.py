"""A tiny run in a process of its own, disturbed at a chosen operation on a file.

In the spirit of SQLite's crash tests (https://sqlite.org/testing.html): every operation, in turn,
is the last one, fails, or is followed by a power cut. What is done to the run, and what must hold
afterwards, is in ``disturbances``.
"""

import errno
import functools
import os
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from support.small_run import small_toml

from store_faults.file_operations import Fault, Kind, Operation, Watch
from store_faults.power_cut import Disk, Survival
from store_faults.warm import Child, Ended

CHANGES: dict[str, dict[str, Any]] = {
    "run": {"tasks": 2},
    "family": {"n_steps": 20},
    "transfer": {"tasks": 3, "random_points": 2, "monitor_tasks": 2},
    "deploy": {"finalists": 2, "tasks": 2},
}
FOLDER = "out/small"
RUN = ("run", "../small.toml", "--inline", "--out", "out")
RESUME = ("resume", FOLDER, "--inline")
VERIFY = ("verify", FOLDER)

SURVIVALS = (
    Survival("none", "none"),
    Survival("all", "none"),
    Survival("none", "all"),
    *(Survival("some", "some", seed) for seed in range(5)),
)

Choice: TypeAlias = Callable[[Sequence[Any], int], list[Any]]
"""Chooses points, about so many."""


def spikeloop(arguments: Sequence[str], folder: Path, fault: Fault | None = None) -> Ended:
    """A command in a forked child that works in a folder; its value are the operations there."""
    return begun(arguments, folder, fault).ended()


def begun(
    arguments: Sequence[str],
    folder: Path,
    fault: Fault | None = None,
    unsynced: frozenset[Kind] = frozenset(),
    change: Callable[[], None] | None = None,
) -> Child:
    """A command like ``spikeloop``'s that has only begun; ``change`` may change the program."""
    return Child(functools.partial(_command, arguments, folder, fault, unsynced, change))


def _command(
    arguments: Sequence[str],
    folder: Path,
    fault: Fault | None,
    unsynced: frozenset[Kind],
    change: Callable[[], None] | None,
) -> list[Operation]:
    from spikeloop.coordinator.cli.main import main

    os.chdir(folder)
    os.getpid = lambda: 7  # as in a container, where every coordinator has the same number
    if change is not None:
        change()
    with Watch(folder, fault, unsynced).watching() as watch:
        try:
            main(list(arguments))
        except SystemExit as exit_:
            if exit_.code:
                raise
    return watch.operations


def commit_in_the_wrong_order() -> None:
    """Change the program so that it writes a state before its parts."""
    from spikeloop.coordinator.store.run_store import RunStore

    commit = RunStore.commit

    def wrong(self: RunStore, generation: int, parts: Any, state: Any) -> None:
        commit(self, generation, {}, state)
        commit(self, generation, parts, state)

    RunStore.commit = wrong  # type: ignore[method-assign]


def record(
    folder: Path,
    unsynced: frozenset[Kind] = frozenset(),
    change: Callable[[], None] | None = None,
) -> list[Operation]:
    """The operations of an undisturbed run in a new folder, possibly of a changed program."""
    folder.mkdir()
    ended = begun(RUN, folder, None, unsynced, change).ended()
    assert ended.status == 0, ended
    operations: list[Operation] = ended.value
    return operations


def write_config(folder: Path) -> None:
    """Writes the run's configuration to where ``RUN`` looks for it."""
    small_toml(folder / "small.toml", **CHANGES)


def sample(points: Sequence[Any], n: int) -> list[Any]:
    """One of each n-th part of the points, drawn at random.

    Every file is written by the same few operations, so a fixed stride would meet the same ones.
    """
    if n >= len(points):
        return list(points)
    edges = [part * len(points) // n for part in range(n + 1)]
    rng = np.random.default_rng(n)
    return [points[int(rng.integers(*part))] for part in pairwise(edges)]


def every(points: Sequence[Any], n: int) -> list[Any]:
    """All of the points, for exhaustive tests."""
    del n
    return list(points)


def kills(operations: Sequence[Operation]) -> list[Fault]:
    """Dying before each operation, which is after the one before, and within each write."""
    points = [Fault(number) for number in range(len(operations))]
    return points + [
        Fault(number, half=True)
        for number, operation in enumerate(operations)
        if operation.kind == "sync"
    ]


def errors(operations: Sequence[Operation]) -> list[Fault]:
    """Each operation that takes space: a full disk that stays full, or once a broken one.

    Making a folder that is there takes none, so a program may take no notice of its failure; a
    lock that cannot be opened has a line of its own (``store/lock.py``).
    """
    there: set[str] = set()
    faults = []
    for number, operation in enumerate(operations):
        again = operation.kind == "mkdir" and operation.path in there
        lock = operation.kind == "open" and operation.path.endswith("/.lock")
        there.add(operation.target or operation.path)
        if operation.kind in ("remove", "rmdir"):
            continue
        for error in (errno.ENOSPC, errno.EIO):
            if error == errno.ENOSPC or not (again or lock):
                lasting = error == errno.ENOSPC
                faults.append(Fault(number, half=True, error=error, lasting=lasting))
    return faults


class PowerCut(NamedTuple):
    """The power goes before operation ``at`` of a run."""

    at: int
    survival: Survival


def pages_kib(folder: Path) -> int:
    """What a folder's files take on a disk with pages of 4 KiB."""
    return sum(4 * -(-path.stat().st_size // 4096) for path in folder.rglob("*") if path.is_file())


def power_cuts(operations: Sequence[Operation]) -> list[PowerCut]:
    """Power cuts before each operation and after the last that leave different folders."""
    cuts: dict[Hashable, PowerCut] = {}
    disk = Disk()
    for number in range(len(operations) + 1):
        for survival in SURVIVALS:
            left = frozenset(disk.after_cut(survival).items())
            cuts.setdefault((left, last_durable(operations[:number])), PowerCut(number, survival))
        disk.do(operations[number : number + 1])
    return list(cuts.values())


def last_durable(operations: Sequence[Operation]) -> int:
    """The last generation whose commit came to its end; -1 if none did."""
    states = Path(FOLDER, "state")
    renamed, durable = -1, -1
    for operation in operations:
        target = Path(operation.target)
        if operation.kind == "rename" and target.parent == states and target.suffix == ".npz":
            renamed = int(target.stem)
        elif operation.kind == "sync_folder" and Path(operation.path) == states:
            durable = renamed
    return durable
