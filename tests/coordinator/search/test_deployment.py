"""The point to deploy is an average over generations, or the winner of a race of finalists."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.small_run import (
    RecordingReporter,
    SilentReporter,
    change_part,
    resume_run,
    run_tables,
    small_config,
    start_run,
)

from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.inline import InlinePool
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search import deployment, transfer_session
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.search.evaluation import evaluate_grid
from spikeloop.coordinator.search.generation import held_out_jobs
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.base import from_arrays, to_arrays
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Status
from spikeloop.workers.parameter_types import Choice, Real, Weights
from spikeloop.workers.space import ParameterSpace

pytestmark = pytest.mark.usefixtures("without_figures")


def start(folder: Path, **changes: Any) -> RunStore:
    return RunStore(start_run(folder, **changes))


def recommended(store: RunStore, config: RunConfig, generation: int) -> FloatArray:
    strategy = config.strategy
    return strategy.recommend(from_arrays(strategy.State, store.state(generation)))


# --- averages ---------------------------------------------------------------------------------


def test_average_folds_first_and_leaves_choices_alone() -> None:
    space = ParameterSpace.of(
        {"a": Real(0, 1, 0.5), "c": Choice(("x", "y", "z"), "y"), "w": Weights((1,), 2.0)}
    )
    points = np.array([[0.9, 0.1, 3.0], [1.1, 0.2, -2.0], [0.6, 0.9, 5.0]])
    np.testing.assert_allclose(deployment.average(points, space), [0.8, 0.9, 2.0], rtol=1e-12)
    assert points.mean(axis=0)[0] == pytest.approx(2.6 / 3)  # what unfolded coordinates would give


AVERAGED: dict[str, Any] = {"run": {"generations": 4}, "deploy": {"average": 3}}


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return start(tmp_path_factory.mktemp("averaged") / "small", **AVERAGED)


@pytest.mark.parametrize(
    ("generation", "first", "of"),
    [(1, 1, [1]), (2, 1, [1, 2]), (4, 1, [2, 3, 4]), (4, 3, [3, 4])],
)
def test_point_after_a_generation_is_the_mean_of_the_last_ones_of_its_epoch(
    averaged: RunStore, generation: int, first: int, of: list[int]
) -> None:
    config = small_config(**AVERAGED)
    points = np.stack([recommended(averaged, config, g) for g in of])
    expected = points[0] if len(of) == 1 else deployment.average(points, config.space)
    point = deployment.point_after(RunFolder(config, averaged), generation, first)
    np.testing.assert_array_equal(point, expected)


def test_what_is_monitored_is_what_would_be_deployed(averaged: RunStore) -> None:
    config = small_config(**AVERAGED)
    curves = run_tables(averaged.folder)["curves"]
    for generation in (2, 4):
        point = deployment.point_after(RunFolder(config, averaged), generation, first=1)
        own = [evaluate(config, p, generation) for p in (point, recommended(averaged, config, 4))]
        written = curves.loc[curves["generation"] == generation, "return"].to_list()
        assert written == own[0]
        assert written != own[1]  # the last recommended point alone earns something else
    np.testing.assert_array_equal(deployed(RunFolder(config, averaged)), point)


def evaluate(config: RunConfig, point: FloatArray, generation: int) -> list[float]:
    pool = InlinePool(StopSignal())
    episodes = evaluate_grid(pool, held_out_jobs(config, point, generation))
    return [float(value) for value in episodes.returns[0]]


# --- finalists --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epochs", "n", "expected"),
    [
        ([0] * 10, 1, [10]),
        ([0] * 10, 3, [10, 8, 6]),
        ([0] * 10, 5, [10, 9, 8, 7, 6]),
        ([0] * 10, 9, [10, 9, 8, 7, 6]),  # there are no more in the second half
        ([0, 0, 0, 1, 1, 1, 1, 2, 2, 2], 3, [10, 7, 3]),
        ([0, 0, 0, 1, 1, 1, 1, 2, 2, 2], 4, [10, 7, 6, 3]),
        ([0, 1, 2, 3], 2, [4, 3]),
        ([0], 4, [1]),
    ],
)
def test_finalists_are_the_ends_of_epochs_then_spread_over_the_second_half(
    epochs: list[int], n: int, expected: list[int]
) -> None:
    rows = [{"generation": i + 1, "epoch": epoch} for i, epoch in enumerate(epochs)]
    assert deployment.chosen(rows, n) == expected


def test_equal_points_race_only_once(copied_run: Path) -> None:
    config = small_config(deploy={"finalists": 3, "tasks": 2})
    store = RunStore(copied_run)
    strategy = config.strategy
    state: Any = from_arrays(strategy.State, store.state(3))
    store.commit(2, {}, to_arrays(state))
    generations, points = deployment.finalists(RunFolder(config, store))
    assert generations == [3]
    np.testing.assert_array_equal(points, recommended(store, config, 3)[None, :])


# --- the winner -------------------------------------------------------------------------------


def race(returns: dict[int, list[float]], failed: dict[int, int] | None = None) -> pa.Table:
    """Episodes of finalists, by generation; of some the last so many failed."""
    rows = [
        {
            "generation": generation,
            "task": task,
            "return": value,
            "random": 0.0,
            "optimal": 1.0 + task,  # a ratio of sums is no mean of ratios
            "status": "ok"
            if task < len(values) - (failed or {}).get(generation, 0)
            else Status.RAISED.words,
        }
        for generation, values in returns.items()
        for task, value in enumerate(values)
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("returns", "failed", "expected"),
    [
        ({8: [0.9, 0.9], 10: [0.1, 1.8]}, {}, 10),  # .63 against .60, though .9 is earned twice
        ({8: [0.5, 0.5], 10: [0.5, 0.5]}, {}, 10),  # among equals the later one
        ({6: [1.0], 8: [0.1, 0.2], 10: [0.1, 0.1]}, {}, 8),  # 6 is out, whatever it earned
        ({8: [0.1, 0.1], 10: [1.0, 2.0]}, {10: 1}, 8),  # failed too often
        ({8: [1.0, 2.0], 10: [1.0, 2.0]}, {8: 2, 10: 2}, 10),  # none has a score
    ],
)
def test_winner(returns: dict[int, list[float]], failed: dict[int, int], expected: int) -> None:
    assert deployment.winner(race(returns, failed), 0.2) == expected


# --- whole runs -------------------------------------------------------------------------------

RACING: dict[str, Any] = {"run": {"generations": 4}, "deploy": {"finalists": 3, "tasks": 4}}


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return start(tmp_path_factory.mktemp("raced") / "small", **RACING)


def test_race_is_written_and_decides(raced: RunStore) -> None:
    config, episodes = small_config(**RACING), run_tables(raced.folder)["finalists"]
    assert episodes.groupby("generation").size().to_dict().keys() == {4, 3}
    assert len(episodes) == deployment.race_size(small_config(deploy={"finalists": 2, "tasks": 4}))
    table = raced.finalists(4)
    assert table is not None
    winner = deployment.winner(table, 0.2)
    np.testing.assert_array_equal(
        deployed(RunFolder(config, raced)), recommended(raced, config, winner)
    )
    assert verify(raced).problems == []


def test_tasks_of_search_monitor_race_and_transfer_are_disjoint(raced: RunStore) -> None:
    found = run_tables(raced.folder)
    tasks = [
        set(found[name]["optimal"]) for name in ("episodes", "curves", "finalists", "transfer")
    ]
    assert len(set.union(*tasks)) == sum(map(len, tasks))


def test_finished_run_never_races_again(raced: RunStore) -> None:
    run, reporter = read_run(raced), RecordingReporter()
    resume_run(raced.folder, reporter)
    settings = run.config.transfer.model_copy(update={"seed": 5})
    transfer_session.score_run(run, settings, reporter, StopSignal())
    assert reporter.grids == [("transfer to held-out tasks", 30)]  # of the second command only


def test_transfer_scores_the_winner_of_a_changed_race(raced: RunStore, tmp_path: Path) -> None:
    store = RunStore(Path(shutil.copytree(raced.folder, tmp_path / "small")))
    config = read_run(store).config
    before = run_tables(store.folder)["transfer"]
    table = store.finalists(4)
    assert table is not None
    loser = ({3, 4} - {deployment.winner(table, 0.2)}).pop()

    def loser_wins(frame: pd.DataFrame) -> pd.DataFrame:
        earned = frame["optimal"].where(frame["generation"] == loser, frame["random"])
        return frame.assign(**{"return": earned})

    change_part(store, store.part_path("finalists", 4), loser_wins)
    np.testing.assert_array_equal(
        deployed(RunFolder(config, store)), recommended(store, config, loser)
    )
    resume_run(store.folder)
    after = run_tables(store.folder)["transfer"]
    changed = after["return"] != before["return"]
    assert set(after.loc[changed, "theta"]) == {"learned"}


@pytest.mark.parametrize(
    "change",
    [lambda frame: frame.iloc[1:], lambda frame: frame.replace({"generation": {3: 2}})],
    ids=["an episode less", "another finalist"],
)
def test_verify_finds_episodes_that_no_race_gave(
    raced: RunStore, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    store = RunStore(Path(shutil.copytree(raced.folder, tmp_path / "small")))
    change_part(store, store.part_path("finalists", 4), change)
    assert any("do not follow from the race" in problem for problem in verify(store).problems)


# --- a cliff ----------------------------------------------------------------------------------


def test_the_race_takes_back_a_point_on_a_cliff(tmp_path: Path) -> None:
    """A search whose last recommended point fell off a cliff deploys an earlier one."""
    config = small_config(
        learner={"kind": "known_score_learner:Ramp", "effect": 0.3, "cliff": 0.9},
        deploy={"finalists": 4, "tasks": 8},
        transfer={"monitor_every": 0},
        run={"generations": 6},
    )
    store = RunStore.create(tmp_path / "small", {"config": config.tables()})
    a = [0.5, 0.6, 0.7, 0.8, 0.6, 0.85, 0.95]
    state: Any = config.strategy.init(config.space, None)  # type: ignore[arg-type]
    for generation, value in enumerate(a):
        arrays = {**to_arrays(state), "center": np.array([value, 0.5])}
        row = pa.table({"generation": [generation], "epoch": [0]})
        store.commit(generation, {"generations": row} if generation else {}, arrays)
    pool = InlinePool(StopSignal())
    without = small_config(learner={"kind": "known_score_learner:Ramp"})
    assert deployment.deploy(RunFolder(without, store), pool, SilentReporter())[0] == 0.95
    reporter = RecordingReporter()
    assert deployment.deploy(RunFolder(config, store), pool, reporter)[0] == 0.85
    assert reporter.grids == [
        (
            "race of the finalists",
            deployment.race_size(small_config(deploy={"finalists": 3, "tasks": 8})),
        )
    ]
