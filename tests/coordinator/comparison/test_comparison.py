"""A whole comparison, small: what it leaves behind, and what its numbers mean."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pytest
from support.command_line import answer, cli, printed, refused, run_command
from support.paths import OWN_CLASSES
from support.small_comparison import TOML, comparison_toml

from spikeloop.coordinator.comparison import session, studies
from spikeloop.coordinator.comparison.tuning import pruning
from spikeloop.coordinator.store.run_store import RunStore

NAN = float("nan")

pytestmark = pytest.mark.usefixtures("without_figures")


def frame(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def test_every_variant_searches_with_every_seed(finished: Path) -> None:
    results = frame(finished, "results")
    variants = {"evolution", "random_search", "evolution_tuned"}
    assert set(results["variant"]) == variants
    assert len(results) == 2 * len(variants)
    assert results.groupby("seed_index")["run_seed"].nunique().eq(1).all()  # paired
    assert results["run_seed"].nunique() == 2
    assert results["score"].notna().all()
    assert (results["episodes"] <= 96).all()
    assert set(results["settings"]) == {"given", "tuned"}


def test_budgets_are_kept_and_counted(finished: Path) -> None:
    trials = frame(finished, "trials")
    assert trials["charged"].sum() <= 480
    assert trials["charged"].sum() > 480 - 96  # no whole trial would have fitted any more
    for row in trials.itertuples():
        folder = finished / "tuning" / str(row.strategy) / f"{row.trial:06d}" / "000000"
        assert RunStore(folder).total_episodes() == row.episodes


def test_trial_0_has_the_settings_as_given(finished: Path) -> None:
    first = frame(finished, "trials").iloc[0]
    settings = json.loads(first["settings"])
    assert settings["population_size"] == "12"


def test_tuning_and_final_phase_share_no_seed_nor_do_other_comparisons(finished: Path) -> None:
    used = [
        RunStore(path.parent).manifest()["config"]["run"]["seed"]
        for path in finished.glob("tuning/*/*/*/run.json")
    ]
    final = set(frame(finished, "results")["run_seed"])
    assert used
    assert not set(used) & final
    config = session.read_config(finished)
    other = replace(config, comparison=config.comparison.model_copy(update={"seed": 4}))
    assert set(studies.run_seeds(config, studies.FINAL, 2)) == final
    assert not set(studies.run_seeds(other, studies.FINAL, 2)) & final


def test_searches_with_one_seed_meet_the_same_tasks(finished: Path) -> None:
    episodes = [
        pd.read_parquet(finished / "runs" / variant / "000000" / "episodes").query(
            "generation == 1"
        )
        for variant in ("evolution", "random_search")
    ]
    tasks = [frame.drop_duplicates("task").sort_values("task") for frame in episodes]
    np.testing.assert_array_equal(tasks[0]["optimal"], tasks[1]["optimal"])
    held_out = [
        pd.read_parquet(finished / "final" / variant / "000000.parquet")
        for variant in ("evolution", "random_search")
    ]
    np.testing.assert_array_equal(held_out[0]["episode_seed"], held_out[1]["episode_seed"])
    np.testing.assert_array_equal(held_out[0]["optimal"], held_out[1]["optimal"])


def test_anytime_scores_begin_before_the_search_and_end_with_it(finished: Path) -> None:
    anytime, results = frame(finished, "anytime"), frame(finished, "results")
    for row in results.itertuples():
        own = anytime[
            (anytime["variant"] == row.variant) & (anytime["seed_index"] == row.seed_index)
        ]
        assert own["episodes"].iloc[0] == 0
        assert own["episodes"].iloc[-1] == row.episodes
        assert own["episodes"].is_monotonic_increasing


def test_the_tuned_variant_has_the_settings_of_the_best_trial_in_optunas_study(
    finished: Path,
) -> None:
    storage = f"sqlite:///{finished / 'study.db'}"
    study = optuna.load_study(study_name="small/evolution", storage=storage)
    trials = frame(finished, "trials")
    assert len(study.trials) == len(trials)
    assert study.best_value == trials.loc[trials["state"] == "complete", "value"].max()
    manifest = RunStore(finished / "runs" / "evolution_tuned" / "000000").manifest()
    assert manifest["config"]["strategy"]["sigma"] == study.best_params["sigma"]


def test_resuming_what_is_finished_changes_nothing(finished: Path) -> None:
    before = (finished / "findings.json").read_bytes()
    assert "  trial " not in printed("resume", finished)
    assert (finished / "findings.json").read_bytes() == before


def test_a_second_comparison_in_the_same_folder_is_refused(finished: Path, tmp_path: Path) -> None:
    config = comparison_toml(tmp_path / "small.toml")
    assert "spikeloop resume" in refused("compare", config, "--out", str(finished.parent))


def test_json_is_all_that_stands_on_standard_output(tmp_path: Path) -> None:
    config = comparison_toml(tmp_path / "small.toml", episodes="episodes = 0", seeds="seeds = 1")
    found: dict[str, Any] = answer("compare", config, "--out", tmp_path)
    assert [variant["name"] for variant in found["variants"]] == ["evolution", "random_search"]


def test_no_trial_is_spent_on_a_population_that_the_budget_cannot_hold(
    compared: tuple[Path, str],
) -> None:
    """Two tasks leave room for 48 candidates of the 96 that could be tuned."""
    folder, output = compared
    assert "population_size is tuned within 12, 24, 48 instead of 12, 24, 48, 96" in output
    trials = frame(folder, "trials")
    assert set(trials["state"]) == {"complete", "pruned"}
    assert len(trials) > 4
    assert output.count("below the median of its study at") == (trials["state"] == "pruned").sum()


def test_a_trial_that_fails_prints_its_reason_and_is_charged_in_full(tmp_path: Path) -> None:
    (tmp_path / "failing_learner.py").write_bytes((OWN_CLASSES / "failing_learner.py").read_bytes())
    path = comparison_toml(tmp_path / "small.toml", episodes="episodes = 192", seeds="seeds = 1")
    learner = 'kind = "failing_learner:Echo"\nfault = "nan"\nbroken_from = 0.0'
    path.write_text(path.read_text().replace('kind = "tabular_td"', learner))
    said = run_command("compare", path, "--out", tmp_path)
    lines = [line for line in said.output.splitlines() if "  trial " in line]
    assert [line.split("  ")[1:3] for line in lines] == [["trial 0", "fail"], ["trial 1", "fail"]]
    assert all(re.search(r" (\d+) of \1 episodes failed \(\1 not finite\)", x) for x in lines)
    assert "  96 episodes spent  " in lines[0]
    assert "  192 episodes spent  " in lines[1]


def test_tuning_that_keeps_the_given_settings_takes_their_searches_over(tmp_path: Path) -> None:
    """One trial, the one with the settings as given: nothing is searched twice."""
    config = comparison_toml(tmp_path / "small.toml", episodes="episodes = 96", seeds="seeds = 1")
    assert cli("compare", str(config), "--out", str(tmp_path)) == 0
    results = {
        row["variant"]: row for row in frame(tmp_path / "small", "results").to_dict("records")
    }
    assert results["evolution_tuned"]["same_as"] == "evolution"
    assert results["evolution_tuned"]["score"] == results["evolution"]["score"]
    assert not (tmp_path / "small" / "runs" / "evolution_tuned").exists()


def test_a_strategy_that_cannot_search_within_the_budget_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    before, _, after = TOML.rpartition("population_size = 12")
    path.write_text(f"{before}population_size = 49{after}")
    assert "[strategies.random_search]" in refused("compare", path, "--out", tmp_path)
    assert not (tmp_path / "small").exists()


def test_studies_in_another_database(tmp_path: Path) -> None:
    url = f'storage = "sqlite:///{tmp_path / "shared.db"}"'
    config = comparison_toml(
        tmp_path / "small.toml", episodes=f"episodes = 96\n{url}", seeds="seeds = 1"
    )
    assert cli("compare", str(config), "--out", str(tmp_path / "one")) == 0
    assert not (tmp_path / "one" / "small" / "study.db").exists()
    error = refused("compare", config, "--out", tmp_path / "two")
    assert "holds a study 'small/evolution' already" in error
    wrong = comparison_toml(
        tmp_path / "small.toml", episodes='episodes = 96\nstorage = "nosql://x"'
    )
    assert "tuning.storage" in refused("compare", wrong, "--out", tmp_path / "three")


def test_a_database_that_cannot_be_opened_leaves_nothing_to_resume(tmp_path: Path) -> None:
    url = f'storage = "sqlite:///{tmp_path / "no" / "such" / "study.db"}"'
    config = comparison_toml(tmp_path / "small.toml", episodes=f"episodes = 96\n{url}")
    errors = refused("compare", config, "--out", tmp_path, code=3)
    assert "tuning.storage" in errors
    assert "resume" not in errors
    assert not (tmp_path / "small").exists()


def test_trials_are_pruned_on_what_they_had_within_the_same_episodes(tmp_path: Path) -> None:
    """Two histories of one score; the one measured rarely is not credited with later scores."""
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    histories = {
        "often": [(12, 0.1), (24, 0.2), (36, 0.3), (48, 0.4), (60, 0.5), (72, 0.6), (84, 0.7)],
        "rarely": [(40, 0.3), (80, 0.7)],
        "all held-out episodes failed": [(30, NAN), (80, NAN)],
    }
    reported = {}
    for name, history in histories.items():
        trial = study.ask()
        measured = pruning(trial, budget=96)
        store = RunStore.create(tmp_path / name, {"config": {}})
        for number, (episodes, score) in enumerate(history, start=1):
            table = pa.table({"total_episodes": [episodes], "held_out_score": [score]})
            store.commit(number, {"generations": table}, {})
            measured(store)
        reported[name] = study.get_trials()[-1].intermediate_values
    assert reported["often"] == {1: 0.2, 2: 0.4, 3: 0.6}
    assert reported["rarely"] == {2: 0.3, 3: 0.3}
    failed = reported["all held-out episodes failed"]
    assert [(step, str(score)) for step, score in failed.items()] == [(2, "nan"), (3, "nan")]
