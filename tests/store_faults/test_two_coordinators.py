"""Two coordinators on one run folder: one works, the others are told so."""

from store_faults.crash_points import Choice
from store_faults.disturbances import Problems, joined, raced
from store_faults.file_operations import Operation


def test_of_coordinators_that_begin_together_one_works(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    """The same command thrice: to run anew, and to resume what was killed at an operation."""
    assert problems(raced, [0, 0, *some(range(1, len(operations)), 2)]) == []


def test_another_command_is_refused_while_a_coordinator_works(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    assert problems(joined, some(range(len(operations)), 3)) == []
