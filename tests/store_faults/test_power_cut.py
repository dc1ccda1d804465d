"""After a power cut at any moment nothing committed is missing, and the run goes on to its bits.

What was not synced may be there, gone or half there; see ``power_cut``.
"""

import functools
from multiprocessing.pool import Pool
from pathlib import Path

import pytest

from store_faults.crash_points import FOLDER, Choice, PowerCut, power_cuts, record
from store_faults.disturbances import Problems, power_lost
from store_faults.file_operations import Kind, Operation
from store_faults.power_cut import Disk, Share, Survival


def test_a_run_is_resumed_after_a_power_cut(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    cuts = some(power_cuts(operations), 8)
    assert problems(functools.partial(power_lost, operations), cuts) == []


@pytest.mark.parametrize("forgotten", ["sync", "sync_folder"])
def test_a_missing_sync_would_be_found(
    problems: Problems,
    processes: Pool,
    place: Path,
    operations: list[Operation],
    forgotten: Kind,
) -> None:
    """A program that forgets to sync its files, or its folders, fails the tests above."""
    careless = processes.apply(record, [place / f"without-{forgotten}", frozenset({forgotten})])
    assert forgotten not in {operation.kind for operation in careless}
    disk, states = Disk().do(careless), f"{FOLDER}/state/000003.npz"
    survivals = [
        survival
        for survival in (Survival("some", "some", seed) for seed in range(1000))
        if {f"{FOLDER}/run.json", states} <= disk.after_cut(survival).keys()
    ]
    cuts = [PowerCut(len(careless), survival) for survival in survivals[:4]]
    assert len(problems(functools.partial(power_lost, careless), cuts)) == 4


def test_only_what_was_synced_is_sure_to_stay() -> None:
    write = [
        Operation("mkdir", "a"),
        Operation("open", "a/new", data=b"1234"),
    ]
    sync, rename = Operation("sync", "a/new"), Operation("rename", "a/new", "a/b")
    folder, top = Operation("sync_folder", "a"), Operation("sync_folder", ".")

    def left(done: list[Operation], names: Share, contents: Share) -> dict[str, bytes | None]:
        return Disk().do(done).after_cut(Survival(names, contents))

    assert left(write, "none", "all") == {}
    assert left(write, "all", "none") == {"a": None, "a/new": b""}
    assert left([*write, sync], "all", "none") == {"a": None, "a/new": b"1234"}
    assert left([*write, sync, rename, top], "none", "none") == {"a": None}
    assert left([*write, sync, rename, folder, top], "none", "none") == {"a": None, "a/b": b"1234"}
    assert left([*write, rename, folder, top], "none", "none") == {"a": None, "a/b": b""}
    removed = [*write, sync, folder, top, Operation("remove", "a/new")]
    assert left(removed, "none", "none") == {"a": None, "a/new": b"1234"}
    assert left(removed, "all", "none") == {"a": None}


def test_some_of_what_was_not_synced_may_be_there() -> None:
    done = [
        Operation("open", "x", data=b"1234"),
        Operation("sync_folder", "."),
        Operation("open", "y"),
    ]
    seen = {
        tuple(sorted(Disk().do(done).after_cut(Survival("some", "some", seed)).items()))
        for seed in range(50)
    }
    contents = {dict(tree)["x"] for tree in seen}
    assert contents >= {b"", b"1234", bytes(4), b"12"}
    assert {len(tree) for tree in seen} == {1, 2}
