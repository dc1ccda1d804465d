"""What a comparison of strategies found: numbers, tests and sentences, from two tables of runs.

``findings`` turns the runs' scores into one ``Findings`` object that the report, the documentation
and ``--json`` read. Nothing here draws or prints.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spikeloop.coordinator.analysis.statistics import (
    AnytimeBand,
    Attainment,
    Interval,
    Profile,
    SignedRank,
    anytime_band,
    area_under_curve,
    attainment,
    bootstrap_interval,
    detectable_difference,
    holm,
    interquartile_mean,
    lives_grid,
    lives_to_target,
    overall_mean,
    paired_differences,
    paired_interval,
    performance_profile,
    probability_of_improvement,
    sign_flip_p,
    signed_rank,
    smallest_p,
    step_curve,
)
from spikeloop.tasks.base import FloatArray

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05
"""Rate of false alarms that Holm's correction keeps over all planned comparisons together."""

BCA_RELIABLE = 15
"""Pairs below which a BCa interval is not to be trusted."""

Verdict = Literal["higher", "lower", "no difference detected", "too few seeds"]


@dataclass(frozen=True)
class ArmFinding:
    """What was found about one arm: a strategy with its settings, run on several seeds.

    Attributes:
        arm: name of the arm.
        strategy: its kind, as in ``[strategy] kind``.
        settings: "default", "tuned" or "given".
        seeds: (n_runs,) seed indices, ascending.
        scores: (n_runs,) held-out score at the end of each run; nan if the run failed.
        low, high: (n_runs,) each score's own interval, over held-out tasks.
        n_failed: runs that failed.
        iqm: interquartile mean of the scores, over runs that did not fail.
        mean: their mean.
        area: mean over runs of the area under the anytime curve up to the budget, as a mean score.
        attainment: lives to the target score; None without a target.
        profile: share of runs that score at least tau.
        anytime: held-out score against lives.
        lives: spent in the outer loop by all runs, failed lives included.
        failed_lives_share: share of those lives that failed; nan if there is none.
    """

    arm: str
    strategy: str
    settings: str
    seeds: tuple[int, ...]
    scores: FloatArray
    low: FloatArray
    high: FloatArray
    n_failed: int
    iqm: Interval
    mean: Interval
    area: Interval
    attainment: Attainment | None
    profile: Profile
    anytime: AnytimeBand
    lives: int
    failed_lives_share: float

    @property
    def n_runs(self) -> int:
        """Runs, failed ones included."""
        return len(self.seeds)


@dataclass(frozen=True)
class ComparisonFinding:
    """What was found about one planned comparison, on the seeds that both arms finished.

    Attributes:
        arm: name of the one arm.
        other: name of the arm that it is compared with; differences are ``arm`` minus ``other``.
        seeds: (n,) seed indices that both finished.
        differences: (n,) of the scores, seed by seed.
        difference: their mean, with its BCa interval.
        improvement: probability that a run of ``arm`` scores higher than a run of ``other`` on
            another seed.
        test: exact Wilcoxon signed-rank test; ``test.effect`` is the effect size.
        p_holm: its p-value after Holm's correction over all planned comparisons.
        p_mean: exact sign-flip test of the mean difference, a check beside the planned test.
        detectable: true mean difference that the planned test sees four times in five, with this
            spread and correction, about; inf if no difference can be significant.
        verdict: "higher" or "lower" if the corrected test rejects and the mean difference points
            the same way; "too few seeds" if no outcome could have been significant.
        sentence: the finding in words.
    """

    arm: str
    other: str
    seeds: tuple[int, ...]
    differences: FloatArray
    difference: Interval
    improvement: Interval
    test: SignedRank
    p_holm: float
    p_mean: float
    detectable: float
    verdict: Verdict
    sentence: str

    @property
    def n(self) -> int:
        """Paired seeds."""
        return len(self.seeds)


