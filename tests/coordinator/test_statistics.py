import numpy as np
from statistical import assert_rate

from spikeloop.coordinator.analysis.statistics import Bootstrap, Sample, curve_band
from spikeloop.tasks.base import FloatArray


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def drawn(generator: np.random.Generator, n_points: int, n_tasks: int, score: float) -> Sample:
    """Lives of points that score ``score`` on average, with point, task and life luck."""
    span = np.broadcast_to(generator.uniform(0.5, 1.5, n_tasks), (n_points, n_tasks))
    luck: FloatArray = (
        generator.normal(0, 0.2, (n_points, 1))
        + generator.normal(0, 0.2, (1, n_tasks))
        + generator.normal(0, 0.2, (n_points, n_tasks))
    )
    return Sample((score + luck) * span, np.array(span))


def test_score_is_a_ratio_of_sums_not_a_mean_of_ratios() -> None:
    sample = Sample(np.array([[1.0, 0.0]]), np.array([[1.0, 3.0]]))
    assert sample.score == 0.25


def test_failed_lives_carry_no_weight() -> None:
    whole = Sample(np.array([[0.3, 0.0, 0.5]]), np.array([[1.0, 0.0, 1.0]]))
    assert whole.score == Sample(np.array([[0.3, 0.5]]), np.array([[1.0, 1.0]])).score
    assert np.isnan(Sample(np.zeros((1, 2)), np.zeros((1, 2))).score)
    nothing = Bootstrap.over(2, rng(0)).estimate(Sample(np.zeros((1, 2)), np.zeros((1, 2))))
    assert np.isnan(nothing.low)


def test_interval_of_one_point_agrees_with_scipy() -> None:
    from scipy import stats

    sample = drawn(rng(1), 1, 200, 0.5)

    def ratio(gain: FloatArray, span: FloatArray, axis: int = -1) -> FloatArray:
        return np.asarray(gain.sum(axis=axis) / span.sum(axis=axis))

    theirs = stats.bootstrap(
        (sample.gain[0], sample.span[0]),
        ratio,
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=rng(2),
    ).confidence_interval
    ours = Bootstrap.over(200, rng(3), n_resamples=20_000).estimate(sample)
    width = theirs.high - theirs.low
    assert abs(ours.low - theirs.low) < 0.05 * width
    assert abs(ours.high - theirs.high) < 0.05 * width


def coverage(n_points: int, freeze_points: bool) -> tuple[int, int]:
    hits, n = 0, 300
    for seed in range(n):
        sample = drawn(rng(seed), n_points, 60, 0.5)
        bootstrap = Bootstrap.over(60, rng(10_000 + seed), n_resamples=400)
        if freeze_points:  # as if the points were the only ones there are
            sample = Sample(sample.gain.mean(axis=0)[None], sample.span.mean(axis=0)[None])
        estimate = bootstrap.estimate(sample)
        hits += estimate.low <= 0.5 <= estimate.high
    return hits, n


def test_interval_over_points_and_tasks_covers_the_truth() -> None:
    """Close to 95 % of intervals hold the true score, and far fewer if points are not resampled."""
    hits, n = coverage(12, freeze_points=False)
    assert hits / n > 0.88  # a percentile interval of 12 points is known to be somewhat short
    hits, n = coverage(12, freeze_points=True)
    assert hits / n < 0.80


def test_difference_of_equal_points_is_detected_at_the_stated_rate_only() -> None:
    found = 0
    for seed in range(300):
        generator = rng(seed)
        one = drawn(generator, 1, 60, 0.5)
        noise = generator.normal(0, 0.2, (1, 60))
        other = Sample(one.gain + noise * one.span, one.span)
        difference = Bootstrap.over(60, rng(5_000 + seed), n_resamples=400).difference(one, other)
        found += not difference.low <= 0.0 <= difference.high
    assert_rate(found, 300, 0.06, alpha=1e-3)


def test_pairing_by_task_makes_a_difference_visible() -> None:
    generator = rng(4)
    task_luck = generator.normal(0, 1.0, (1, 50))
    span = np.ones((1, 50))
    one, other = Sample(0.5 + task_luck, span), Sample(0.45 + task_luck, span)
    bootstrap = Bootstrap.over(50, rng(5))
    difference = bootstrap.difference(one, other)
    assert difference.low > 0.0
    assert bootstrap.estimate(one).low < bootstrap.estimate(other).high  # unpaired: nothing to see


def test_curve_band_holds_the_mean_and_ignores_failed_lives() -> None:
    curve = rng(6).normal(0.5, 0.1, (1, 100, 8))
    with_failed = np.concatenate([curve, np.full((1, 1, 8), np.nan)], axis=1)
    mean, low, high = curve_band(with_failed, rng(7))
    np.testing.assert_allclose(mean, curve.mean(axis=(0, 1)))
    assert (low < mean).all()
    assert (mean < high).all()
    np.testing.assert_allclose(high - low, 2 * 1.96 * 0.01, rtol=0.35)
    assert np.isnan(curve_band(np.full((2, 3, 4), np.nan), rng(8))).all()


def test_curve_band_of_several_points_speaks_about_new_points_too() -> None:
    of_points = rng(9).normal(0.5, 0.1, (16, 1, 1))
    curve = np.broadcast_to(of_points, (16, 200, 4))
    _, low, high = curve_band(curve, rng(10))
    np.testing.assert_allclose(high - low, 2 * 1.96 * of_points.std() / 4, rtol=0.35)
