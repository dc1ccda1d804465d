"""Findings of a comparison: numbers by hand, what order cannot change, and words."""

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.statistical_asserts import rng

from spikeloop.coordinator.comparison.findings.findings import Findings, findings
from spikeloop.coordinator.stats import significance

BUDGET = 1000
"""Episodes of each run; ten generations of 100."""


def frames(scores: dict[str, list[float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of each variant whose held-out score climbs in a straight line to its last."""
    runs, curves = [], []
    for variant, values in scores.items():
        for index, score in enumerate(values):
            run = {"variant": variant, "seed_index": index}
            runs.append(
                {
                    **run,
                    "strategy": variant.removesuffix("_tuned"),
                    "settings": "tuned" if variant.endswith("_tuned") else "default",
                    "score": score,
                    "score_low": score - 0.01,
                    "score_high": score + 0.01,
                    "n_tasks": 64,
                    "episodes": BUDGET,
                    "failed_episodes": 5,
                    "generations": 10,
                }
            )
            last = 0.3 if np.isnan(score) else score
            for generation in range(11):
                measured = {"generation": generation, "episodes": 100 * generation}
                curves.append({**run, **measured, "score": last * generation / 10})
    return pd.DataFrame(runs), pd.DataFrame(curves)


def found(scores: dict[str, list[float]], **changes: Any) -> Findings:
    arguments: dict[str, Any] = {"budget": BUDGET, "baseline": "random", "rng": rng(0)}
    return findings(*frames(scores), **(arguments | changes))


def noise(n: int, **effects: float) -> dict[str, list[float]]:
    """Scores of variants with a seed's noise in common, 0.1, and one's own, 0.02."""
    generator = rng(n)
    shared = 0.5 + generator.normal(0, 0.1, n)
    return {
        variant: list(shared + effect + generator.normal(0, 0.02, n))
        for variant, effect in effects.items()
    }


def test_numbers_by_hand() -> None:
    base = [0.5, 0.4, 0.6, 0.7, 0.5, 0.4, 0.6, 0.5]
    better = [0.51, 0.42, 0.63, 0.74, 0.55, 0.46, 0.67, 0.58]  # differences 0.01 to 0.08
    result = found({"random": base, "es": better}, target=0.5)
    variant = result.variants[0]
    assert (variant.name, variant.n_runs, variant.n_failed, variant.episodes) == (
        "random",
        8,
        0,
        8000,
    )
    assert variant.failed_episodes_share == 0.005
    assert variant.mean.value == pytest.approx(0.525)
    assert variant.iqm.value == pytest.approx((0.5 + 0.5 + 0.5 + 0.6) / 4)
    assert variant.area.value == pytest.approx(0.45 * 0.525)  # steps: mean of 0, 0.1, …, 0.9
    # 0.5 is reached at the end thrice, 0.6 at 900 episodes twice, 0.7 at 800 once, 0.4 never.
    assert variant.attainment is not None
    assert variant.attainment.n_reached == 6
    assert variant.attainment.expected_episodes == (3 * 1000 + 2 * 900 + 800 + 2 * 1000) / 6
    (comparison,) = result.comparisons
    assert (comparison.variant, comparison.other, comparison.n) == ("es", "random", 8)
    np.testing.assert_allclose(comparison.differences, np.arange(1, 9) / 100)
    assert comparison.difference.value == pytest.approx(0.045)
    assert comparison.test.p == comparison.p_mean == comparison.p_holm == 2 / 2**8
    assert comparison.test.effect == 1.0
    assert comparison.verdict == "higher"
    low, high = comparison.difference.low, comparison.difference.high
    assert result.sentences == (
        f"es scored 0.045 higher than random (BCa 95 % [{low:.3f}, {high:.3f}], n = 8 paired "
        "seeds, exact Wilcoxon p = 0.008, Holm-corrected p = 0.008).",
    )
    assert 0.02 < low < 0.045 < high < 0.07


def test_each_variant_meets_the_baseline_once_and_given_pairs_follow() -> None:
    scores = noise(8, es=0.1, random=0, es_tuned=0.2)
    result = found(scores, pairs=[("es_tuned", "es"), ("random", "es"), ("es", "es_tuned")])
    pairs = [(comparison.variant, comparison.other) for comparison in result.comparisons]
    assert pairs == [("es", "random"), ("es_tuned", "random"), ("es_tuned", "es")]
    assert [variant.name for variant in result.variants] == ["es", "random", "es_tuned"]
    assert [variant.settings for variant in result.variants] == ["default", "default", "tuned"]
    raw = [comparison.test.p for comparison in result.comparisons]
    corrected = [comparison.p_holm for comparison in result.comparisons]
    np.testing.assert_array_equal(corrected, significance.holm(raw))
    assert corrected == [3 * p for p in raw]  # the smallest possible each


def test_order_of_variants_and_rows_changes_no_number() -> None:
    scores = noise(9, random=0, es=0.02, sa=-0.01)
    scores["sa"][4] = np.nan
    pairs = [("es", "sa")]
    plain = found(scores, target=0.5, pairs=pairs)
    runs, curves = (
        table.sample(frac=1, random_state=np.random.RandomState(0))
        for table in frames(dict(reversed(scores.items())))
    )
    mixed = findings(
        runs, curves, budget=BUDGET, baseline="random", rng=rng(0), target=0.5, pairs=pairs
    )

    def by_name(result: Findings) -> dict[str, Any]:
        plain = result.as_json()
        return {
            **{variant["name"]: variant for variant in plain["variants"]},
            **{pair["sentence"]: pair for pair in plain["comparisons"]},
        }

    assert by_name(plain) == by_name(mixed)
    other_seed = found(scores, target=0.5, pairs=pairs, rng=rng(1))
    assert by_name(other_seed) != by_name(plain)


def test_swapping_two_variants_turns_the_finding_round() -> None:
    scores = noise(10, random=0, es=0.05)
    there, back = (found(scores, baseline=name).comparisons[0] for name in ("random", "es"))
    assert (there.verdict, back.verdict) == ("higher", "lower")
    assert back.difference.value == -there.difference.value
    assert (back.test.p, back.test.effect) == (there.test.p, -there.test.effect)
    assert "lower than es" in back.sentence


def test_failed_runs_are_left_out_counted_and_named() -> None:
    scores = noise(10, random=0, es=0.05)
    whole = found(scores)
    scores["es"][3] = scores["random"][7] = np.nan
    result = found(scores, target=0.4)
    random, es = result.variants
    assert (es.n_runs, es.n_failed, es.iqm.n, es.profile.n) == (10, 1, 9, 10)
    assert es.profile.share[0] == 0.9
    (comparison,) = result.comparisons
    assert comparison.seeds == (0, 1, 2, 4, 5, 6, 8, 9)
    kept = whole.comparisons[0].differences[list(comparison.seeds)]
    np.testing.assert_allclose(comparison.differences, kept)
    assert any(text.startswith("es: 1 of 10 runs failed") for text in result.cautions)
    assert not any("failed" in text for text in whole.cautions)
    assert np.isfinite(random.anytime.value).all()


def test_a_run_without_any_measurement_spoils_no_curve() -> None:
    scores = noise(8, random=0, es=0.05)
    scores["es"][0] = np.nan
    runs, curves = frames(scores)
    gone = (curves["variant"] == "es") & (curves["seed_index"] == 0)
    runs.loc[(runs["variant"] == "es") & (runs["seed_index"] == 0), "episodes"] = 100
    result = findings(runs, curves[~gone], budget=BUDGET, baseline="random", rng=rng(0), target=0.1)
    es = result.variants[1]
    assert (es.anytime.n, es.area.n) == (7, 7)
    assert np.isfinite(es.anytime.value).all()
    assert es.attainment is not None
    assert (es.attainment.n, es.attainment.n_reached) == (8, 7)


@pytest.mark.parametrize(
    ("n", "n_variants", "enough"), [(5, 2, 6), (6, 3, 7), (7, 7, 8), (1, 2, 6)]
)
def test_too_few_seeds_are_said_whatever_the_scores(n: int, n_variants: int, enough: int) -> None:
    def scores(seeds: int) -> dict[str, list[float]]:
        return {f"es{i}" if i else "random": [float(i)] * seeds for i in range(n_variants)}

    result = found(scores(n))
    assert {comparison.verdict for comparison in result.comparisons} == {"too few seeds"}
    assert all(f"n = {n} paired seeds, whatever" in text for text in result.sentences)
    assert any(f"{enough} paired seeds are the least" in text for text in result.cautions)
    at_last = found(scores(enough))
    assert {comparison.verdict for comparison in at_last.comparisons} == {"higher"}
    assert not any("the least" in text for text in at_last.cautions)


def test_no_difference_is_not_detected_rather_than_absent() -> None:
    result = found(noise(12, random=0, es=0.0))
    (comparison,) = result.comparisons
    assert comparison.verdict == "no difference detected"
    assert comparison.sentence.startswith("No difference detected between es and random at n = 12")
    assert f"below about {comparison.detectable:.3f} are missed" in comparison.sentence
    assert 0.01 < comparison.detectable < 0.05
    same = found({"random": [0.5] * 10, "es": [0.5] * 10})
    (comparison,) = same.comparisons
    assert (comparison.test.p, comparison.test.n_differ) == (1.0, 0)
    assert (comparison.difference.low, comparison.difference.high) == (0.0, 0.0)
    assert "missed" not in comparison.sentence
    for text in (*result.sentences, *same.sentences, *result.cautions):
        assert "equal" not in text.lower()


def test_ranks_and_mean_that_disagree_decide_nothing() -> None:
    """Eighteen small gains and two huge losses."""
    base = [0.0] * 20
    other = [0.01 + 0.001 * i for i in range(18)] + [-5.0, -5.0]
    (comparison,) = found({"random": base, "es": other}).comparisons
    assert comparison.p_holm <= 0.05
    assert comparison.difference.value < 0 < comparison.test.effect
    assert comparison.verdict == "no difference detected"
    assert "mean and ranks point in different directions" in comparison.sentence


def test_no_seed_in_common() -> None:
    result = found({"random": [0.5, np.nan], "es": [np.nan, 0.6]})
    (comparison,) = result.comparisons
    assert (comparison.n, comparison.verdict) == (0, "too few seeds")
    assert "no seed in common" in comparison.sentence


def test_all_runs_of_a_variant_failed() -> None:
    result = found({"random": [0.5] * 8, "es": [np.nan] * 8}, target=0.4)
    assert np.isnan(result.variants[1].iqm.value)
    assert result.comparisons[0].n == 0
    json.dumps(result.as_json(), allow_nan=False)


def test_cautions_about_small_samples_and_overspent_budgets() -> None:
    few, many = found(noise(14, random=0, es=0.1)), found(noise(15, random=0, es=0.1))
    assert ["BCa" in text for text in few.cautions] == [True]
    assert many.cautions == ()
    over = found(noise(15, random=0, es=0.1), budget=999)
    assert "es: 15 of 15 runs spent more than 999 episodes." in over.cautions


def test_json_holds_the_numbers_and_none_for_what_is_not_finite() -> None:
    scores = noise(8, random=0, es=0.05)
    scores["es"][2] = np.nan
    result = found(scores, target=5.0)  # out of reach: infinite episodes
    plain = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert {field.name for field in dataclasses.fields(result)} <= plain.keys()
    assert plain["variants"][1]["scores"][2] is None
    assert plain["variants"][1]["attainment"]["expected_episodes"] is None
    assert plain["comparisons"][0]["sentence"] == result.sentences[0]


def test_a_run_counts_once() -> None:
    runs, curves = frames(noise(3, random=0, es=0))
    with pytest.raises(ValueError, match="more than one row"):
        findings(pd.concat([runs, runs.head(1)]), curves, budget=1, baseline="random", rng=rng(0))
