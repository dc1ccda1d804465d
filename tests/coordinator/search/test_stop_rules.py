"""Rules that end or restart a search, also where a run is resumed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_run import (
    RecordingReporter,
    assert_same_contents,
    crash_before_each_file,
    run_tables,
    small_config,
    start_run,
)

from spikeloop.coordinator.api import progress as console
from spikeloop.coordinator.config.stopping import StopSettings, describe_stop, population_spread
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import search_size
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.replay import rule_problems
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.workers.seeding import Purpose, stream

pytestmark = pytest.mark.usefixtures("without_figures")


def rows(*scores: float | None, epoch: int = 0, first: int = 1) -> list[dict[str, Any]]:
    """Generations with these held-out scores; None where it was not measured."""
    return [
        {
            "generation": first + i,
            "epoch": epoch,
            "held_out_score": score,
            "held_out_low": score and score - 0.1,
            "held_out_tasks": None if score is None else 4,
        }
        for i, score in enumerate(scores)
    ]


# --- the rules --------------------------------------------------------------------------------


def test_budget_is_never_exceeded_and_may_be_met() -> None:
    stop = StopSettings(episodes=100)
    assert not stop.exhausted(76, 24)
    assert stop.exhausted(77, 24)
    assert not StopSettings().exhausted(10**9, 24)


def test_target_is_reached_by_the_lower_end_of_the_interval() -> None:
    stop = StopSettings(target=0.5)
    assert [stop.reached(row) for row in rows(0.55, 0.61, None, math.nan)] == [
        False,
        True,
        False,
        False,
    ]
    assert not StopSettings().reached(rows(1.0)[0])


def test_spread_falls_below() -> None:
    stop = StopSettings(spread=0.1)
    assert [stop.collapsed(s) for s in (0.2, 0.1, 0.09, math.nan)] == [False, False, True, False]
    assert not StopSettings().collapsed(0.0)


@pytest.mark.parametrize(
    ("scores", "stalled"),
    [
        ((0.5, None, None), False),  # not measured: nothing is decided
        ((0.5, None, 0.4), True),
        ((0.5, None, 0.5), True),  # as high is no higher
        ((0.5, None, 0.6), False),
        ((0.5, 0.6, 0.4), False),  # one generation is less than two
        ((math.nan, None, 0.1), False),  # any score is above none
        ((math.nan, None, math.nan), True),
        ((), False),
    ],
)
def test_patience(scores: tuple[float | None, ...], stalled: bool) -> None:
    assert StopSettings(patience=2).stalled(rows(*scores)) is stalled
    assert not StopSettings().stalled(rows(*scores))


def test_patience_restarts_with_each_epoch() -> None:
    stop = StopSettings(patience=2)
    both = [*rows(0.9, 0.8), *rows(0.3, 0.2, epoch=1, first=3)]
    assert not stop.stalled(both)
    assert stop.stalled([*both, *rows(0.1, epoch=1, first=5)])
    assert stop.stalled([{**row, "epoch": 0} for row in both])  # the negative control


def test_each_rule_ends_or_restarts() -> None:
    end, restart = StopSettings(), StopSettings(then="restart")
    assert [end.ends(rule) for rule in ("episodes", "target", "spread", "patience")] == [True] * 4
    assert [restart.ends(rule) for rule in ("episodes", "target")] == [True, True]
    assert [restart.restarts(rule) for rule in ("spread", "patience")] == [True, True]
    assert not (end.ends(None) or restart.ends(None) or restart.restarts(None))
    text = describe_stop("spread", StopSettings(spread=0.1, then="restart"), {"generation": 8})
    assert text == "restarted after generation 8: spread below stop.spread = 0.1"


def test_spread_is_the_root_mean_square_of_folded_deviations() -> None:
    points = np.array([[0.9, -1.0], [1.1, 1.0]])  # the first coordinate means 0.9 twice
    bounded = np.array([True, False])
    assert population_spread(points, bounded) == pytest.approx(
        math.sqrt((0.0 + 2.0) / 2), rel=1e-12
    )
    unfolded = math.sqrt((0.02 + 2.0) / 2)
    assert population_spread(points, np.array([False, False])) == pytest.approx(unfolded, rel=1e-12)
    assert math.isnan(population_spread(points[:1], bounded))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stop": {"episodes": -1}}, "[stop] episodes must be >= 0"),
        ({"stop": {"target": 0.5}, "transfer": {"monitor_every": 0}}, "monitor_every"),
        ({"stop": {"patience": 5}, "transfer": {"monitor_every": 0}}, "monitor_every"),
        ({"stop": {"then": "restart"}, "deploy": {"finalists": 2}}, "needs spread or patience"),
        ({"stop": {"then": "restart", "spread": 0.1}}, "needs deploy.finalists >= 2"),
        ({"deploy": {"finalists": 5, "tasks": 2}}, "tasks must be at least 3"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError) as error:
        small_config(**changes)
    assert expected in str(error.value)


# --- whole runs -------------------------------------------------------------------------------

BUDGET: dict[str, Any] = {"run": {"generations": 9}, "stop": {"episodes": 80}}


def test_budget_ends_a_run_with_a_held_out_score(tmp_path: Path) -> None:
    reporter = RecordingReporter()
    folder = start_run(tmp_path / "small", reporter, **BUDGET)
    generations = RunStore(folder).rows()
    assert [row["total_episodes"] for row in generations] == [24, 48, 72]
    assert [row["stopped"] for row in generations] == [None, None, "episodes"]
    assert [row["held_out_score"] is not None for row in generations] == [False, True, True]
    reason = "ended after generation 3: one more would exceed stop.episodes = 80"
    assert reporter.notes == [reason]
    assert [report.stopped for report in reporter.reports] == ["", "", reason]
    report = verify(RunStore(folder))
    assert report.problems == []
    assert not any("unfinished" in line for line in report.checked)


def test_budget_without_effect_changes_nothing(finished_run: Path, tmp_path: Path) -> None:
    limited = start_run(tmp_path / "limited", stop={"episodes": 72})
    assert_same_contents(limited, finished_run)


def test_budget_below_one_generation_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="episodes must be at least 24"):
        start_run(tmp_path / "small", stop={"episodes": 23})
    assert not (tmp_path / "small").exists()


def test_target_ends_a_run(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", run={"generations": 40}, stop={"target": 0.3})
    generations = run_tables(folder)["generations"]
    assert generations["stopped"].tolist()[-1] == "target"
    assert len(generations) < 40
    low = generations["held_out_low"]
    assert low.iloc[-1] >= 0.3
    assert not (low.iloc[:-1] >= 0.3).any()
    assert verify(RunStore(folder)).problems == []


RESTARTING: dict[str, Any] = {
    "run": {"generations": 5, "racing": 0.5},
    "transfer": {"monitor_every": 1},
    "stop": {"patience": 1, "then": "restart"},
    "deploy": {"finalists": 3, "tasks": 4, "average": 2},
}


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_run(tmp_path_factory.mktemp("restarted") / "small", **RESTARTING)


def test_a_restart_begins_at_a_random_point(restarted: Path) -> None:
    tables, config = run_tables(restarted), read_run(RunStore(restarted)).config
    generations = tables["generations"]
    again = generations.loc[generations["stopped"] == "patience", "generation"].tolist()
    assert again  # else this run tests nothing
    expected = np.cumsum([0, *(generations["stopped"] == "patience")])[:-1]
    assert generations["epoch"].tolist() == expected.tolist()
    first = again[0] + 1
    rng = stream(config.run.seed, Purpose.INIT, first)
    state = config.strategy.init(config.space, rng, config.space.sample(1, rng)[0])
    population = config.strategy.ask(state, stream(config.run.seed, Purpose.ASK, first))
    candidates = tables["candidates"]
    points = np.stack(candidates.loc[candidates["generation"] == first, "point"].to_list())
    np.testing.assert_array_equal(points, population.rows(0, len(points)))
    assert verify(RunStore(restarted)).problems == []


def test_resume_after_a_crash_before_each_file_across_restarts_gives_identical_tables(
    restarted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    survived = crash_before_each_file(folder, lambda: start_run(folder, **RESTARTING))
    assert any(name.startswith("finalists") for name in survived)
    assert_same_contents(folder, restarted)
    assert verify(RunStore(folder)).problems == []


def test_restart_by_spread_is_reported_and_needs_no_held_out_score(tmp_path: Path) -> None:
    changes = {
        "run": {"generations": 3},
        "transfer": {"monitor_every": 0},
        "stop": {"spread": 0.9, "then": "restart"},  # every population is narrower
        "deploy": {"finalists": 2, "tasks": 2},
    }
    reporter = RecordingReporter()
    folder = start_run(tmp_path / "small", reporter, **changes)
    generations = RunStore(folder).rows()
    assert [row["epoch"] for row in generations] == [0, 1, 2]
    assert [row["stopped"] for row in generations] == ["spread", "spread", None]  # not at the end
    assert (
        reporter.reports[0].stopped
        == "restarted after generation 1: spread below stop.spread = 0.9"
    )
    assert verify(RunStore(folder)).problems == []


def test_a_restart_that_the_budget_forbids_ends_the_run(tmp_path: Path) -> None:
    changes = {
        "run": {"generations": 9},
        "stop": {"spread": 0.9, "then": "restart", "episodes": 50},
        "deploy": {"finalists": 2, "tasks": 2},
    }
    folder = start_run(tmp_path / "small", **changes)
    assert run_tables(folder)["generations"]["stopped"].tolist() == ["spread", "episodes"]
    assert verify(RunStore(folder)).problems == []


def test_counts_of_episodes_are_upper_bounds() -> None:
    config = small_config(
        run={"generations": 9, "racing": 0.5},
        stop={"episodes": 80},
        deploy={"finalists": 3, "tasks": 4},
    )
    assert search_size.generation_episodes(config) == 6 * 2 + 3 * 2
    assert search_size.max_generations(config) == 4
    # After 0, 2, 4; three finalists, two rounds of 6 episodes.
    monitor, race, transfer = 3 * 4, 12, 30
    assert console.episodes_to_come(config, 0) == 4 * 18 + monitor + race + transfer
    assert console.episodes_to_come(config, 3) == 18 + 4 + race + transfer


def test_columns_that_do_not_follow_are_found(restarted: Path) -> None:
    tables, config = run_tables(restarted), read_run(RunStore(restarted)).config
    sound: list[dict[Any, Any]] = [{**row} for row in RunStore(restarted).rows()]
    assert rule_problems(config, sound, tables["candidates"]) == []
    for column, value in (("epoch", 7), ("spread", 0.5), ("stopped", "target"), ("stopped", None)):
        wrong = [{**row, column: value} for row in sound]
        assert rule_problems(config, wrong, tables["candidates"]), column
