"""The result of a comparison of two variants on their common seeds."""

from dataclasses import dataclass
from typing import Literal

from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.significance import SignedRank
from spikeloop.tasks.base import FloatArray

Verdict = Literal["higher", "lower", "no difference detected", "too few seeds"]


@dataclass(frozen=True)
class Pair:
    """The result on the seeds that both finished, before the correction over all comparisons.

    Attributes:
        variant: name of the one variant.
        other: name of the other; differences are ``variant`` minus ``other``.
        seeds: (n,) seed indices that both finished.
        differences: (n,) of the scores, seed by seed.
        difference: their mean, with its BCa interval.
        improvement: probability that a run of ``variant`` scores higher than a run of ``other``
            on another seed.
        test: exact Wilcoxon signed-rank test; ``test.effect`` is the effect size.
    """

    variant: str
    other: str
    seeds: tuple[int, ...]
    differences: FloatArray
    difference: Interval
    improvement: Interval
    test: SignedRank

    @property
    def n(self) -> int:
        """The number of paired seeds."""
        return len(self.seeds)


@dataclass(frozen=True)
class ComparisonFinding(Pair):
    """The result of one planned comparison.

    Attributes:
        p_holm: p-value of the test after Holm's correction over all planned comparisons.
        p_mean: exact sign-flip test of the mean difference, a check beside the planned test.
        detectable: true mean difference that the planned test sees four times in five, if
            differences are normal with this spread, at the level of Holm's first step; inf if no
            difference can be significant.
        verdict: "higher" or "lower" if the corrected test rejects and the mean difference points
            the same way; "too few seeds" if no outcome could have been significant.
        sentence: the finding in words.
    """

    p_holm: float
    p_mean: float
    detectable: float
    verdict: Verdict
    sentence: str
