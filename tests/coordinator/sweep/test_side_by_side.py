"""How many runs are under way at a time."""

import pytest

from spikeloop.coordinator.sweep.side_by_side import MOST_AT_A_TIME, wants_another


@pytest.mark.parametrize(
    ("jobs", "n_workers", "another"),
    [
        ([], 1, True),
        ([500], 8, True),  # or workers wait between its generations
        ([500, 500], 8, False),
        ([1, 1], 2, True),
        ([1, 1, 1, 1], 2, False),
        ([3] * 5, 8, True),
        ([3] * 6, 8, False),
        ([1] * MOST_AT_A_TIME, 1000, False),
    ],
)
def test_runs_begin_until_every_worker_has_a_job_and_another_waits(
    jobs: list[int], n_workers: int, another: bool
) -> None:
    assert wants_another(jobs, n_workers) == another
