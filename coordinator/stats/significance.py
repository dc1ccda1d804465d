"""Statistics of comparisons: what several seeds say about a strategy, and two about each other.

The unit is a *run*: one seed of one strategy, with one held-out score. Runs of two strategies on
the same seed share tasks and starting point, so they are paired and differences are taken within
seeds. Every function takes finite scores; a failed run is left out before, and its seed with it
where runs are paired. An interval needs two runs: of one, it is nan.

Sources: Agarwal et al. 2021 (NeurIPS, arXiv:2108.13264) for interquartile means, stratified
bootstrap and probability of improvement; Efron 1987 (JASA 82:171) for BCa; Wilcoxon 1945
(Biometrics Bulletin 1:80), Holm 1979 (Scandinavian Journal of Statistics 6:65).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.coordinator.stats.intervals import (
    Interval,
    percentile_interval,
    resample,
    stratified,
)
from spikeloop.tasks.base import FloatArray

Statistic = Callable[[FloatArray], FloatArray]
"""From (..., n_seeds, n_strata) scores to (...) numbers."""


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
    """Mean of the middle half of all scores, over the last two axes.

    As rliable computes it: of k scores, sorted over seeds and strata together, the int(k / 4)
    lowest and as many highest are left out, like ``scipy.stats.trim_mean(scores, 0.25)``. Of three
    or fewer it is the mean.

    Args:
        scores: (..., n_seeds, n_strata).

    Returns:
        (...); there must be a score.
    """
    x = np.asarray(scores, dtype=np.float64)
    n = x.shape[-2] * x.shape[-1]
    flat = np.sort(x.reshape(*x.shape[:-2], n), axis=-1)
    return np.asarray(flat[..., n // 4 : n - n // 4].mean(axis=-1))


def overall_mean(scores: ArrayLike) -> FloatArray:
    """Mean over the last two axes, (..., n_seeds, n_strata) to (...); there must be a score."""
    return np.asarray(np.asarray(scores, dtype=np.float64).mean(axis=(-2, -1)))


def overall_median(scores: ArrayLike) -> FloatArray:
    """Median over the last two axes, (..., n_seeds, n_strata) to (...); there must be a score."""
    return np.asarray(np.median(np.asarray(scores, dtype=np.float64), axis=(-2, -1)))


def bootstrap_interval(
    scores: ArrayLike,
    statistic: Statistic,
    rng: np.random.Generator,
    n_resamples: int = 2000,
) -> Interval:
    """A statistic with its percentile interval by the stratified bootstrap.

    Resampled are seeds, with replacement, within each stratum (a family of tasks) and independently
    of the other strata; strata are fixed. The interval speaks about new seeds on these families.

    Args:
        scores: (n_seeds,) or (n_seeds, n_strata), finite.
        statistic: such as ``interquartile_mean``.
        rng: for the resampling.
        n_resamples: number of resamples.
    """
    x = stratified(scores)
    if not x.size:
        return Interval(np.nan, np.nan, np.nan, 0)
    resampled = statistic(resample(x, rng, n_resamples)) if len(x) > 1 else None
    return percentile_interval(float(statistic(x)), resampled, len(x))


def paired_differences(one: ArrayLike, other: ArrayLike) -> FloatArray:
    """(n,) one − other, seed by seed, freed of rounding errors, which would break ties at random.

    A difference is rounded to 1e-12 of the largest score.
    """
    a, b = (np.asarray(scores, dtype=np.float64) for scores in (one, other))
    if a.ndim != 1 or a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("paired runs must have one finite score each on every seed")
    unit = 1e-12 * max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return np.round((a - b) / unit) * unit if unit > 0 else a - b


def paired_interval(
    differences: ArrayLike,
    rng: np.random.Generator,
    statistic: Statistic = overall_mean,
    n_resamples: int = 10_000,
) -> Interval:
    """Location of paired differences with its BCa interval (``scipy.stats.bootstrap``).

    Resampled are pairs, that is seeds: the differences themselves. Equal differences give an
    interval of width 0. Where BCa is undefined, as for a statistic that no single pair changes,
    the interval is the percentile interval.

    Args:
        differences: (n,) of paired scores.
        rng: for the resampling.
        statistic: mean, or ``interquartile_mean`` or ``overall_median``.
        n_resamples: number of resamples.
    """
    from scipy import stats

    d = np.asarray(differences, dtype=np.float64)
    n = d.size
    value = float(statistic(d[:, None])) if n else np.nan
    if n < 2:
        return Interval(value, np.nan, np.nan, n)
    if (d == d[0]).all():
        return Interval(value, value, value, n)

    def located(sample: FloatArray, axis: int = -1) -> FloatArray:
        return statistic(np.moveaxis(sample, axis, -1)[..., None])

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a degenerate resample: answered below
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
    """Probabilities of the sums 0, 1, ..., Σ ``ranks`` when each rank counts in half of all cases.

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
    one: ArrayLike, other: ArrayLike, rng: np.random.Generator, n_resamples: int = 2000
) -> Interval:
    """Probability that a run of ``one`` scores higher than a run of ``other``, ties half.

    Mann–Whitney's statistic, averaged over strata: the share of pairs of runs on *different* seeds.
    Pairs on the same seed, which share its luck, are left out: as part of all pairs they would bias
    the value, and in resamples, where they abound, spoil the interval. Resampled are seeds within
    each stratum, both strategies' runs of a seed together, with a percentile interval.

    Args:
        one: (n_seeds,) or (n_seeds, n_strata), finite.
        other: same shape, same seeds.
        rng: for the resampling.
        n_resamples: number of resamples.
    """
    a, b = stratified(one), stratified(other)
    if a.shape != b.shape:
        raise ValueError("both strategies need a score on every seed and stratum")
    n, n_strata = a.shape
    if n < 2:
        return Interval(np.nan, np.nan, np.nan, n)
    wins = 0.5 * ((a[:, None] > b[None]) + 1.0 * (a[:, None] >= b[None]))  # (n, n, n_strata)
    wins[np.arange(n), np.arange(n)] = 0.0
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=(n_resamples, n_strata))  # (r, strata, n)
    won = np.einsum("rsi,ijs,rsj->rs", drawn, wins, drawn, optimize=True)
    pairs = n**2 - (drawn**2).sum(axis=2)  # on different seeds; none if one seed fills a resample
    kept = (pairs > 0).all(axis=1)
    value = wins.sum() / (n * (n - 1) * n_strata)
    return percentile_interval(float(value), (won[kept] / pairs[kept]).mean(axis=1), n)
