"""Statistics of comparisons: hand-computed values, brute force, scipy, then rates."""

import itertools

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_rate, rng

from spikeloop.coordinator.stats import significance as ours
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.tasks.base import FloatArray

# Interquartile mean and bootstrap


@pytest.mark.parametrize("n_seeds", [1, 2, 3, 4, 5, 7, 10])
def test_interquartile_mean_agrees_with_scipy(n_seeds: int) -> None:
    scores = rng(n_seeds).normal(size=(6, n_seeds))
    expected = stats.trim_mean(scores, 0.25, axis=-1)
    np.testing.assert_allclose(ours.interquartile_mean(scores), expected, rtol=1e-12)


def test_bootstrap_agrees_with_scipy() -> None:
    """Standard error of a bound of 20 000 resamples is 0.02 of the interval's half width."""
    scores = rng(1).normal(size=30)
    theirs = stats.bootstrap(
        (scores,), np.mean, method="percentile", n_resamples=20_000, rng=rng(2)
    ).confidence_interval
    found = ours.bootstrap_interval(scores, ours.overall_mean, rng(3), n_resamples=20_000)
    half = (theirs.high - theirs.low) / 2
    assert abs(found.low - theirs.low) < 0.1 * half
    assert abs(found.high - theirs.high) < 0.1 * half
    # The interquartile mean of a normal sample is less certain than its mean.
    middle = ours.bootstrap_interval(scores, ours.interquartile_mean, rng(3), n_resamples=20_000)
    assert middle.high - middle.low > 1.02 * (found.high - found.low)


# Paired differences


def test_paired_interval_is_scipys_paired_bca() -> None:
    one, other = rng(0).normal(size=(2, 12))

    def difference(a: FloatArray, b: FloatArray, axis: int = -1) -> FloatArray:
        return np.asarray((a - b).mean(axis=axis))

    theirs = stats.bootstrap(
        (one, other), difference, paired=True, method="BCa", n_resamples=10_000, rng=rng(1)
    ).confidence_interval
    found = ours.paired_interval(one - other, rng(1))
    assert found.low == pytest.approx(theirs.low)
    assert found.high == pytest.approx(theirs.high)
    assert found.value == pytest.approx((one - other).mean())


@pytest.mark.parametrize("statistic", [ours.overall_mean, ours.interquartile_mean])
@pytest.mark.parametrize(
    "differences",
    [[0.0] * 8, [0.3] * 8, [1.0, 2.0], [0.0] * 7 + [1.0], [0.0, 0.0, 1.0, 1.0], [-1.0, 1.0]],
)
def test_degenerate_differences_have_a_finite_interval(
    statistic: ours.Statistic, differences: list[float]
) -> None:
    """Warnings are errors here, so none is raised either."""
    found = ours.paired_interval(differences, rng(0), statistic)
    assert np.isfinite([found.value, found.low, found.high]).all()
    assert min(differences) <= found.low <= found.high <= max(differences)


def test_one_run_has_no_interval() -> None:
    single = (
        ours.paired_interval([0.2], rng(0)),
        ours.bootstrap_interval([0.2], ours.interquartile_mean, rng(0)),
    )
    for found in single:
        assert (found.value, found.n) == (0.2, 1)
        assert np.isnan([found.low, found.high]).all()
    assert np.isnan(ours.probability_of_improvement([0.2], [0.1], rng(0)).value)
    assert np.isnan(ours.paired_interval([], rng(0)).value)
    assert np.isnan(ours.bootstrap_interval([], ours.overall_mean, rng(0)).value)


def test_a_failed_run_is_refused_where_it_would_make_a_silent_nan() -> None:
    for call in (
        lambda: ours.bootstrap_interval([1.0, np.nan], ours.overall_mean, rng(0)),
        lambda: ours.paired_differences([1.0, np.nan], [1.0, 2.0]),
        lambda: ours.paired_differences([1.0], [1.0, 2.0]),
        lambda: ours.probability_of_improvement([1.0, 2.0], [1.0, np.nan], rng(0)),
        lambda: ours.probability_of_improvement([1.0, 2.0], [1.0], rng(0)),
    ):
        with pytest.raises(ValueError):
            call()


