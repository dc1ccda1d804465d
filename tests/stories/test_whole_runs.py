"""Whole runs in this process: what they leave, and what changes nothing in it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.paths import OWN_CLASSES
from support.small_run import (
    assert_same_contents,
    change_part,
    interrupt_run,
    resume_run,
    run_tables,
    small_config,
    small_tables,
    start_config,
)

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search import racing
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.replay import rule_problems
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.workers.job import Grid

pytestmark = pytest.mark.usefixtures("without_figures")


def test_run_leaves_every_table_and_verifies(finished_run: Path) -> None:
    tables = run_tables(finished_run)
    assert {name: len(table) for name, table in tables.items()} == {
        "generations": 3,
        "candidates": 18,
        "episodes": 72,
        "curves": 12,  # before the search, after generations 2 and 3
        "transfer": 30,
        "theta": 1,
    }
    assert verify(RunStore(finished_run)).problems == []


def test_same_seed_gives_same_contents_and_other_seed_others(
    finished_run: Path, tmp_path: Path
) -> None:
    assert_same_contents(start_config(small_config(), tmp_path / "same" / "small"), finished_run)
    other = start_config(small_config(run={"seed": 8}), tmp_path / "other" / "small")
    with pytest.raises(AssertionError):
        assert_same_contents(other, finished_run)


def test_tile_shape_changes_no_episode(finished_run: Path, tmp_path: Path) -> None:
    config = small_config(run={"tile_candidates": 5, "tile_tasks": 3})
    assert_same_contents(start_config(config, tmp_path / "small"), finished_run)


def test_too_many_failures_end_the_run_with_one_traceback(tmp_path: Path) -> None:
    learner = {"kind": "failing_learner:Echo", "fault": "raise", "broken_from": 0.0}
    with pytest.raises(RunFailed, match="24 of 24") as error:
        start_config(small_config(learner=learner), tmp_path / "small")
    assert error.value.traceback.count("Traceback") == 1


def ascending(every: int, mean_fitness: float = 1.0) -> RunConfig:
    """A search by gradients over a curriculum, with ``every`` generations to a commit."""
    curriculum = [{"until": 0.5, "mean_fitness": mean_fitness, "family": {"n_steps": 10}}]
    run = {"generations": 8, "commit_every": every, "curriculum": curriculum, "tile_tasks": 3}
    tables = small_tables(run=run, transfer={"monitor_every": 6})
    tables |= {
        "strategy": {"kind": "gradient_learner:Ascent"},
        "learner": {"kind": "gradient_learner:Slope"},
    }
    return parse(tables, "small.toml", OWN_CLASSES)


def test_search_by_gradients_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    undisturbed = start_config(ascending(1), tmp_path / "undisturbed" / "small")
    interrupt_run(tmp_path / "small", "generation 5/", ascending(3))
    resume_run(tmp_path / "small")
    assert_same_contents(tmp_path / "small", undisturbed)
    assert verify(RunStore(tmp_path / "small")).problems == []
    scores = [row["held_out_score"] for row in RunStore(undisturbed).rows()]
    assert scores[7] > scores[5]


def without_stage(generations: pd.DataFrame) -> pd.DataFrame:
    return generations.drop(columns="stage")


def test_a_stage_ends_with_its_fitness_and_a_resumed_search_remembers_it(tmp_path: Path) -> None:
    whole = RunStore(start_config(ascending(1), tmp_path / "whole" / "small")).rows()
    assert [row["stage"] for row in whole] == 4 * [1] + 4 * [2]
    first, second = (row["mean"] for row in whole[:2])
    assert first < second
    ends = {"mean_fitness": second}
    undisturbed = start_config(ascending(1, **ends), tmp_path / "undisturbed" / "small")
    rows = RunStore(undisturbed).rows()
    assert [row["mean"] for row in rows[:2]] == [first, second]
    assert [row["stage"] for row in rows] == 2 * [1] + 6 * [2]
    interrupt_run(tmp_path / "small", "generation 4/", ascending(3, **ends))
    assert RunStore(tmp_path / "small").generation() == 3  # the share would begin stage 2 at 5
    resume_run(tmp_path / "small")
    assert_same_contents(tmp_path / "small", undisturbed)
    assert verify(RunStore(tmp_path / "small")).problems == []
    change_part(store := RunStore(undisturbed), store.part_path("generations", 1), without_stage)
    assert (table := store.table("generations")) is not None
    assert table["stage"].to_pylist() == [None, 1, *6 * [2]]
    assert verify(store).problems == []  # as of a version without this column
    run = read_run(RunStore(undisturbed))
    wrong: list[dict[Any, Any]] = [{**row, "stage": 1} for row in rows]
    assert len(rule_problems(run.config, wrong, run_tables(undisturbed)["candidates"])) == 6


def test_progress_and_stage_of_each_generation_reach_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, tuple[int, float, bool]] = {}
    race = racing.race

    def seeing(pool: Any, grid: Grid, *arguments: Any) -> Any:
        seen[grid.index] = (grid.family.interface.n_steps, grid.progress, grid.gradient)
        return race(pool, grid, *arguments)

    monkeypatch.setattr(racing, "race", seeing)
    tables = run_tables(start_config(ascending(1), tmp_path / "small"))
    assert seen == {g: (10 if g < 5 else 60, (g - 1) / 8, True) for g in range(1, 9)}
    optimal = tables["episodes"].groupby("generation")["optimal"].max()
    assert optimal[optimal.index < 5].max() <= 10 < tables["curves"]["optimal"].min()
