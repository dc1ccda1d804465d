"""Races of candidates: schedule, elimination, corrected fitness, and whole runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from failing_learner import Echo
from hypothesis import given
from hypothesis import strategies as st
from known_score_learner import Ramp
from support.small_run import assert_same_contents, run_tables, small_config, start_run

from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.inline import InlinePool
from spikeloop.coordinator.config.racing_schedule import (
    generation_edges,
    halving_edges,
    n_episodes,
    n_halvings,
)
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search import racing
from spikeloop.coordinator.search.evaluation import GridEpisodes
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.verification import replay
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.job import Grid
from spikeloop.workers.seeding import TaskSet

pytestmark = pytest.mark.usefixtures("without_figures")

SHARE = 0.2
NAN = float("nan")


def run_episodes(
    learner: Any, values: Sequence[float], edges: list[int], tile: tuple[int, int] = (2, 3)
) -> tuple[GridEpisodes, list[int]]:
    """A race of candidates with these parameters a, and how many episodes each outcome brought."""
    points = np.column_stack([values, np.full(len(values), 0.5)])
    grid = Grid(
        RandomMdp(n_states=3, n_actions=2, n_steps=20),
        learner,
        Explicit(points),
        n_tasks=edges[-1],
        run_seed=1,
        task_set=TaskSet.RACE,
        index=0,
    )
    brought: list[int] = []
    pool = InlinePool(StopSignal())
    return racing.race(pool, grid, edges, tile, SHARE, "race,", brought.append), brought


# --- the schedule -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_tasks", "share", "edges"),
    [(20, 1.0, [20]), (20, 0.5, [10, 20]), (10, 0.7, [7, 10]), (4, 0.01, [1, 4]), (1, 0.5, [1])],
)
def test_rounds_of_a_generation(n_tasks: int, share: float, edges: list[int]) -> None:
    assert generation_edges(n_tasks, share) == edges


@pytest.mark.parametrize(
    ("n", "tasks", "edges", "episodes"),
    [
        (2, 40, [40], 80),
        (4, 40, [20, 60], 4 * 20 + 2 * 40),
        (8, 30, [10, 30, 70], 8 * 10 + 4 * 20 + 2 * 40),
        (5, 3, [1, 2, 4], 5 + 3 + 2 * 2),  # 15 episodes, 5 a round, rounded down
        (3, 2, [1, 2], 3 + 2),
    ],
)
def test_rounds_of_sequential_halving(n: int, tasks: int, edges: list[int], episodes: int) -> None:
    assert halving_edges(n, tasks) == edges
    assert n_episodes(n, edges) == episodes


@given(st.integers(2, 70), st.integers(0, 60))
def test_halving_keeps_its_budget_and_every_round_has_a_task(n: int, more: int) -> None:
    tasks = n_halvings(n) + more
    edges = halving_edges(n, tasks)
    assert n * tasks * 0.5 < n_episodes(n, edges) <= n * tasks
    assert (np.diff([0, *edges]) >= 1).all()


def test_better_half_keeps_the_larger_half_and_the_earlier_of_equals() -> None:
    fitness = np.array([0.1, np.nan, 0.5, 0.5, 0.9])
    better = racing.better_half(fitness, np.ones(5, dtype=bool))
    assert better.tolist() == [False, False, True, True, True]
    alive = np.array([True, True, True, True, False])
    assert racing.better_half(fitness, alive).tolist() == [False, False, True, True, False]
    assert racing.better_half(np.full(2, np.nan), alive[:2]).tolist() == [True, False]


# --- the race ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [(1, 1), (2, 3), (9, 9)])
def test_the_worse_half_leaves_after_each_round(tile: tuple[int, int]) -> None:
    values = [0.3, 0.9, 0.1, 0.8, 0.5, 0.2]  # 6, then .9 .8 .5, then .9 .8
    episodes, brought = run_episodes(Ramp(effect=0.5), values, [2, 4, 7], tile)
    assert episodes.evaluated.sum(axis=1).tolist() == [2, 7, 2, 7, 4, 2]
    assert episodes.evaluated[:, :2].all()
    assert sum(brought) == episodes.n_evaluated == n_episodes(6, [2, 4, 7])
    assert episodes.n_failed == 0


def test_a_candidate_that_fails_too_often_counts_as_worst() -> None:
    echo = Echo(fault="raise", broken_from=0.9)
    episodes, _ = run_episodes(echo, [0.95, 0.1, 0.91, 0.2], [2, 4])
    assert episodes.evaluated.sum(axis=1).tolist() == [2, 4, 2, 4]
    assert episodes.n_failed == 4
    fitness = racing.fitness(episodes, 2, SHARE)
    assert np.isnan(fitness).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("first", "full", "n_survivors", "expected"),
    [
        # A survivor that then fails has no fitness and no say in the effect of further tasks.
        ([0.5, 0.6, 0.1, NAN], [0.7, NAN, 0.1, NAN], 2, [0.7, NAN, 0.3, NAN]),
        # If all of them fail, the others keep their first scores.
        ([0.5, 0.2, 0.1], [NAN, NAN, 0.1], 2, [NAN, NAN, 0.1]),
        # Harder tasks: as it stands, the eliminated third would rank first, above all survivors.
        ([0.6, 0.7, 0.5, 0.4], [0.3, 0.4, 0.5, 0.4], 2, [0.3, 0.4, 0.2, 0.1]),
    ],
)
def test_corrected_fitness_by_hand(
    first: list[float], full: list[float], n_survivors: int, expected: list[float]
) -> None:
    survived = np.arange(len(first)) < n_survivors
    again = racing.corrected(np.array(first), np.array(full), survived)
    np.testing.assert_allclose(again, expected, rtol=1e-12)


def test_common_effects_of_tasks_are_corrected_exactly() -> None:
    values = [0.3, 0.9, 0.1, 0.8, 0.5, 0.2]
    raced, _ = run_episodes(Ramp(effect=0.5), values, [2, 9])
    whole, _ = run_episodes(Ramp(effect=0.5), values, [9])
    expected = racing.fitness(whole, 9, SHARE)
    np.testing.assert_allclose(racing.fitness(raced, 2, SHARE), expected, rtol=1e-12)
    # Not corrected, the eliminated would stand where their tasks put them.
    assert np.abs(raced.fitness(SHARE) - expected).max() > 0.05


scores = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12)


@given(scores)
def test_no_eliminated_candidate_exceeds_the_survivors_mean(
    pairs: list[tuple[float, float]],
) -> None:
    first, full = np.array(pairs).T
    survived = racing.better_half(first, np.ones(first.size, dtype=bool))
    fitness = racing.corrected(first, full, survived)
    np.testing.assert_array_equal(fitness[survived], full[survived])
    out = np.where(survived, -np.inf, fitness)
    assert out.max() <= full[survived].mean() + 1e-12
    lifted = (fitness - first)[~survived]
    assert np.ptp(lifted) <= 1e-12  # differences among them stay


# --- whole runs -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_run(tmp_path_factory.mktemp("raced") / "small", run={"racing": 0.5})


def test_run_counts_the_episodes_that_were_run(raced: Path) -> None:
    tables = run_tables(raced)
    assert len(tables["episodes"]) == 3 * (6 * 2 + 3 * 2)
    assert tables["generations"]["n_episodes"].tolist() == [18, 18, 18]
    assert tables["generations"]["total_episodes"].tolist() == [18, 36, 54]
    assert sorted(tables["candidates"]["n_episodes"]) == [2] * 9 + [4] * 9
    assert tables["candidates"]["fitness"].notna().all()
    assert (tables["generations"]["failed_raised"] == 0).all()
    best = tables["candidates"].groupby("generation")["fitness"].idxmax()
    assert (tables["candidates"]["n_episodes"][best] == 4).all()
    assert verify(RunStore(raced)).problems == []


def test_verify_finds_that_a_worse_candidate_survived(raced: Path) -> None:
    episodes, run = run_tables(raced)["episodes"], small_config(run={"racing": 0.5}).run
    episodes = episodes[episodes["generation"] == 1]
    again, fair = replay.recomputed_fitness(episodes, run, 6)
    np.testing.assert_allclose(again, run_tables(raced)["candidates"]["fitness"][:6], rtol=1e-12)
    assert fair
    later = episodes["task"] >= 2
    survivor = episodes.loc[later, "candidate"].min()
    eliminated = next(c for c in range(6) if c not in set(episodes.loc[later, "candidate"]))
    exchanged = episodes["candidate"].where(
        ~later | (episodes["candidate"] != survivor), eliminated
    )
    _, fair = replay.recomputed_fitness(episodes.assign(candidate=exchanged), run, 6)
    assert not fair


def test_a_race_in_which_too_many_episodes_fail_ends_the_run(tmp_path: Path) -> None:
    """All six candidates fail on their first two tasks, the better half of them on the others."""
    learner = {"kind": "failing_learner:Echo", "fault": "raise", "broken_from": 0.0}
    words = r"generation 1: 18 of 18 episodes failed \(18 raised\).*\(candidate 0, task 0\)"
    with pytest.raises(RunFailed, match=words):
        start_run(tmp_path / "small", run={"racing": 0.5}, learner=learner)
    assert RunStore(tmp_path / "small").generation() == 0  # it can be resumed


def test_a_race_goes_on_without_candidates_that_fail(tmp_path: Path) -> None:
    learner = {"kind": "failing_learner:Echo", "fault": "raise", "broken_from": 0.65}
    run = {"racing": 0.5, "max_failed_share": 0.5}
    tables = run_tables(start_run(tmp_path / "small", run=run, learner=learner))
    failed = tables["candidates"]["n_failed"] > 0
    assert failed.any()
    assert (tables["candidates"]["n_episodes"][failed] == 2).all()
    assert (tables["generations"]["n_failed"] == tables["generations"]["failed_raised"]).all()


def test_all_tasks_for_all_is_no_race(finished_run: Path, tmp_path: Path) -> None:
    rounded = start_run(tmp_path / "rounded", run={"racing": 0.9})  # 3.6 of 4 tasks
    assert_same_contents(rounded, finished_run)
