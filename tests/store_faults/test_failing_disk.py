"""A disk that is full, broken or read-only ends a run with one line, and loses nothing."""

from pathlib import Path

import pytest

from store_faults.crash_points import Choice, errors, pages_kib
from store_faults.disturbances import Problems, disk_full, failing, read_only
from store_faults.file_operations import Operation


def test_an_operation_that_fails_ends_the_run_resumably(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    """For want of space from then on, or once because the disk is broken."""
    assert problems(failing, some(errors(operations), 6)) == []


@pytest.mark.usefixtures("mounts", "operations")
def test_a_real_disk_that_is_too_small(problems: Problems, place: Path, some: Choice) -> None:
    """Page by page up to what a whole run takes, which is 8 KiB more than the last of them."""
    sizes = range(4, pages_kib(place / "undisturbed") - 4, 4)
    assert problems(disk_full, some(sizes, 2)) == []


@pytest.mark.usefixtures("mounts")
def test_a_read_only_folder_can_be_read_and_nothing_else(
    problems: Problems, operations: list[Operation], some: Choice
) -> None:
    assert problems(read_only, some(range(1, len(operations)), 2)) == []