def test_rounding_errors_neither_break_ties_nor_hide_differences() -> None:
    d = ours.paired_differences([0.3, 0.5, 0.7, 0.1], [0.1, 0.3, 0.5, 0.1])
    assert len(set(d[:3])) == 1  # 0.3 − 0.1, 0.5 − 0.3 and 0.7 − 0.5 differ as they are
    assert len({0.3 - 0.1, 0.5 - 0.3, 0.7 - 0.5}) == 3
    assert d[3] == 0
    np.testing.assert_allclose(ours.paired_differences([1.0], [1.0 - 1e-9]), [1e-9], rtol=1e-3)
    np.testing.assert_array_equal(ours.paired_differences([0.0], [0.0]), [0.0])


# Tests


def brute_force(differences: list[float]) -> float:
    """Two-sided p of the signed-rank statistic over all assignments of signs."""
    d = np.array([x for x in differences if x != 0])
    ranks = stats.rankdata(np.abs(d))
    observed = abs((np.sign(d) * ranks).sum())
    flipped = [abs(np.dot(s, ranks)) for s in itertools.product([-1, 1], repeat=d.size)]
    return float(np.mean(np.array(flipped) >= observed - 1e-9))


@pytest.mark.parametrize(
    "differences",
    [
        [1.0],
        [1.0, 2.0, 3.0],
        [1.0, -1.0],
        [0.0, 0.0, 2.0, -1.0, 2.0, 2.0],
        [3.0, 1.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0],
        [5.0, 5.0, -5.0, 5.0, 5.0, 5.0, 5.0, 5.0],
    ],
)
def test_signed_rank_is_exact_with_ties_and_zeros(differences: list[float]) -> None:
    assert ours.signed_rank(differences).p == pytest.approx(brute_force(differences), abs=1e-12)


@pytest.mark.parametrize("n", [5, 7, 10, 20, 40])
def test_signed_rank_agrees_with_scipy_where_scipy_is_exact(n: int) -> None:
    d = rng(n).normal(0.4, 1.0, n)
    theirs = stats.wilcoxon(d, method="exact").pvalue
    assert ours.signed_rank(d).p == pytest.approx(theirs, rel=1e-9)


def test_signed_rank_by_hand() -> None:
    """Ranks 1, 2, 3, 4 with 2 negative: W₊ = 8, W₋ = 2; 3 of 16 sums are 2 or less."""
    found = ours.signed_rank([1.0, -2.0, 3.0, 4.0, 0.0])
    assert found.p == pytest.approx(2 * 3 / 16)
    assert found.effect == (8 - 2) / 10
    assert (found.n, found.n_differ) == (5, 4)
    nothing = ours.signed_rank([0.0, 0.0])
    assert (nothing.p, nothing.effect, nothing.n_differ) == (1.0, 0.0, 0)
    assert ours.signed_rank([]).p == 1.0


def test_smallest_p_is_that_of_equal_signs() -> None:
    for n in (1, 5, 6, 7, 8, 10):
        assert ours.signed_rank(np.arange(1.0, n + 1)).p == pytest.approx(ours.smallest_p(n))
    assert ours.smallest_p(6) > 0.05 / 3 > ours.smallest_p(7) == 0.015625
    assert ours.smallest_p(0) == 1.0