@dataclass(frozen=True)
class Findings:
    """All that a comparison found.

    Attributes:
        arms: in the order of the comparison, the baseline among them.
        comparisons: the planned ones, in the order given.
        baseline: name of the arm that the others are compared with.
        budget: lives of the outer loop that each run was given.
        target: held-out score that lives are counted to; None if none was set.
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
                "lives": arm.lives,
                "failed_lives_share": arm.failed_lives_share,
            }
            if arm.attainment is not None:
                row |= {
                    "reached": arm.attainment.n_reached,
                    **_columns("reached_share", arm.attainment.share),
                    "expected_lives": arm.attainment.expected_lives,
                    **_columns("median_lives", arm.attainment.median),
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
            seed_index, score (nan if the run failed), score_low, score_high, lives (spent in the
            outer loop, failed ones included) and failed_lives. Other columns are ignored.
        anytime: one row for each arm, seed_index and generation with a held-out measurement: lives
            (spent until then; 0 for generation 0) and score of the recommended point.
        budget: lives of the outer loop that each run was given.
        baseline: arm that every other is compared with.
        rng: one number is drawn, the seed of all resampling.
        target: held-out score that lives are counted to, declared beforehand.
        pairs: further planned comparisons, (arm, other).

    Raises:
        ValueError: an arm that is compared has no rows, or a run has more than one.
    """
    if results.duplicated(["arm", "seed_index"]).any():
        raise ValueError("results hold more than one row for the same arm and seed_index")
    names = [str(name) for name in results["arm"].unique()]
    planned = _planned(names, baseline, pairs)
    seed = int(rng.integers(2**63))
    arms = _arms(results, anytime, names, budget, target, seed)
    by_name = {arm.arm: arm for arm in arms}
    paired = [_pair(by_name[one], by_name[other], seed) for one, other in planned]
    corrected = holm([pair.test.p for pair in paired])
    within_reach = holm([pair.test.smallest_p for pair in paired])
    comparisons = tuple(
        _compare(pair, float(p), float(least), len(paired), seed)
        for pair, p, least in zip(paired, corrected, within_reach, strict=True)
    )
    cautions = tuple(_cautions(arms, comparisons, budget, results))
    return Findings(arms, comparisons, baseline, budget, target, cautions)


