"""What was found about each planned comparison: two arms on the seeds that both finished."""

from collections.abc import Iterable, Sequence

import numpy as np

from spikeloop.coordinator.comparison.findings.records import ComparisonFinding, Pair
from spikeloop.coordinator.comparison.findings.variants import ArmFinding, stream
from spikeloop.coordinator.comparison.findings.verdicts import ALPHA, sentence, verdict
from spikeloop.coordinator.stats.power import detectable_difference
from spikeloop.coordinator.stats.significance import (
    holm,
    paired_differences,
    paired_interval,
    probability_of_improvement,
    sign_flip_p,
    signed_rank,
)


def planned_pairs(
    names: Sequence[str], baseline: str, pairs: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Each arm against the baseline, then the given pairs; each pair of arms once.

    Raises:
        ValueError: an arm that is compared is not among the names, or is compared with itself.
    """
    planned: list[tuple[str, str]] = []
    for one, other in [*((name, baseline) for name in names if name != baseline), *pairs]:
        if (one, other) not in planned and (other, one) not in planned:
            planned.append((one, other))
    for name in {baseline, *(name for pair in planned for name in pair)}.difference(names):
        raise ValueError(f"no runs of arm {name!r}; there are {', '.join(names)}")
    if any(one == other for one, other in planned):
        raise ValueError("an arm cannot be compared with itself")
    return planned


def pair_findings(
    arms: Sequence[ArmFinding], planned: Sequence[tuple[str, str]], seed: int
) -> tuple[ComparisonFinding, ...]:
    """What was found about each planned comparison, corrected over all of them.

    Args:
        arms: all that are compared.
        planned: names of the arms, (arm, other), from ``planned_pairs``.
        seed: of all resampling.
    """
    by_name = {arm.arm: arm for arm in arms}
    paired = [_pair(by_name[one], by_name[other], seed) for one, other in planned]
    corrected = holm([pair.test.p for pair in paired])
    within_reach = holm([pair.test.smallest_p for pair in paired])
    return tuple(
        _compare(pair, float(p), float(least), len(paired), seed)
        for pair, p, least in zip(paired, corrected, within_reach, strict=True)
    )


def _pair(one: ArmFinding, other: ArmFinding, seed: int) -> Pair:
    first, second = (
        {index: score for index, score in zip(arm.seeds, arm.scores, strict=True) if score == score}
        for arm in (one, other)
    )
    seeds = tuple(sorted(first.keys() & second.keys()))
    scores = np.array([first[index] for index in seeds])
    others = np.array([second[index] for index in seeds])
    differences = paired_differences(scores, others)
    return Pair(
        arm=one.arm,
        other=other.arm,
        seeds=seeds,
        differences=differences,
        difference=paired_interval(differences, stream(seed)),
        improvement=probability_of_improvement(scores, others, stream(seed)),
        test=signed_rank(differences),
    )


def _compare(
    pair: Pair, p_holm: float, smallest_p_holm: float, n_planned: int, seed: int
) -> ComparisonFinding:
    detectable = detectable_difference(pair.differences, ALPHA / n_planned)
    decided = verdict(pair, p_holm, smallest_p_holm)
    return ComparisonFinding(
        arm=pair.arm,
        other=pair.other,
        seeds=pair.seeds,
        differences=pair.differences,
        difference=pair.difference,
        improvement=pair.improvement,
        test=pair.test,
        p_holm=p_holm,
        p_mean=sign_flip_p(pair.differences, stream(seed)),
        detectable=detectable,
        verdict=decided,
        sentence=sentence(pair, decided, p_holm, smallest_p_holm, n_planned, detectable),
    )
