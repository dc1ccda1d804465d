"""Planned comparisons of searches: means with 95 % t-intervals, and p-values after Holm.

The unit is a search: one seed, with its mean over that seed's held-out tasks. With five searches an
exact signed-rank test cannot get below p = 0.06, and a bootstrap's intervals are too narrow, so
differences, which are means over thousands of episodes, are taken to be normal.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from spikeloop.coordinator.stats.bootstrap import CONFIDENCE, Interval
from spikeloop.coordinator.stats.significance import holm, paired_differences
from spikeloop.tasks.base import FloatArray


def over_searches(values: Sequence[float]) -> Interval:
    """Mean of one number of each search with its t-interval; of a single search without one."""
    x = np.asarray(values, dtype=np.float64)
    mean = float(x.mean())
    if x.size < 2:
        return Interval(mean, np.nan, np.nan, x.size)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, x.size - 1) * stats.sem(x))
    return Interval(mean, mean - half, mean + half, x.size)


def p_of(differences: FloatArray) -> float:
    """Two-sided p of the t-test that (n,) differences have the mean 0; 1 if they all are 0."""
    if differences.size < 2:
        return float("nan")
    return float(stats.ttest_1samp(differences, 0.0).pvalue) if differences.any() else 1.0


def against(
    found: Mapping[str, Sequence[float]], baseline: str
) -> dict[str, tuple[Interval, float]]:
    """Compare each row with one of them, paired by search: the difference, and its p after Holm.

    Args:
        found: one number of each search, by row; rows with other searches than the baseline's are
            left out.
        baseline: the row that is subtracted.
    """
    base = found[baseline]
    differences = {
        name: paired_differences(values, base)
        for name, values in found.items()
        if name != baseline and len(values) == len(base)
    }
    p = holm([p_of(d) for d in differences.values()])
    return {
        name: (over_searches(d.tolist()), float(corrected))
        for (name, d), corrected in zip(differences.items(), p, strict=True)
    }


def cell(found: Interval, signed: bool = False, digits: int = 2) -> str:
    """Format an interval, for example "7.35 [7.08, 7.62]"."""
    form = f"{'+' if signed else ''}.{digits}f"
    if np.isnan(found.low):
        return f"{found.value:{form}}"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"
