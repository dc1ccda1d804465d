"""Puts a comparison into words: verdicts, sentences, and cautions."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from spikeloop.coordinator.comparison.findings.records import ComparisonFinding, Pair, Verdict
from spikeloop.coordinator.comparison.findings.variants import VariantFinding
from spikeloop.coordinator.stats.significance import smallest_p

ALPHA = 0.05
"""Rate of false alarms over all planned comparisons together, kept by Holm's correction."""

BCA_RELIABLE = 15
"""Number of pairs below which a BCa interval is unreliable."""


def verdict(pair: Pair, p_holm: float, smallest_p_holm: float) -> Verdict:
    """Decide by the corrected test, where the mean difference points the same way.

    ``smallest_p_holm`` is the smallest corrected p that so many seeds and comparisons allow.
    """
    if smallest_p_holm > ALPHA:
        return "too few seeds"
    if p_holm <= ALPHA and pair.difference.value > 0 and pair.test.effect > 0:
        return "higher"
    if p_holm <= ALPHA and pair.difference.value < 0 and pair.test.effect < 0:
        return "lower"
    return "no difference detected"


def sentence(found: ComparisonFinding, smallest_p_holm: float, n_planned: int) -> str:
    """Write a finding in words, with all that it rests on.

    Args:
        found: complete but for the sentence.
        smallest_p_holm: as in ``verdict``.
        n_planned: comparisons that the correction is over.
    """
    variant, other, n, value = found.variant, found.other, found.test.n, found.difference.value
    if n == 0:
        return f"{variant} and {other} finished no seed in common: nothing can be said."
    if found.verdict == "too few seeds":
        return (
            f"{variant} and {other} cannot be told apart at n = {n} paired seeds, whatever the "
            f"scores: the smallest Holm-corrected p over {n_planned} planned comparisons is "
            f"{smallest_p_holm:.2g} (difference {value:+.3f})."
        )
    interval = f"BCa 95 % [{found.difference.low:.3f}, {found.difference.high:.3f}]"
    test = f"exact Wilcoxon {_p(found.test.p)}, Holm-corrected {_p(found.p_holm)}"
    if found.verdict != "no difference detected":
        size = f"{abs(value):.3f} {found.verdict}"
        return f"{variant} scored {size} than {other} ({interval}, n = {n} paired seeds, {test})."
    text = (
        f"No difference detected between {variant} and {other} at n = {n} paired seeds "
        f"(difference {value:+.3f}, {interval}, {test})"
    )
    if found.p_holm <= ALPHA:
        text += "; the test rejects, but mean and ranks point in different directions"
    if 0 < found.detectable < np.inf:
        text += (
            f"; with this spread, true differences below about {found.detectable:.3f} are missed "
            "more often than one time in five"
        )
    return text + "."


def cautions(
    variants: Sequence[VariantFinding],
    comparisons: Sequence[ComparisonFinding],
    budget: int,
    results: pd.DataFrame,
) -> Iterator[str]:
    """List what a reader must know beside the numbers.

    ``results`` has a row for each run, of which the columns variant and episodes are read, and
    ``budget`` is the number of episodes that each was given.
    """
    for variant in variants:
        name, n_runs = variant.name, variant.n_runs
        if variant.n_failed:
            yield (
                f"{name}: {variant.n_failed} of {n_runs} runs failed. Its scores are those of the "
                "others, which flatters it if hard seeds failed."
            )
        over = results[(results["variant"] == name) & (results["episodes"] > budget)]
        if len(over):
            yield f"{name}: {len(over)} of {n_runs} runs spent more than {budget} episodes."
    if any(found.verdict == "too few seeds" for found in comparisons):
        m = len(comparisons)
        enough = next(n for n in range(1, 1000) if m * smallest_p(n) <= ALPHA)
        yield (
            f"Some comparisons have too few seeds to be significant after correction over {m} "
            f"planned comparisons, whatever the scores: {enough} paired seeds are the least, 10 "
            "are sensible, 20 are better."
        )
    if any(found.n < BCA_RELIABLE for found in comparisons):
        yield (
            f"BCa intervals are unreliable below n = {BCA_RELIABLE} paired seeds: look at the "
            "single differences."
        )


def _p(p: float) -> str:
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
