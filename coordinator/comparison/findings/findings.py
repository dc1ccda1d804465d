"""What a comparison of strategies found: numbers, tests and sentences, from two tables of runs.

``findings`` turns the runs' scores into one ``Findings`` object that the report, the documentation
and ``--json`` read. Nothing here draws or prints.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.coordinator.comparison.findings.pairs import pair_findings, planned_pairs
from spikeloop.coordinator.comparison.findings.records import ComparisonFinding
from spikeloop.coordinator.comparison.findings.variants import ArmFinding, arm_findings
from spikeloop.coordinator.comparison.findings.verdicts import cautions
from spikeloop.coordinator.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Findings:
    """All that a comparison found.

    Attributes:
        arms: in the order of the comparison, the baseline among them.
        comparisons: the planned ones, in the order given.
        baseline: name of the arm that the others are compared with.
        budget: episodes of the outer loop that each run was given.
        target: held-out score that episodes are counted to; None if none was set.
        cautions: sentences that a reader must know beside the numbers.
    """

    arms: tuple[ArmFinding, ...]
    comparisons: tuple[ComparisonFinding, ...]
    baseline: str
    budget: int
    target: float | None
    cautions: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence for each planned comparison."""
        return tuple(comparison.sentence for comparison in self.comparisons)

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, texts, lists and dicts; None for what is nan or infinite."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def arms_table(self) -> "pd.DataFrame":
        """One row for each arm; an interval takes three columns: x, x_low, x_high."""
        import pandas as pd

        rows = []
        for arm in self.arms:
            row: dict[str, Any] = {
                "arm": arm.arm,
                "strategy": arm.strategy,
                "settings": arm.settings,
                "runs": arm.n_runs,
                "failed": arm.n_failed,
                **_columns("iqm", arm.iqm),
                **_columns("mean", arm.mean),
                **_columns("area", arm.area),
                "episodes": arm.episodes,
                "failed_episodes_share": arm.failed_episodes_share,
            }
            if arm.attainment is not None:
                row |= {
                    "reached": arm.attainment.n_reached,
                    **_columns("reached_share", arm.attainment.share),
                    "expected_episodes": arm.attainment.expected_episodes,
                    **_columns("median_episodes", arm.attainment.median),
                }
            rows.append(row)
        return pd.DataFrame(rows)

    def comparisons_table(self) -> "pd.DataFrame":
        """One row for each planned comparison, columns as in ``arms_table``."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "arm": found.arm,
                    "other": found.other,
                    "n": found.n,
                    **_columns("difference", found.difference),
                    **_columns("improvement", found.improvement),
                    "effect": found.test.effect,
                    "p": found.test.p,
                    "p_holm": found.p_holm,
                    "p_mean": found.p_mean,
                    "detectable": found.detectable,
                    "verdict": found.verdict,
                }
                for found in self.comparisons
            ]
        )


def findings(
    results: "pd.DataFrame",
    anytime: "pd.DataFrame",
    *,
    budget: int,
    baseline: str,
    rng: np.random.Generator,
    target: float | None = None,
    pairs: Iterable[tuple[str, str]] = (),
) -> Findings:
    """Statistics of a comparison, from its runs.

    Every interval resamples with a generator of the same seed, so no number depends on the order of
    arms or rows, nor on which other arms there are, except through Holm's correction.

    Args:
        results: one row for each run: arm, strategy, settings ("default", "tuned" or "given"),
            seed_index, score (nan if the run failed), score_low, score_high, episodes (spent in the
            outer loop, failed ones included) and failed_episodes. Other columns are ignored.
        anytime: one row for each arm, seed_index and generation with a held-out measurement:
            episodes (spent until then; 0 for generation 0) and score of the recommended point.
        budget: episodes of the outer loop that each run was given.
        baseline: arm that every other is compared with.
        rng: one number is drawn, the seed of all resampling.
        target: held-out score that episodes are counted to, declared beforehand.
        pairs: further planned comparisons, (arm, other).

    Raises:
        ValueError: an arm that is compared has no rows, or a run has more than one.
    """
    if results.duplicated(["arm", "seed_index"]).any():
        raise ValueError("results hold more than one row for the same arm and seed_index")
    names = [str(name) for name in results["arm"].unique()]
    planned = planned_pairs(names, baseline, pairs)
    seed = int(rng.integers(2**63))
    arms = arm_findings(results, anytime, names, budget, target, seed)
    comparisons = pair_findings(arms, planned, seed)
    known = tuple(cautions(arms, comparisons, budget, results))
    return Findings(arms, comparisons, baseline, budget, target, known)


def _columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _plain(value: Any) -> Any:
    """What JSON can hold, from dataclasses, arrays, tuples and numbers."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else None
    return value
