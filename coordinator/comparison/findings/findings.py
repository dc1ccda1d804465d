"""The findings of a comparison: numbers, tests and sentences, from two tables of runs.

``findings`` turns the scores of runs into one ``Findings`` object, which the report, the
documentation and ``--json`` read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.comparison.findings.pairs import pair_findings, planned_pairs
from spikeloop.coordinator.comparison.findings.records import ComparisonFinding
from spikeloop.coordinator.comparison.findings.variants import VariantFinding, variant_findings
from spikeloop.coordinator.comparison.findings.verdicts import cautions
from spikeloop.coordinator.stats.bootstrap import Interval


@dataclass(frozen=True)
class Findings:
    """The findings of a comparison.

    Attributes:
        variants: in the order of the comparison, the baseline among them.
        comparisons: the planned ones, in the order given.
        baseline: name of the variant that the others are compared with.
        budget: episodes of the outer loop that each run was given.
        target: held-out score; the episodes until it is reached are counted. None if none was set.
        cautions: sentences that a reader must know beside the numbers.
    """

    variants: tuple[VariantFinding, ...]
    comparisons: tuple[ComparisonFinding, ...]
    baseline: str
    budget: int
    target: float | None
    cautions: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """Give one sentence for each planned comparison."""
        return tuple(comparison.sentence for comparison in self.comparisons)

    def as_json(self) -> dict[str, Any]:
        """Give plain numbers, texts, lists and dicts; None for what is nan or infinite."""
        plain: dict[str, Any] = _plain(self)
        return plain


def findings(
    results: pd.DataFrame,
    anytime: pd.DataFrame,
    *,
    budget: int,
    baseline: str,
    rng: np.random.Generator,
    target: float | None = None,
    pairs: Iterable[tuple[str, str]] = (),
) -> Findings:
    """Compute the statistics of a comparison from its runs.

    Every interval resamples with a generator of the same seed, so no number depends on the order of
    variants or rows, nor on which other variants there are, except through Holm's correction.

    Args:
        results: one row for each run: variant, strategy, settings ("default", "tuned" or "given"),
            seed_index, score (nan if the run failed), score_low, score_high, episodes (spent in the
            outer loop, failed ones included) and failed_episodes. Other columns are ignored.
        anytime: one row for each variant, seed_index and generation with a held-out measurement:
            episodes (spent until then; 0 for generation 0) and score of the recommended point.
        budget: episodes of the outer loop that each run was given.
        baseline: variant that every other is compared with.
        rng: one number is drawn, the seed of all resampling.
        target: held-out score; the episodes until it is reached are counted.
        pairs: further planned comparisons, (variant, other).

    Raises:
        ValueError: a run has more than one row.
    """
    if results.duplicated(["variant", "seed_index"]).any():
        raise ValueError("results hold more than one row for the same variant and seed_index")
    names = [str(name) for name in results["variant"].unique()]
    planned = planned_pairs(names, baseline, pairs)
    seed = int(rng.integers(2**63))
    variants = variant_findings(results, anytime, names, budget, target, seed)
    comparisons = pair_findings(variants, planned, seed)
    known = tuple(cautions(variants, comparisons, budget, results))
    return Findings(variants, comparisons, baseline, budget, target, known)


def _plain(value: Any) -> Any:
    """Turn dataclasses, arrays, tuples and numbers into what JSON can hold."""
    if isinstance(value, Interval):
        return value.as_json()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else None
    return value
