"""Compares two variants on the seeds that both finished, for each planned comparison."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from spikeloop.coordinator.comparison.findings.records import ComparisonFinding, Pair
from spikeloop.coordinator.comparison.findings.variants import VariantFinding, stream
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
    """List each variant against the baseline, then the given pairs; each pair once."""
    planned: list[tuple[str, str]] = []
    for one, other in [*((name, baseline) for name in names if name != baseline), *pairs]:
        if (one, other) not in planned and (other, one) not in planned:
            planned.append((one, other))
    return planned


def pair_findings(
    variants: Sequence[VariantFinding], planned: Sequence[tuple[str, str]], seed: int
) -> tuple[ComparisonFinding, ...]:
    """Compare each of ``planned_pairs``, with p-values corrected over all of them."""
    by_name = {variant.name: variant for variant in variants}
    paired = [_pair(by_name[one], by_name[other], seed) for one, other in planned]
    corrected = holm([pair.test.p for pair in paired])
    within_reach = holm([pair.test.smallest_p for pair in paired])
    return tuple(
        _compare(pair, float(p), float(least), len(paired), seed)
        for pair, p, least in zip(paired, corrected, within_reach, strict=True)
    )


def _pair(one: VariantFinding, other: VariantFinding, seed: int) -> Pair:
    scores_by_seed = [pd.Series(variant.scores, variant.seeds) for variant in (one, other)]
    common = pd.concat(scores_by_seed, axis=1, join="inner").dropna().sort_index()
    scores, others = common.to_numpy().T
    differences = paired_differences(scores, others)
    return Pair(
        variant=one.name,
        other=other.name,
        seeds=tuple(common.index.tolist()),
        differences=differences,
        difference=paired_interval(differences, stream(seed)),
        improvement=probability_of_improvement(scores, others, stream(seed)),
        test=signed_rank(differences),
    )


def _compare(
    pair: Pair, p_holm: float, smallest_p_holm: float, n_planned: int, seed: int
) -> ComparisonFinding:
    found = ComparisonFinding(
        **vars(pair),
        p_holm=p_holm,
        p_mean=sign_flip_p(pair.differences, stream(seed)),
        detectable=detectable_difference(pair.differences, ALPHA / n_planned),
        verdict=verdict(pair, p_holm, smallest_p_holm),
        sentence="",
    )
    return replace(found, sentence=sentence(found, smallest_p_holm, n_planned))
