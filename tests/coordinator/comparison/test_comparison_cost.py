"""The plan of a comparison, against what a finished one has cost."""

from pathlib import Path

import pandas as pd
import pytest
from support.command_line import answer, printed
from support.small_comparison import comparison_toml

from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")


def test_a_plan_counts_what_the_comparison_then_evaluates(tmp_path: Path, finished: Path) -> None:
    config = comparison_toml(tmp_path / "small.toml")
    plan = answer("plan", config)
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]
    by_name = {one["strategy"]: one for one in plan["strategies"]}
    results = pd.read_parquet(finished / "results.parquet")
    for name, one in by_name.items():
        runs = [RunStore(path) for path in (finished / "runs" / name).iterdir()]
        assert {store.generation() for store in runs} == {one["generations"]}
        own = results[results["variant"].isin([name, f"{name}_tuned"])]
        assert one["searches"] == len(own)
        assert own["episodes"].sum() <= one["searches"] * 96
    tuned, plain = by_name["evolution"], by_name["random_search"]
    assert (tuned["trial_searches"], plain["trial_searches"]) == (480 // 96, 0)
    assert plain["episodes_search"] == 2 * 96
    measured = RunStore(finished / "runs" / "random_search" / "000000").table("curves")
    assert measured is not None
    assert plain["episodes_held_out"] == 2 * (measured.num_rows + 6)
    assert plan["total_s"] == pytest.approx(
        plan["start_s"] + sum(one["seconds"] for one in plan["strategies"])
    )


def test_a_plan_shows_every_strategy_and_the_sum(tmp_path: Path) -> None:
    shown = printed("plan", comparison_toml(tmp_path / "small.toml"), "--inline")
    for word in ("evolution", "random_search", "total", "pruned trials end earlier"):
        assert word in shown
