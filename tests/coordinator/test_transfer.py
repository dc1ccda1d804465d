import numpy as np
import pytest
from small import small_config

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.transfer import transfer_jobs


@pytest.mark.parametrize(
    ("tasks", "points", "each"), [(6, 3, 6), (6, 3, 40), (20, 7, 3), (10, 50, 4), (200, 50, 40)]
)
def test_every_task_is_met_by_every_kind_of_point(tasks: int, points: int, each: int) -> None:
    transfer = {"tasks": tasks, "random_points": points, "random_tasks": each}
    config = small_config(transfer=transfer)
    jobs = transfer_jobs(config, config.transfer, config.space.default_point())
    met = np.zeros((2 + points, tasks), dtype=int)
    for job in jobs:
        met[job.tile.c0 : job.tile.c1, job.tile.t0 : job.tile.t1] += 1
    assert met.max() == 1  # no life twice
    assert met[:2].all()  # default and learned
    random = met[2:]
    assert (random.sum(axis=1) >= 1).all()
    assert (random.sum(axis=1) <= each).all()
    assert (random.sum(axis=0) >= 1).all()
    assert np.ptp(random.sum(axis=0)) <= 1


def test_points_that_cannot_meet_all_tasks_are_refused() -> None:
    transfer = {"tasks": 100, "random_points": 3, "random_tasks": 10}
    with pytest.raises(ConfigError, match="must be at least tasks"):
        small_config(transfer=transfer)


def test_learned_point_and_random_points_do_not_depend_on_the_number_of_tasks() -> None:
    few, many = (
        transfer_jobs(config, config.transfer, config.space.default_point())[0].grid
        for config in (small_config(transfer={"tasks": n}) for n in (6, 12))
    )
    np.testing.assert_array_equal(few.population.rows(0, 5), many.population.rows(0, 5))
