"""Statistics of comparisons: what several seeds say about a strategy, and two about each other.

The unit is a *run*: one seed of one strategy, with one held-out score. Runs of two strategies on
the same seed share tasks and starting point, so they are paired and differences are taken within
seeds. Every function takes finite scores; a failed run is left out before, and its seed with it
where runs are paired. An interval needs two runs: of one, it is nan.

Sources: Agarwal et al. 2021 (NeurIPS, arXiv:2108.13264) for interquartile means, stratified
bootstrap, probability of improvement and performance profiles; Efron 1987 (JASA 82:171) for BCa;
Wilcoxon 1945 (Biometrics Bulletin 1:80), Holm 1979 (Scandinavian Journal of Statistics 6:65);
Hansen et al. 2021 (COCO, Optimization Methods and Software 36:114) for expected running times.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.tasks.base import FloatArray

CONFIDENCE = 0.95
"""Of all intervals and bands."""

Statistic = Callable[[FloatArray], FloatArray]
"""From (..., n_seeds, n_strata) scores to (...) numbers."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval.

    Attributes:
        value: the number; nan if nothing was measured.
        low, high: of the interval; both nan if it rests on fewer than two runs. Lives to a target
            may be infinite: the target was not reached.
        n: runs (or pairs of runs) that it rests on.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """For example "0.512 [0.487, 0.537]"."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Profile:
    """Performance profile: the share of runs that score at least tau, with a pointwise band.

    Attributes:
        taus: (n_taus,) scores, ascending.
        share: (n_taus,) of all runs; a failed run reaches no score.
        low, high: (n_taus,) pointwise 95 % band; nan for fewer than two runs.
        n: runs, failed ones included.
    """

    taus: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    n: int


@dataclass(frozen=True)
class AnytimeBand:
    """Held-out score of the recommended point against lives spent, over runs.

    Attributes:
        lives: (n_grid,) lives spent in the outer loop, ascending, evenly spaced in the logarithm.
        runs: (n, n_grid) of each run the last score measured until then; nan before the first.
        value: (n_grid,) interquartile mean over runs; nan where a run has no score yet.
        low, high: (n_grid,) pointwise 95 % band over runs; nan for fewer than two runs.
        n: runs.
    """

    lives: FloatArray
    runs: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    n: int


@dataclass(frozen=True)
class Attainment:
    """How many lives runs need to reach a target score.

    Attributes:
        expected_lives: the expected running time of COCO: lives of all runs, each until it reached
            the target or ended, over the number of runs that reached it. inf if none did.
        median: Kaplan–Meier median of the lives to target, with a 95 % interval; inf where fewer
            than half of the runs reach it. The interval's upper end is often inf.
        share: of runs that reached the target, with Wilson's 95 % interval.
        n: runs.
        n_reached: runs that reached the target.
    """

    expected_lives: float
    median: Interval
    share: Interval
    n: int
    n_reached: int


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
    x = _stratified(scores)
    if not x.size:
        return Interval(np.nan, np.nan, np.nan, 0)
    resampled = statistic(_resample(x, rng, n_resamples)) if len(x) > 1 else None
    return _interval(float(statistic(x)), resampled, len(x))


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
        result = stats.bootstrap(
            (d,), located, method="BCa", n_resamples=n_resamples, random_state=rng
        )
    low, high = result.confidence_interval
    if not np.isfinite([low, high]).all():
        return _interval(value, result.bootstrap_distribution, n)
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
    doubled = np.rint(2 * rankdata(np.abs(moved))).astype(int)  # mean ranks are whole or half
    total = int(doubled.sum())
    law = np.zeros(total + 1)
    law[0] = 1.0
    for rank in doubled:
        law = 0.5 * law
        law[rank:] += law[: total + 1 - rank].copy()
    positive = int(doubled[moved > 0].sum())
    tail = law[: min(positive, total - positive) + 1].sum()
    effect = (2 * positive - total) / total if total else 0.0
    p = min(1.0, 2.0 * float(tail))
    return SignedRank(p, smallest_p(d.size), effect, d.size, moved.size)


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


def detectable_difference(differences: ArrayLike, alpha: float, power: float = 0.8) -> float:
    """True mean difference that a paired test at level alpha sees with this power, about.

    (t(1 − alpha / 2) + t(power)) · s / √n with quantiles of Student's law of n − 1 degrees of
    freedom and s the standard deviation of the differences: the usual approximation of the paired
    t-test, to which the signed-rank test comes close for normal differences. inf if n pairs cannot
    reach alpha at all.
    """
    from scipy.stats import t

    d = np.asarray(differences, dtype=np.float64)
    if d.size < 2 or smallest_p(d.size) > alpha:
        return float("inf")
    quantiles = t.ppf([1 - alpha / 2, power], d.size - 1).sum()
    return float(quantiles * d.std(ddof=1) / np.sqrt(d.size))


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
    a, b = _stratified(one), _stratified(other)
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
    return _interval(float(value), (won[kept] / pairs[kept]).mean(axis=1), n)


def performance_profile(
    scores: ArrayLike, taus: ArrayLike, rng: np.random.Generator, n_resamples: int = 2000
) -> Profile:
    """Share of runs that score at least tau, for each tau; seeds resampled within strata.

    Args:
        scores: (n_seeds,) or (n_seeds, n_strata); nan, a failed run, reaches no score.
        taus: (n_taus,) ascending.
        rng: for the resampling.
        n_resamples: number of resamples.
    """
    grid = np.asarray(taus, dtype=np.float64)
    x = np.asarray(scores, dtype=np.float64)
    x = _stratified(np.where(np.isnan(x), -np.inf, x), finite=False)
    if not len(x):
        nothing = np.full(grid.size, np.nan)
        return Profile(grid, nothing, nothing, nothing, 0)

    n, n_strata = x.shape
    reached = np.asarray(x[:, :, None] >= grid, dtype=np.float64)  # (n, n_strata, n_taus)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=(n_resamples, n_strata))  # (r, strata, n)
    resampled = np.einsum("rsi,ist->rt", drawn, reached, optimize=True) / (n * n_strata)
    low, high = _percentiles(resampled if n > 1 else None, (grid.size,))
    return Profile(grid, reached.mean(axis=(0, 1)), low, high, n)


def step_curve(lives: ArrayLike, scores: ArrayLike, at: ArrayLike) -> FloatArray:
    """(n_at,) score last measured when so many lives were spent; nan before the first measurement.

    The score is that of the recommended point as measured on held-out tasks, not the best so far:
    the best of noisy measurements is biased upwards, and a strategy that loses its point shall be
    seen to lose it. After a run's last measurement the curve keeps its value.

    Args:
        lives: (n_measured,) spent in the outer loop, ascending.
        scores: (n_measured,) held-out scores; a nan counts as not measured.
        at: (n_at,) lives.
    """
    x, y = _measured(lives, scores)
    last = np.searchsorted(x, np.asarray(at, dtype=np.float64), side="right") - 1
    return np.concatenate([y, [np.nan]])[last]  # index −1 is the nan


def area_under_curve(lives: ArrayLike, scores: ArrayLike, budget: float) -> float:
    """Mean of the step curve over 0 to ``budget`` lives, ∫ score d(lives) / budget, exact.

    In the unit of the score: a run at score 1 from the beginning has area 1. nan without a
    measurement at 0 lives. Arguments as for ``step_curve``.
    """
    x, y = _measured(lives, scores)
    if not x.size or x[0] > 0:
        return float("nan")
    edges = np.clip(np.append(x, budget), 0.0, budget)
    return float((y * np.diff(edges)).sum() / budget)


def lives_grid(first: float, budget: float, n: int = 120) -> FloatArray:
    """(n,) lives from ``first`` > 0 to ``budget``, evenly spaced in the logarithm."""
    return np.geomspace(first, budget, n)


def anytime_band(
    runs: ArrayLike,
    lives: ArrayLike,
    rng: np.random.Generator,
    statistic: Statistic = interquartile_mean,
    n_resamples: int = 1000,
) -> AnytimeBand:
    """Location of step curves over runs, with a pointwise percentile band; whole runs resampled.

    Args:
        runs: (n, n_grid) of ``step_curve``.
        lives: (n_grid,) at which.
        rng: for the resampling.
        statistic: interquartile mean or mean.
        n_resamples: number of resamples.
    """
    grid = np.asarray(lives, dtype=np.float64)
    curves = np.asarray(runs, dtype=np.float64).reshape(-1, grid.size)
    value, low, high = np.full((3, grid.size), np.nan)
    n = len(curves)
    drawn = rng.integers(0, max(n, 1), (n_resamples, n))
    for i in np.flatnonzero(np.isfinite(curves).all(axis=0)) if n else ():
        value[i] = statistic(curves[:, i, None])
        if n > 1:
            low[i], high[i] = _percentiles(statistic(curves[drawn, i][..., None]))
    return AnytimeBand(grid, curves, value, low, high, n)


def lives_to_target(
    lives: ArrayLike, scores: ArrayLike, target: float, end: float
) -> tuple[float, bool]:
    """Lives at the first measurement that reached the target; (end, False) if none did until then.

    Args:
        lives: (n_measured,) ascending.
        scores: (n_measured,) held-out scores; a nan counts as not measured.
        target: score to reach.
        end: lives at which the run ended: the budget, or fewer if it failed.
    """
    x, y = _measured(lives, scores)
    reached = np.flatnonzero((y >= target) & (x <= end))
    return (float(x[reached[0]]), True) if reached.size else (float(end), False)


def attainment(lives: ArrayLike, reached: ArrayLike) -> Attainment:
    """Lives to a target over runs, those that never reached it censored where they ended.

    The median is where the Kaplan–Meier curve of runs still below the target falls to a half, its
    interval where the curve's log-log bands do (Brookmeyer and Crowley 1982, Biometrics 38:29).

    Args:
        lives: (n,) from ``lives_to_target``.
        reached: (n,) whether the target was reached.
    """
    from scipy import stats

    x = np.asarray(lives, dtype=np.float64)
    success: NDArray[np.bool_] = np.asarray(reached, dtype=bool)
    n, k = x.size, int(success.sum())
    if n == 0:
        nothing = Interval(np.nan, np.nan, np.nan, 0)
        return Attainment(float("nan"), nothing, nothing, 0, 0)
    # No band exists where every run has reached the target. There none of n is left below it, and
    # Clopper and Pearson's bound for 0 of n takes its place.
    nothing_left = 1.0 - ((1.0 - CONFIDENCE) / 2.0) ** (1.0 / n)
    below = stats.ecdf(stats.CensoredData.right_censored(x, ~success)).sf
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # nan where the curve is 1, which is not a fall, or 0
        bands = below.confidence_interval(CONFIDENCE, method="log-log")
    empty = below.probabilities == 0

    def falls(curve: FloatArray) -> float:
        half = np.flatnonzero(curve <= 0.5)
        return float(below.quantiles[half[0]]) if half.size else float("inf")

    low = falls(np.where(empty, 0.0, bands.low.probabilities))
    high = falls(np.where(empty, nothing_left, bands.high.probabilities))
    low, high = (low, high) if n > 1 else (np.nan, np.nan)
    median = Interval(falls(below.probabilities), low, high, n)
    wilson = stats.binomtest(k, n).proportion_ci(CONFIDENCE, method="wilson")
    share = Interval(k / n, float(wilson.low), float(wilson.high), n)
    return Attainment(float(x.sum() / k) if k else float("inf"), median, share, n, k)


def _stratified(scores: ArrayLike, finite: bool = True) -> FloatArray:
    """(n_seeds, n_strata) scores, checked."""
    x = np.asarray(scores, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or (finite and not np.isfinite(x).all()):
        raise ValueError("scores must be finite, (n_seeds,) or (n_seeds, n_strata)")
    return x


def _resample(scores: FloatArray, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """(n_resamples, n_seeds, n_strata) seeds drawn with replacement within each stratum."""
    n, n_strata = scores.shape
    drawn = rng.integers(0, n, (n_resamples, n, n_strata))
    return np.asarray(scores[drawn, np.arange(n_strata)])


def _interval(value: float, resampled: FloatArray | None, n: int) -> Interval:
    low, high = _percentiles(resampled)
    return Interval(value, float(low), float(high), n)


def _percentiles(
    resampled: FloatArray | None, shape: tuple[int, ...] = ()
) -> tuple[FloatArray, FloatArray]:
    tail = (1.0 - CONFIDENCE) / 2.0
    if resampled is None:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    low, high = np.quantile(resampled, [tail, 1.0 - tail], axis=0)
    return low, high


def _measured(lives: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Ascending lives and finite scores."""
    x, y = (np.asarray(values, dtype=np.float64) for values in (lives, scores))
    if x.shape != y.shape or (np.diff(x) < 0).any():
        raise ValueError("lives must ascend, with one score each")
    return x[np.isfinite(y)], y[np.isfinite(y)]
