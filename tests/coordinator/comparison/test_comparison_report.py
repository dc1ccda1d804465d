"""The report of a comparison: findings first, every figure, and the numbers of its files."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from support.html_page import HtmlPage, column, table_of
from support.made_up_comparison import N_SEEDS, drawn, made_up

from spikeloop.coordinator.comparison import session
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.comparison_curves import line_styles, separate
from spikeloop.coordinator.report.comparison_figures import write_comparison_figures
from spikeloop.coordinator.report.tuning_report import ENOUGH, importances, study_of
from spikeloop.coordinator.report.write_report import write_report
from spikeloop.coordinator.store import atomic_files
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace

EVIL = "<script>alert('&')</script>"


def change(folder: Path, name: str, row: int, **values: Any) -> None:
    """Replaces cells of a row of a table."""
    path = folder / f"{name}.parquet"
    table = atomic_files.read_parquet(path)
    rows = table.to_pylist()
    rows[row] |= values
    atomic_files.write_parquet(path, pa.Table.from_pylist(rows, schema=table.schema))


def read(folder: Path) -> HtmlPage:
    path = write_report(folder)
    assert path.stat().st_size < 3_000_000
    return HtmlPage(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("report") / "made")


def test_report_is_one_sound_file_with_findings_and_every_figure(made: Path) -> None:
    page = read(made)
    assert page.faults == []
    found = session.find(session.read_config(made), made)
    for sentence in (*found.sentences, *found.cautions):
        assert sentence in page.text
    assert page.text.index(found.sentences[0]) < page.text.index("Final scores", 500)
    starts = ("Interquartile means", "Performance profile", "Differences", "Held-out score")
    for words in (*starts, "Trials of evolution by number", "Trials of evolution by setting"):
        assert any(drawing.startswith(words) for drawing in page.drawings), words
    assert any("Importance of sigma" in drawing for drawing in page.drawings)
    for words in ("primary metric", "random_search is the baseline", "Budget: every variant"):
        assert words in page.text


@pytest.mark.exhaustive
def test_many_variants_get_a_panel_for_each_strategy(tmp_path: Path) -> None:
    strategies = ("evolution", "random_search", "cross_entropy", "annealing", "cma_es")
    folder = made_up(tmp_path / "made", strategies, tuned=strategies, n_trials=3)
    page = read(folder)
    assert page.faults == []
    for strategy in strategies:
        assert f"{strategy}_tuned" in page.text


def test_tables_hold_the_numbers_of_the_files(made: Path) -> None:
    page = read(made)
    results = pd.read_parquet(made / "results.parquet")
    scores = results.pivot(index="seed_index", columns="variant", values="score")
    table = table_of(page, "Held-out score after 1,000 episodes")
    for variant, iqm, mean in zip(
        column(table, "variant"), column(table, "IQM"), column(table, "mean"), strict=True
    ):
        assert iqm == f"{stats.trim_mean(scores[variant], 0.25):.3f}"
        assert mean == f"{scores[variant].mean():.3f}"
    table = table_of(page, "Mean difference")
    assert column(table, "comparison") == [
        "evolution\u00a0− random_search",
        "evolution_tuned\u00a0− random_search",
    ]
    for variant, difference, p in zip(
        ("evolution", "evolution_tuned"),
        column(table, "difference"),
        column(table, "p"),
        strict=True,
    ):
        differences = scores[variant] - scores["random_search"]
        assert difference == f"{differences.mean():+.3f}"
        assert p == f"{stats.wilcoxon(differences, method='exact').pvalue:.3g}"
    assert len(table_of(page, "Every search of the final phase")) == 1 + len(results)


def test_table_of_tuning_shows_the_best_trial_beside_what_was_given(made: Path) -> None:
    trials = pd.read_parquet(made / "trials.parquet")
    best = trials.iloc[int(np.argmax(trials["value"].to_numpy()))]
    settings = json.loads(best["settings"])
    table = table_of(read(made), "Settings of the best trial")
    given = session.read_config(made).given["evolution"].strategy.model_dump(mode="json")
    size = str(given["population_size"])
    chosen = ["evolution", str(best["trial"]), f"{best['value']:.3f}"]
    assert table[1:] == [
        [*chosen, "population_size", size, settings["population_size"]],
        ["", "", "", "sigma", f"{given['sigma']:.4g}", f"{settings['sigma']:.4g}"],
    ]


def test_failed_searches_and_trials_are_listed_and_escaped(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "made")
    nothing = {"score": None, "score_low": None, "score_high": None}
    change(folder, "results", 3, error=EVIL, **nothing)
    change(folder, "trials", 2, state="failed", value=None, reason=EVIL)
    change(folder, "trials", 4, state="pruned", value=0.9)
    page = read(folder)
    assert page.faults == []
    assert table_of(page, "Searches and trials that failed")[1:] == [
        ["evolution, seed 3", EVIL],
        ["evolution, trial 2", EVIL],
    ]
    table = table_of(page, "Held-out score after")
    assert column(table, "failed") == ["1", "0", "0"]
    assert "18 complete, 1 failed, 1 pruned" in page.text
    # A pruned trial is never the best, whatever it reached.
    assert table_of(page, "Settings of the best trial")[1][1] != "4"


def test_nothing_tuned_is_said(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "made", tuned=(), n_trials=0)
    page = read(folder)
    assert page.faults == []
    assert "No strategy was tuned." in page.text
    assert len(page.drawings) == 4


@pytest.mark.parametrize(
    ("n_trials", "words"), [(1, "too few for a figure"), (5, "too few trials to tell")]
)
def test_too_few_trials_give_a_sentence(tmp_path: Path, n_trials: int, words: str) -> None:
    page = read(made_up(tmp_path / "made", n_trials=n_trials))
    assert page.faults == []
    assert words in page.text


def test_the_search_of_median_score_is_the_example(finished_run: Path, tmp_path: Path) -> None:
    folder = made_up(tmp_path / "made", tuned=())
    for variant in ("evolution", "random_search"):
        for seed in range(N_SEEDS):
            shutil.copytree(finished_run, folder / "runs" / variant / f"{seed:06d}")
    results = pd.read_parquet(folder / "results.parquet")
    page = read(folder)
    for name, rows in results.groupby("variant"):
        median = rows.sort_values("score").iloc[(N_SEEDS - 1) // 2]
        words = f"{name}, seed {median['seed_index']}, score {median['score']:.3f}"
        assert words in page.text
    assert sum("over the generations of a search" in drawing for drawing in page.drawings) == 2


def test_unfinished_comparison_names_the_command(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "made")
    (folder / "results.parquet").unlink()
    with pytest.raises(ConfigError, match="spikeloop resume"):
        write_report(folder)


def test_figures_are_written_as_files_too(made: Path) -> None:
    paths = write_comparison_figures(made)
    names = ["anytime", "scores", "differences", "profile"]
    assert paths == [made / "figures" / f"{name}.png" for name in names]
    assert all(path.stat().st_size > 10_000 for path in paths)


def test_a_strategy_has_one_colour_and_tuned_variants_are_solid(made: Path) -> None:
    styles = line_styles(session.find(session.read_config(made), made))
    assert styles["evolution"].colour == styles["evolution_tuned"].colour
    assert styles["evolution"].colour != styles["random_search"].colour
    assert [styles[variant].line for variant in ("evolution", "evolution_tuned")] == ["--", "-"]


SPACE = ParameterSpace.of(
    {
        "population_size": Choice(("12", "24", "48"), "48"),
        "sigma": Real(0.05, 0.4, 0.15, scale="log"),
    }
)


def planted(n: int, important: str) -> pd.DataFrame:
    """Trials whose value depends on one of the settings alone."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(n):
        settings = drawn(rng)
        log = np.log(settings["sigma"] / 0.1)
        value = -(log**2) if important == "sigma" else int(settings["population_size"])
        value = float(value) + 1e-3 * rng.random()
        row = {"trial": number, "state": "complete", "value": value, "reason": ""}
        rows.append({**row, "settings": json.dumps(settings)})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("important", ["sigma", "population_size"])