def _planned(
    names: Sequence[str], baseline: str, pairs: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Each arm against the baseline, then the given pairs; each pair of arms once."""
    planned: list[tuple[str, str]] = []
    for one, other in [*((name, baseline) for name in names if name != baseline), *pairs]:
        if (one, other) not in planned and (other, one) not in planned:
            planned.append((one, other))
    for name in {baseline, *(name for pair in planned for name in pair)}.difference(names):
        raise ValueError(f"no runs of arm {name!r}; there are {', '.join(names)}")
    if any(one == other for one, other in planned):
        raise ValueError("an arm cannot be compared with itself")
    return planned


def _arms(
    results: "pd.DataFrame",
    anytime: "pd.DataFrame",
    names: Sequence[str],
    budget: int,
    target: float | None,
    seed: int,
) -> tuple[ArmFinding, ...]:
    scores = results["score"].to_numpy(dtype=np.float64)
    finite = scores[np.isfinite(scores)]
    taus = np.linspace(finite.min(), finite.max(), 101) if finite.size else np.empty(0)
    counted = anytime["lives"].to_numpy(dtype=np.float64)
    first = counted[(counted > 0) & (counted < budget)].min(initial=budget)
    grid = lives_grid(first, budget)
    return tuple(
        _arm(
            results[results["arm"] == name].sort_values("seed_index"),
            anytime[anytime["arm"] == name].sort_values("lives", kind="stable"),
            taus,
            grid,
            budget,
            target,
            seed,
        )
        for name in names
    )


def _arm(
    runs: "pd.DataFrame",
    measured: "pd.DataFrame",
    taus: FloatArray,
    grid: FloatArray,
    budget: int,
    target: float | None,
    seed: int,
) -> ArmFinding:
    scores = runs["score"].to_numpy(dtype=np.float64)
    finished = scores[np.isfinite(scores)]
    seeds = tuple(int(index) for index in runs["seed_index"])
    curves = [
        (rows["lives"].to_numpy(dtype=np.float64), rows["score"].to_numpy(dtype=np.float64))
        for rows in (measured[measured["seed_index"] == index] for index in seeds)
    ]
    areas = np.array([area_under_curve(*curve, budget) for curve in curves])
    steps = [step_curve(*curve, grid) for curve in curves if np.isfinite(curve[1]).any()]
    ends = np.minimum(runs["lives"].to_numpy(dtype=np.float64), budget)
    attained = None
    if target is not None:
        pairs = zip(curves, ends, strict=True)
        to_target = [lives_to_target(*curve, target, end) for curve, end in pairs]
        attained = attainment([lives for lives, _ in to_target], [hit for _, hit in to_target])
    lives, failed = int(runs["lives"].sum()), int(runs["failed_lives"].sum())
    return ArmFinding(
        arm=str(runs["arm"].iloc[0]),
        strategy=str(runs["strategy"].iloc[0]),
        settings=str(runs["settings"].iloc[0]),
        seeds=seeds,
        scores=scores,
        low=runs["score_low"].to_numpy(dtype=np.float64),
        high=runs["score_high"].to_numpy(dtype=np.float64),
        n_failed=scores.size - finished.size,
        iqm=bootstrap_interval(finished, interquartile_mean, _stream(seed)),
        mean=bootstrap_interval(finished, overall_mean, _stream(seed)),
        area=bootstrap_interval(areas[np.isfinite(areas)], overall_mean, _stream(seed)),
        attainment=attained,
        profile=performance_profile(scores, taus, _stream(seed)),
        anytime=anytime_band(steps, grid, _stream(seed)),
        lives=lives,
        failed_lives_share=failed / lives if lives else float("nan"),
    )


@dataclass(frozen=True)
class _Pair:
    """Two arms on their common seeds, before the correction over all comparisons."""

    arm: str
    other: str
    seeds: tuple[int, ...]
    differences: FloatArray
    difference: Interval
    improvement: Interval
    test: SignedRank


def _pair(one: ArmFinding, other: ArmFinding, seed: int) -> _Pair:
    first, second = (
        {index: score for index, score in zip(arm.seeds, arm.scores, strict=True) if score == score}
        for arm in (one, other)
    )
    seeds = tuple(sorted(first.keys() & second.keys()))
    scores = np.array([first[index] for index in seeds])
    others = np.array([second[index] for index in seeds])
    differences = paired_differences(scores, others)
    return _Pair(
        arm=one.arm,
        other=other.arm,
        seeds=seeds,
        differences=differences,
        difference=paired_interval(differences, _stream(seed)),
        improvement=probability_of_improvement(scores, others, _stream(seed)),
        test=signed_rank(differences),
    )


def _compare(
    pair: _Pair, p_holm: float, smallest_p_holm: float, n_planned: int, seed: int
) -> ComparisonFinding:
    detectable = detectable_difference(pair.differences, ALPHA / n_planned)
    verdict: Verdict = "no difference detected"
    if smallest_p_holm > ALPHA:
        verdict = "too few seeds"
    elif p_holm <= ALPHA and pair.difference.value > 0 and pair.test.effect > 0:
        verdict = "higher"
    elif p_holm <= ALPHA and pair.difference.value < 0 and pair.test.effect < 0:
        verdict = "lower"
    return ComparisonFinding(
        arm=pair.arm,
        other=pair.other,
        seeds=pair.seeds,
        differences=pair.differences,
        difference=pair.difference,
        improvement=pair.improvement,
        test=pair.test,
        p_holm=p_holm,
        p_mean=sign_flip_p(pair.differences, _stream(seed)),
        detectable=detectable,
        verdict=verdict,
        sentence=_sentence(pair, verdict, p_holm, smallest_p_holm, n_planned, detectable),
    )


def _sentence(
    pair: _Pair,
    verdict: Verdict,
    p_holm: float,
    smallest_p_holm: float,
    n_planned: int,
    detectable: float,
) -> str:
    arm, other, n, value = pair.arm, pair.other, pair.test.n, pair.difference.value
    if n == 0:
        return f"{arm} and {other} finished no seed in common: nothing can be said."
    if verdict == "too few seeds":
        return (
            f"{arm} and {other} cannot be told apart at n = {n} paired seeds, whatever the scores: "
            f"the smallest Holm-corrected p over {n_planned} planned comparisons is "
            f"{smallest_p_holm:.2g} (difference {value:+.3f})."
        )
    interval = f"BCa 95 % [{pair.difference.low:.3f}, {pair.difference.high:.3f}]"
    test = f"exact Wilcoxon {_p(pair.test.p)}, Holm-corrected {_p(p_holm)}"
    if verdict != "no difference detected":
        size = f"{abs(value):.3f} {verdict}"
        return f"{arm} scored {size} than {other} ({interval}, n = {n} paired seeds, {test})."
    sentence = (
        f"No difference detected between {arm} and {other} at n = {n} paired seeds "
        f"(difference {value:+.3f}, {interval}, {test})"
    )
    if p_holm <= ALPHA:
        sentence += "; the test rejects, but mean and ranks point in different directions"
    if 0 < detectable < np.inf:
        sentence += (
            f"; with this spread, true differences below about {detectable:.3f} are missed more "
            "often than one time in five"
        )
    return sentence + "."


def _cautions(
    arms: Sequence[ArmFinding],
    comparisons: Sequence[ComparisonFinding],
    budget: int,
    results: "pd.DataFrame",
) -> Iterator[str]:
    for arm in arms:
        if arm.n_failed:
            yield (
                f"{arm.arm}: {arm.n_failed} of {arm.n_runs} runs failed. Its scores are those of "
                "the others, which flatters it if hard seeds failed."
            )
        over = results[(results["arm"] == arm.arm) & (results["lives"] > budget)]
        if len(over):
            yield f"{arm.arm}: {len(over)} of {arm.n_runs} runs spent more than {budget} lives."
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


def _stream(seed: int) -> np.random.Generator:
    """A generator at its beginning, the same for every interval."""
    return np.random.Generator(np.random.Philox(seed))


def _p(p: float) -> str:
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


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
