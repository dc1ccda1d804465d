"""A run that is uploaded is killed at any operation, and its folder is lost with its disk."""

from multiprocessing.pool import Pool
from pathlib import Path

import pytest
from support.s3_server import S3

from store_faults import lost_folders
from store_faults.crash_points import Choice
from store_faults.disturbances import Problems
from store_faults.file_operations import Fault, Operation
from store_faults.lost_folders import Loss, lost


@pytest.fixture(scope="module")
def n_operations(processes: Pool, place: Path, operations: list[Operation]) -> int:
    """Operations of a run that is uploaded to a folder, those of the upload included."""
    found: int = processes.apply(lost_folders.operations, [place / "uploaded"])
    assert found > 1.5 * len(operations)
    return found


def test_killed_run_goes_on_from_what_a_folder_stores(
    problems: Problems, n_operations: int, some: Choice
) -> None:
    points = some([Fault(number, half=bool(number % 3)) for number in range(n_operations)], 5)
    losses = [Loss(fault, lost=number % 3 != 0) for number, fault in enumerate(points)]
    assert problems(lost, losses) == []


def test_killed_run_goes_on_from_what_an_s3_server_stores(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    server = S3()
    try:
        points = some(range(len(operations)), 3)
        losses = [
            Loss(Fault(at), lost=number % 3 != 2, address=server.uri(f"killed-at-{at}"))
            for number, at in enumerate(points)
        ]
        assert problems(lost, losses) == []
    finally:
        server.stop()
