"""A run that is uploaded is killed at any operation, and its folder is lost with its disk."""

import pytest
from support.s3_server import S3

from store_faults import lost_folders
from store_faults.crash_points import Choice
from store_faults.disturbances import problems
from store_faults.file_operations import Fault, Operation
from store_faults.lost_folders import Loss, lost
from store_faults.warm import Warm


@pytest.fixture(scope="module")
def n_operations(warm: Warm, operations: list[Operation]) -> int:
    """Operations of a run that is uploaded to a folder, those of the upload included."""
    (found,) = warm.map(lost_folders.operations, ["uploaded"])
    assert found > 1.5 * len(operations)
    return int(found)


def test_killed_run_goes_on_from_what_a_folder_stores(
    warm: Warm, n_operations: int, some: Choice
) -> None:
    points = some([Fault(number, half=bool(number % 3)) for number in range(n_operations)], 8)
    losses = [Loss(fault, lost=number % 3 != 0) for number, fault in enumerate(points)]
    assert problems(warm, lost, losses) == []


def test_killed_run_goes_on_from_what_an_s3_server_stores(
    warm: Warm, operations: list[Operation], some: Choice
) -> None:
    server = S3()
    try:
        points = some(range(len(operations)), 3)
        losses = [
            Loss(Fault(at), lost=number % 3 != 2, address=server.uri(f"killed-at-{at}"))
            for number, at in enumerate(points)
        ]
        assert problems(warm, lost, losses) == []
    finally:
        server.stop()
