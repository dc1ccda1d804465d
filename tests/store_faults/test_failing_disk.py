"""A disk that is full, broken or read-only ends a run with one line, and loses nothing."""

from pathlib import Path

from store_faults.crash_points import Choice, errors, pages_kib
from store_faults.disturbances import disk_full, failing, problems, read_only
from store_faults.file_operations import Operation
from store_faults.warm import Warm


def test_an_operation_that_fails_ends_the_run_resumably(
    warm: Warm, operations: list[Operation], some: Choice
) -> None:
    """For want of space from then on, or once because the disk is broken."""
    assert problems(warm, failing, some(errors(operations), 8)) == []


def test_a_real_disk_that_is_too_small(mounting: Warm, place: Path, some: Choice) -> None:
    """Page by page up to what a whole run takes, which is 8 KiB more than the last of them."""
    sizes = range(4, pages_kib(place / "undisturbed") - 4, 4)
    assert problems(mounting, disk_full, some(sizes, 3)) == []


def test_a_read_only_folder_can_be_read_and_nothing_else(
    mounting: Warm, operations: list[Operation], some: Choice
) -> None:
    points = some(range(1, len(operations)), 2)
    assert problems(mounting, read_only, points) == []
