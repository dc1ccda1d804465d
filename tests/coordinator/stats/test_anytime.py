"""Score against episodes and episodes to a target: values by hand, then coverage of intervals."""

import numpy as np
import pytest
from support.statistical_asserts import assert_rate, rng

from spikeloop.coordinator.stats import anytime as ours
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.significance import overall_mean

# Score against episodes


def test_step_curve_keeps_the_last_measurement_not_the_best() -> None:
    episodes, scores = [0, 100, 200, 300], [0.1, 0.6, np.nan, 0.4]
    at = [0, 99, 100, 250, 300, 1000]
    np.testing.assert_array_equal(
        ours.step_curve(episodes, scores, at), [0.1, 0.1, 0.6, 0.6, 0.4, 0.4]
    )
    assert np.isnan(ours.step_curve([50], [0.3], [49])).all()
    assert np.isnan(ours.step_curve([], [], [10, 20])).all()
    with pytest.raises(ValueError, match="ascend"):
        ours.step_curve([100, 0], [0.1, 0.2], [5])


def test_area_is_the_mean_of_the_step_curve() -> None:
    episodes, scores = [0, 100, 300], [0.0, 0.5, 1.0]
    assert ours.area_under_curve(episodes, scores, 400) == pytest.approx((200 * 0.5 + 100) / 400)
    assert ours.area_under_curve(episodes, scores, 200) == pytest.approx(100 * 0.5 / 200)
    assert ours.area_under_curve([0], [0.7], 123) == pytest.approx(0.7)
    every = ours.step_curve(episodes, scores, np.arange(400))
    assert ours.area_under_curve(episodes, scores, 400) == pytest.approx(every.mean())
    moved = ours.area_under_curve(episodes, np.add(scores, 3.0), 400)
    assert moved == pytest.approx(3.0 + every.mean())
    assert np.isnan(ours.area_under_curve([10], [0.7], 123))
    assert np.isnan(ours.area_under_curve([], [], 123))


def test_anytime_band_resamples_whole_runs() -> None:
    grid = np.array([10.0, 100.0, 1000.0])
    runs = np.array([[0.0, 0.1, 0.2], [0.0, 0.3, 0.6], [0.0, 0.5, 1.0], [np.nan, 0.3, 0.2]])
    found = ours.anytime_band(runs, grid, rng(0))
    assert np.isnan([found.value[0], found.low[0], found.high[0]]).all()
    np.testing.assert_allclose(found.value[1:], [0.3, 0.4])
    assert (found.low[1:] <= found.value[1:]).all()
    assert (found.value[1:] <= found.high[1:]).all()
    # A run that is twice another at every point gives a band twice as high: same resamples.
    three = ours.anytime_band(runs[:3], grid, rng(0), overall_mean)
    np.testing.assert_allclose(three.low[2], 2 * three.low[1])
    one = ours.anytime_band(runs[:1], grid, rng(0))
    np.testing.assert_allclose(one.value, runs[0])
    assert np.isnan(one.low).all()
    assert np.isnan(ours.anytime_band([], grid, rng(0)).value).all()


# Episodes to a target


def test_episodes_to_target() -> None:
    episodes, scores = [0, 100, 200, 300], [0.1, np.nan, 0.5, 0.4]
    assert ours.episodes_to_target(episodes, scores, 0.5, 300) == (200.0, True)
    assert ours.episodes_to_target(episodes, scores, 0.1, 300) == (0.0, True)
    assert ours.episodes_to_target(episodes, scores, 0.6, 300) == (300.0, False)
    assert ours.episodes_to_target(episodes, scores, 0.5, 199) == (199.0, False)
    assert ours.episodes_to_target([], [], 0.5, 300) == (300.0, False)


def test_expected_episodes_by_hand() -> None:
    """Two of four reach it, at 100 and 200; the others spend 400 each: 1100 / 2."""
    found = ours.attainment([100, 400, 200, 400], [True, False, True, False])
    assert found.expected_episodes == 550.0
    assert (found.n, found.n_reached, found.share.value) == (4, 2, 0.5)
    assert found.median.value == 200.0  # half of the runs


def test_median_of_censored_episodes_is_kaplan_and_meiers() -> None:
    """A run that fails at 150 counts until there: 4/5, then 4/5 · 2/3, then 4/5 · 1/3."""
    found = ours.attainment([100, 150, 200, 300, 400], [True, False, True, True, False])
    assert found.median.value == 300.0
    ignored = ours.attainment([100, 200, 300, 400], [True, True, True, False])
    assert ignored.median.value == 200.0


def test_interval_of_a_median_is_that_of_order_statistics_where_all_succeed() -> None:
    """The sign test's interval of 6 values is their range; of 5 it has no upper end."""
    six = ours.attainment(np.arange(1.0, 7), np.ones(6, dtype=bool))
    assert (six.median.low, six.median.high) == (1.0, 6.0)
    five = ours.attainment(np.arange(1.0, 6), np.ones(5, dtype=bool))
    assert (five.median.low, five.median.high) == (1.0, np.inf)
    at_once = ours.attainment(np.full(8, 50.0), np.ones(8, dtype=bool))
    assert at_once.median == Interval(50.0, 50.0, 50.0, 8)


def test_an_unreached_target_costs_infinitely_many_episodes() -> None:
    found = ours.attainment([400, 400, 300], [False, False, False])
    assert found.expected_episodes == np.inf
    assert found.median == Interval(np.inf, np.inf, np.inf, 3)
    assert found.share.value == found.share.low == 0.0
    assert 0.5 < found.share.high < 0.6
    assert ours.attainment([], []).n == 0
    alone = ours.attainment([100], [True])
    assert (alone.expected_episodes, alone.median.value) == (100.0, 100.0)
    assert np.isnan(alone.median.low)


def test_interval_of_the_censored_median_covers_it() -> None:
    """400 samples of 25 exponential times of median 100, censored at 180; false alarms at 1e-4.

    Medians of times that leave out the censored are too short: those intervals miss it.
    """

    def covers(seed: int, leave_out: bool) -> bool:
        times = rng(seed).exponential(100 / np.log(2), 25)
        times = times[times <= 180] if leave_out else times
        median = ours.attainment(np.minimum(times, 180), times <= 180).median
        return median.low <= 100 <= median.high

    assert_rate(sum(covers(seed, False) for seed in range(400)), 400, 0.95, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_rate(sum(covers(seed, True) for seed in range(400)), 400, 0.95, alpha=1e-4)
