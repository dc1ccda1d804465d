"""Two coordinators on one run folder: one works, the others are told so."""

from store_faults.crash_points import Choice
from store_faults.disturbances import joined, problems, raced
from store_faults.file_operations import Operation
from store_faults.warm import Warm


def test_of_coordinators_that_begin_together_one_works(
    warm: Warm, operations: list[Operation], some: Choice
) -> None:
    """The same command thrice: to run anew, and to resume what was killed at an operation."""
    points = [0, 0, 0, *some(range(1, len(operations)), 2)]
    assert problems(warm, raced, points) == []


def test_another_command_is_refused_while_a_coordinator_works(
    warm: Warm, operations: list[Operation], some: Choice
) -> None:
    assert problems(warm, joined, some(range(len(operations)), 4)) == []