def test_the_setting_that_matters_is_the_important_one(important: str) -> None:
    shares = importances(study_of(planted(60, important), SPACE))
    assert shares is not None
    assert set(shares) == {"sigma", "population_size"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares[important] > 0.7


def test_importance_needs_enough_trials_that_differ_within_the_space() -> None:
    assert importances(study_of(planted(ENOUGH - 1, "sigma"), SPACE)) is None
    assert importances(study_of(planted(60, "sigma").assign(value=0.5), SPACE)) is None
    for changed in (Real(0.2, 0.4, 0.3, name="sigma"), Real(0.2, 0.4, 0.3, name="step")):
        with pytest.raises(ValueError):
            study_of(planted(60, "sigma"), ParameterSpace((changed, SPACE.parameters[0])))


def test_labels_move_apart_by_no_more_than_they_must_and_never_change_order() -> None:
    np.testing.assert_allclose(separate(np.array([0.1, 0.5, 0.9]), 0.1), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(separate(np.array([0.4, 0.45, 0.5]), 0.1), [0.35, 0.45, 0.55])
    assert separate(np.empty(0), 0.1).size == 0
    rng = np.random.default_rng(2)
    for _ in range(50):
        placed = separate(np.sort(rng.random(8)), 0.07)
        assert (np.diff(placed) >= 0.07 - 1e-9).all()
