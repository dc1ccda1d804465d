"""A run with a copy is killed at any operation, and its folder is lost with the disk it was on.

Some points are tested by default and all of them with SPIKELOOP_ALL_CRASH_POINTS=1.
"""

import pytest
from support.s3_server import S3

from store_faults import lost_folders
from store_faults.crash_points import some
from store_faults.disturbances import problems
from store_faults.file_operations import Fault, Operation
from store_faults.lost_folders import Loss, lost
from store_faults.warm import Warm


@pytest.fixture(scope="module")
def n_operations(warm: Warm, operations: list[Operation]) -> int:
    """Of a run that is copied to a folder, those in the copy included."""
    (found,) = warm.map(lost_folders.operations, ["copied"])
    assert found > 1.5 * len(operations)
    return int(found)


def test_a_killed_run_goes_on_from_its_copy_in_a_folder(warm: Warm, n_operations: int) -> None:
    points = some([Fault(number, half=bool(number % 3)) for number in range(n_operations)], 8)
    losses = [Loss(fault, lost=number % 3 != 0) for number, fault in enumerate(points)]
    assert problems(warm, lost, losses) == []


def test_a_killed_run_goes_on_from_its_copy_on_an_s3_server(
    warm: Warm, operations: list[Operation]
) -> None:
    server = S3()
    try:
        points = some(range(len(operations)), 3)
        losses = [
            Loss(Fault(at), lost=number % 3 != 2, copy=server.uri(f"killed-at-{at}"))
            for number, at in enumerate(points)
        ]
        assert problems(warm, lost, losses) == []
    finally:
        server.stop()
