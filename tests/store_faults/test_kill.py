"""A run that is killed at any operation on its files ends with the bits of an undisturbed one."""

import functools
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np

from store_faults.crash_points import Choice, PowerCut, commit_in_the_wrong_order, kills, record
from store_faults.disturbances import Problems, killed, power_lost
from store_faults.file_operations import Fault, Operation
from store_faults.power_cut import Disk, Survival, read_tree


def test_the_record_of_a_run_is_complete(place: Path, operations: list[Operation]) -> None:
    """Doing the recorded operations gives the very bytes on the disk: none went unseen."""
    everything = Disk().do(operations).after_cut(Survival("all", "all"))
    assert everything == read_tree(place / "undisturbed")
    kinds = {operation.kind for operation in operations}
    assert kinds == {"open", "sync", "sync_folder", "rename", "mkdir"}


def test_a_run_killed_at_an_operation_is_resumed(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    assert problems(killed, [[fault] for fault in some(kills(operations), 8)]) == []


def test_a_resumed_run_may_be_killed_too(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    """Twice in the resumed run, which removes what the first death left before it goes on."""
    rng = np.random.default_rng(1)
    points = []
    for fault in some(kills(operations), 3):
        left = len(operations) - fault.at
        again = [Fault(int(rng.integers(left)), half=bool(rng.integers(2))) for _ in range(2)]
        points.append([fault, *again])
    assert problems(killed, points) == []


def test_a_state_before_its_parts_would_be_found(
    problems: Problems, processes: Pool, place: Path, operations: list[Operation]
) -> None:
    """A program that commits in the wrong order leaves a generation without its episodes."""
    change = commit_in_the_wrong_order
    wrong = processes.apply(record, [place / "wrong-order"], {"change": change})
    renamed = [operation.target for operation in wrong].index("out/small/state/000001.npz")
    cut = PowerCut(renamed + 1, Survival("all", "all"))
    (problem,) = problems(functools.partial(power_lost, wrong), [cut])
    assert "episodes/part-000001.parquet: missing" in problem
