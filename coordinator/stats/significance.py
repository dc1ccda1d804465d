"""Statistics of comparisons: intervals for one strategy over several seeds, and tests for two.

The unit is a *run*: one seed of one strategy, with one held-out score. Runs of two strategies on
the same seed share tasks and starting point, so they are paired and differences are taken within
seeds. Every function takes finite scores: a failed run is left out before, and its seed with it
where runs are paired. The interval of a single run is nan.

Sources: Agarwal et al. 2021 (NeurIPS, arXiv:2108.13264) for interquartile means, the bootstrap over
seeds and the probability of improvement; Efron 1987 (JASA 82:171) for BCa; Wilcoxon 1945
(Biometrics Bulletin 1:80), Holm 1979 (Scandinavian Journal of Statistics 6:65).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    Interval,
    draw_counts,
    percentile_interval,
)
from spikeloop.tasks.base import FloatArray

Statistic = Callable[[FloatArray], FloatArray]
"""From (..., n) scores to (...) numbers."""


@dataclass(frozen=True)
class SignedRank:
    """Exact Wilcoxon signed-rank test of paired differences.

    Attributes:
        p: two-sided.
        smallest_p: the smallest that so many pairs can give.
        effect: matched-pairs rank-biserial correlation in [−1, 1]; 1 if all differences are
            positive, 0 if there is none.
        n: pairs.
        n_differ: pairs whose two scores differ; the others carry no weight.
    """

    p: float
    smallest_p: float
    effect: float
    n: int
    n_differ: int


def interquartile_mean(scores: ArrayLike) -> FloatArray:
    """Mean of the middle half of the scores, (..., n) to (...); n must not be 0.

    As rliable and ``scipy.stats.trim_mean(scores, 0.25)`` compute it: the int(n / 4) lowest and as
    many highest are left out. Of three or fewer it is the mean.
    """
    x = np.sort(np.asarray(scores, dtype=np.float64), axis=-1)
    n = x.shape[-1]
    return np.asarray(x[..., n // 4 : n - n // 4].mean(axis=-1))


def overall_mean(scores: ArrayLike) -> FloatArray:
    """Mean of the scores, (..., n) to (...); n must not be 0."""
    return np.asarray(np.asarray(scores, dtype=np.float64).mean(axis=-1))


def bootstrap_interval(
    scores: ArrayLike,
    statistic: Statistic,
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> Interval:
    """A statistic of runs with its percentile interval; seeds are resampled.

    Args:
        scores: (n,) finite.
        statistic: such as ``interquartile_mean``.
        rng: for the resampling.
        n_resamples: number of resamples.
    """
    x = _finite(scores)
    n = x.size
    if not n:
        return Interval(np.nan, np.nan, np.nan, 0)
    resampled = statistic(x[rng.integers(0, n, (n_resamples, n))]) if n > 1 else None
    return percentile_interval(float(statistic(x)), resampled, n)


def paired_differences(one: ArrayLike, other: ArrayLike) -> FloatArray:
    """(n,) one − other, seed by seed, without rounding errors, which would break ties at random.

    A difference is rounded to 1e-12 of the largest score.
    """
    a, b = _finite(one), _finite(other)
    if a.shape != b.shape:
        raise ValueError("paired runs must have one score each on every seed")
    unit = 1e-12 * max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return np.round((a - b) / unit) * unit if unit > 0 else a - b


def paired_interval(
    differences: ArrayLike,
    rng: np.random.Generator,
    statistic: Statistic = overall_mean,
    n_resamples: int = 10_000,
) -> Interval:
    """Location of paired differences with its BCa interval (``scipy.stats.bootstrap``).

    Pairs, that is seeds, are resampled. Equal differences give an interval of width 0. Where BCa is
    undefined, as for a statistic that no single pair changes, it is the percentile interval.

    Args:
        differences: (n,) of paired scores.
        rng: for the resampling.
        statistic: mean or ``interquartile_mean``.
        n_resamples: number of resamples.
    """
    from scipy import stats

    d = np.asarray(differences, dtype=np.float64)
    n = d.size
    value = float(statistic(d)) if n else np.nan
    if n < 2:
        return Interval(value, np.nan, np.nan, n)
    if (d == d[0]).all():
        return Interval(value, value, value, n)

    def located(sample: FloatArray, axis: int = -1) -> FloatArray:
        return statistic(np.moveaxis(sample, axis, -1))

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a degenerate resample, which is dealt with below
        result = stats.bootstrap((d,), located, method="BCa", n_resamples=n_resamples, rng=rng)
    low, high = result.confidence_interval
    if not np.isfinite([low, high]).all():
        return percentile_interval(value, result.bootstrap_distribution, n)
    return Interval(value, float(low), float(high), n)


def signed_rank(differences: ArrayLike) -> SignedRank:
    """Exact two-sided Wilcoxon signed-rank test that differences are symmetric about 0.

    Zeros are left out (Wilcoxon's own rule), ties share their mean rank. The null law is that of
    the sum of the ranks under all 2^n assignments of signs, computed by convolution, so that it is
    exact with ties too. Effect: (W₊ − W₋) / (W₊ + W₋), Kerby 2014 (Comprehensive Psychology 3).

    Args:
        differences: (n,) paired, see ``paired_differences``.
    """
    from scipy.stats import rankdata

    d = np.asarray(differences, dtype=np.float64)
    moved = d[d != 0]
    doubled = np.rint(2 * rankdata(np.abs(moved))).astype(np.int64)  # mean ranks are whole or half
    total = int(doubled.sum())
    law = rank_sum_law(doubled)
    positive = int(doubled[moved > 0].sum())
    tail = law[: min(positive, total - positive) + 1].sum()
    effect = (2 * positive - total) / total if total else 0.0
    p = min(1.0, 2.0 * float(tail))
    return SignedRank(p, smallest_p(d.size), effect, d.size, moved.size)


def rank_sum_law(ranks: NDArray[np.int64]) -> FloatArray:
    """Probabilities of the sums 0, 1, ..., Σ ``ranks`` if each rank counts with probability 1/2.

    Args:
        ranks: (n,) whole numbers.
    """
    total = int(ranks.sum())
    law = np.zeros(total + 1)
    law[0] = 1.0
    for rank in ranks:
        law = 0.5 * law
        law[rank:] += law[: total + 1 - rank].copy()
    return law


def smallest_p(n: int) -> float:
    """Smallest two-sided p that a sign-flip test of n pairs can give: 2 / 2^n; for n = 7 0.0156."""
    return min(1.0, 2.0 ** (1 - n))


def sign_flip_p(differences: ArrayLike, rng: np.random.Generator, n_flips: int = 100_000) -> float:
    """Two-sided p of the mean difference under random signs (Fisher 1935, Design of Experiments).

    Up to 20 pairs all 2^n assignments of signs are enumerated; beyond, ``n_flips`` are drawn and
    the observed one is counted among them, which keeps the test valid.

    Args:
        differences: (n,) paired.
        rng: draws signs beyond 20 pairs.
        n_flips: number of draws.
    """
    d = np.asarray(differences, dtype=np.float64)
    threshold = abs(d.sum()) - 1e-9 * np.abs(d).sum()  # sums of equal terms differ by rounding
    if d.size <= 20:
        sums = np.zeros(1)
        for magnitude in np.abs(d):
            sums = np.concatenate([sums - magnitude, sums + magnitude])
        return float((np.abs(sums) >= threshold).mean())
    signs = rng.integers(0, 2, (n_flips, d.size), dtype=np.int8) * 2 - 1
    return float((1 + (np.abs(signs @ d) >= threshold).sum()) / (1 + n_flips))


def holm(p_values: ArrayLike) -> FloatArray:
    """(m,) p-values corrected for m planned tests by Holm's step-down rule.

    The k-th smallest is multiplied by m + 1 − k and never less than the one before. A nan, a test
    that could not be done, still counts as one of the m.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")  # nan last
    stepped = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    corrected = np.empty_like(p)
    corrected[order] = stepped
    return corrected


def probability_of_improvement(
    one: ArrayLike, other: ArrayLike, rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> Interval:
    """Probability that a run of ``one`` scores higher than a run of ``other``, ties half.

    Mann–Whitney's statistic: the share of pairs of runs on *different* seeds. Pairs on the same
    seed share its random numbers. They would bias the value, and, being frequent in resamples,
    spoil the interval. Seeds are resampled, both strategies' runs of a seed together, with a
    percentile interval.

    Args:
        one: (n,) finite.
        other: (n,) finite, on the same seeds.
        rng: for the resampling.
        n_resamples: number of resamples.
    """
    a, b = _finite(one), _finite(other)
    if a.shape != b.shape:
        raise ValueError("both strategies need a score on every seed")
    n = a.size
    if n < 2:
        return Interval(np.nan, np.nan, np.nan, n)
    wins = 0.5 * ((a[:, None] > b) + 1.0 * (a[:, None] >= b))  # (n, n)
    np.fill_diagonal(wins, 0.0)
    drawn = draw_counts(n, n_resamples, rng).astype(np.float64)
    won = ((drawn @ wins) * drawn).sum(axis=1)
    pairs = n**2 - (drawn**2).sum(axis=1)  # on different seeds; none if one seed fills a resample
    kept = pairs > 0
    value = wins.sum() / (n * (n - 1))
    return percentile_interval(float(value), won[kept] / pairs[kept], n)


def _finite(scores: ArrayLike) -> FloatArray:
    """(n,) scores, checked."""
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError("scores must be finite, one for each seed")
    return x