def test_sign_flip_test_agrees_with_scipy() -> None:
    d = rng(3).normal(0.5, 1.0, 9)
    theirs = stats.permutation_test(
        (d,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", vectorized=True
    ).pvalue
    assert ours.sign_flip_p(d, rng(0)) == pytest.approx(theirs)
    assert ours.sign_flip_p([0.1, 0.2, 0.3], rng(0)) == 0.25
    assert ours.sign_flip_p([0.0] * 30, rng(0)) == 1.0
    assert ours.sign_flip_p([], rng(0)) == 1.0


def test_drawn_signs_agree_with_enumerated_ones() -> None:
    """A pair of no difference changes no sum; with it, 21 pairs are drawn. False alarms at 1e-4."""
    d = rng(4).normal(0.35, 1.0, 20)
    exact, n = ours.sign_flip_p(d, rng(0)), 20_000
    drawn = ours.sign_flip_p(np.append(d, 0.0), rng(1), n)
    assert_rate(round(drawn * (n + 1)) - 1, n, exact, alpha=1e-4)
    assert 0.01 < exact < 0.5
    assert ours.sign_flip_p(np.ones(40), rng(0), n) == 1 / (n + 1)  # never 0


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(ours.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(ours.holm([0.5, 0.9]), [1.0, 1.0])
    np.testing.assert_allclose(ours.holm([np.nan, 0.01]), [np.nan, 0.02])
    assert ours.holm([]).size == 0


@pytest.mark.exhaustive
def test_false_findings_among_variants_that_do_not_differ_are_rare() -> None:
    """1000 comparisons of six variants with one baseline on 10 seeds; false alarms at 1e-4.

    In at most 5 % anything may be found. Uncorrected, something is found in about one of five.
    """
    n, found, uncorrected = 1000, 0, 0
    allowed = stats.binom.isf(1e-4, n, 0.05)
    for seed in range(n):
        variants = rng(seed).normal(size=(7, 10))
        p = np.array([ours.signed_rank(scores - variants[0]).p for scores in variants[1:]])
        found += bool((ours.holm(p) <= 0.05).any())
        uncorrected += bool((p <= 0.05).any())
    assert found <= allowed < uncorrected


# Intervals hold the truth as often as they should


def test_probability_of_improvement_by_hand() -> None:
    """Pairs on different seeds: 1 v 0, 1 v 3 | 2 v 2 (tie), 2 v 3 | 4 v 2, 4 v 0."""
    found = ours.probability_of_improvement([1.0, 2.0, 4.0], [2.0, 0.0, 3.0], rng(0))
    assert found.value == pytest.approx((1 + 0 + 0.5 + 0 + 1 + 1) / 6)
    x = rng(1).normal(size=9)
    assert ours.probability_of_improvement(x, x, rng(0)).value == 0.5
    one, other = x, rng(2).normal(size=9)
    there = ours.probability_of_improvement(one, other, rng(0))
    back = ours.probability_of_improvement(other, one, rng(0))
    assert there.value + back.value == pytest.approx(1.0)
    assert there.low + back.high == pytest.approx(1.0)
    cubed = ours.probability_of_improvement(one**3, other**3, rng(0))
    assert cubed == there  # only the order counts
    assert ours.probability_of_improvement(one + 9, other, rng(0)) == Interval(1.0, 1.0, 1.0, 9)


@pytest.mark.exhaustive
def test_interval_of_improvement_covers_it_and_pairs_of_one_seed_would_spoil_it() -> None:
    """400 comparisons of 20 seeds that share noise; false alarms at 1e-4.

    The bootstrap of a share is somewhat conservative where noise is shared: 0.96.
    """
    truth = float(stats.norm.cdf(0.05 / np.sqrt(2 * (0.1**2 + 0.02**2))))

    def scores(seed: int) -> tuple[FloatArray, FloatArray]:
        noise, a, b = rng(seed).normal(size=(3, 20)) * [[0.1], [0.02], [0.02]]
        return noise + a + 0.05, noise + b

    def covers(seed: int) -> bool:
        found = ours.probability_of_improvement(*scores(seed), rng(5_000 + seed), 400)
        return found.low <= truth <= found.high

    def covers_with_same_seeds(seed: int) -> bool:
        one, other = scores(seed)
        drawn = rng(5_000 + seed).integers(0, 20, (400, 20))
        shares = (one[drawn][:, :, None] > other[drawn][:, None]).mean(axis=(1, 2))
        low, high = np.quantile(shares, [0.025, 0.975])
        return bool(low <= truth <= high)

    assert_rate(sum(map(covers, range(400))), 400, 0.96, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_rate(sum(map(covers_with_same_seeds, range(400))), 400, 0.96, alpha=1e-4)
