"""Transfer to held-out tasks: the design of the grid, and the estimates."""

import numpy as np
import pytest
from support.small_run import small_config

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.transfer import mean_regrets
from spikeloop.coordinator.search.transfer_design import transfer_jobs
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.regret import amount, plus_minus


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
    assert met.max() == 1  # no episode twice
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


def test_returns_below_the_optimum_are_means_over_the_episodes_that_count() -> None:
    missed = np.arange(20, dtype=np.float64).reshape(5, 4)
    counts = np.ones((5, 4), dtype=bool)
    counts[1, 3] = False
    missed[1, 3] = np.nan
    theta = ("default", "learned", "random", "random", "random")
    found = mean_regrets(7, 0, missed, counts, theta)
    assert {name: e.value for name, e in found.items()} == pytest.approx(
        {"default": 1.5, "learned": 5.0, "random": 13.5}
    )
    assert (found["learned"].n, found["random"].n_points) == (3, 3)
    # Tasks and points are crossed, so points are resampled too: they differ by more than tasks.
    assert found["random"].high - found["random"].low > found["default"].high - found["default"].low
    assert found == mean_regrets(7, 0, missed, counts, theta)
    again = mean_regrets(8, 0, missed, counts, theta)["random"]
    assert again.value == found["random"].value
    assert again != found["random"]


def test_interval_of_one_point_is_that_of_a_mean_over_tasks() -> None:
    missed = np.random.default_rng(1).normal(10.0, 2.0, (1, 200))
    found = mean_regrets(7, 0, missed, np.ones((1, 200), dtype=bool), ("learned",))["learned"]
    half = 1.96 * missed.std() / np.sqrt(200)
    # 10 000 resamples leave the end of an interval uncertain by about 1.5 % of its half-width.
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.06)


def test_episodes_that_all_failed_have_no_regret() -> None:
    counts = np.zeros((1, 3), dtype=bool)
    found = mean_regrets(7, 0, np.full((1, 3), np.nan), counts, ("learned",))["learned"]
    assert plus_minus(found) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1233.06, "1233.1"),
        (-72.583, "-72.58"),
        (0.72583, "0.7258"),
        (0.0125, "0.01250"),
        (0.0, "0.0"),
        (123456.7, "123457"),
        (1.5e9, "1.500e+09"),
        (2e-5, "2.000e-05"),
        (np.nan, "-"),
    ],
)
def test_returns_are_shown_with_four_digits_or_more(value: float, text: str) -> None:
    assert amount(value) == text


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [(367.14, 21.36, "367.1 ± 21.4"), (-0.02, 1.5, "-0.02 ± 1.50"), (0.0, 0.0, "0.0 ± 0.0")],
)
def test_a_regret_and_its_half_width_have_the_same_decimals(
    value: float, half: float, text: str
) -> None:
    assert plus_minus(Interval(value, value - half, value + half, 9)) == text
