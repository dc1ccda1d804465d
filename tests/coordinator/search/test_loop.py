"""Whole searches give the same bits whatever happens on the way."""

import sys
from pathlib import Path
from typing import Any

import pytest
from support.paths import OWN_CLASSES
from support.small_run import (
    Crash,
    RecordingReporter,
    SilentReporter,
    assert_same_contents,
    crash_before_each_file,
    interrupt_run,
    resume_run,
    run_tables,
    small_config,
    small_tables,
    start_run,
)

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search import racing, run_session
from spikeloop.coordinator.search.commits import Commits
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.workers.job import Grid

pytestmark = pytest.mark.usefixtures("without_figures")


def start(config: RunConfig, folder: Path, reporter: Any = None) -> Path:
    run_session.start(config, folder, reporter or SilentReporter(), StopSignal())
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_run(tmp_path_factory.mktemp("undisturbed") / "small")


def test_run_leaves_every_table_and_verifies(undisturbed: Path) -> None:
    tables = run_tables(undisturbed)
    assert {name: len(table) for name, table in tables.items()} == {
        "generations": 3,
        "candidates": 18,
        "episodes": 72,
        "curves": 12,  # before the search, after generations 2 and 3
        "transfer": 30,
    }
    assert verify(RunStore(undisturbed)).problems == []


def test_tables_depend_on_the_seed_alone_and_not_on_tiles(
    undisturbed: Path, tmp_path: Path
) -> None:
    tiles = {"tile_candidates": 5, "tile_tasks": 3}
    assert_same_contents(start_run(tmp_path / "tiles", run=tiles), undisturbed)
    other = start_run(tmp_path / "other", run={"seed": 8})
    with pytest.raises(AssertionError):
        assert_same_contents(other, undisturbed)


def test_held_out_tasks_are_never_those_of_the_search(undisturbed: Path) -> None:
    tables = run_tables(undisturbed)
    searched = set(tables["episodes"]["optimal"])
    assert searched.isdisjoint(tables["transfer"]["optimal"])
    assert searched.isdisjoint(tables["curves"]["optimal"])
    assert set(tables["curves"]["optimal"]).isdisjoint(tables["transfer"]["optimal"])


def test_too_many_failures_end_the_run_with_one_traceback(tmp_path: Path) -> None:
    learner = {"kind": "failing_learner:Echo", "fault": "raise", "broken_from": 0.0}
    with pytest.raises(RunFailed, match=r"24 of 24 .* \(24 raised\)") as error:
        start_run(tmp_path / "small", learner=learner)
    assert "Traceback" in error.value.traceback


# --- several generations to a commit ----------------------------------------------------------

TOGETHER: dict[str, Any] = {"run": {"generations": 8}, "transfer": {"monitor_every": 6}}


def together(every: int, **changes: dict[str, Any]) -> RunConfig:
    """Eight generations, held-out scores after 6 and 8, and so many generations to a commit."""
    whole = {**TOGETHER, **changes}
    return small_config(**{**whole, "run": {**whole["run"], "commit_every": every}})


def committed(folder: Path) -> list[int]:
    """Generations with a state, which must be those with parts."""
    store = RunStore(folder)
    states = [number for _, number in store.states()]
    for name in ("episodes", "candidates", "generations"):
        assert [number for _, number in store.parts(name)] == states[1:]
    return states


def assert_sound_and_same(folder: Path, other: Path) -> None:
    assert verify(RunStore(folder)).problems == []
    assert_same_contents(folder, other)


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(together(1), tmp_path_factory.mktemp("one_by_one") / "small")


@pytest.mark.parametrize(("every", "states"), [(3, [0, 3, 6, 8]), (100, [0, 6, 8])])
def test_generations_written_together_are_the_same(
    one_by_one: Path, tmp_path: Path, every: int, states: list[int]
) -> None:
    reporter = RecordingReporter()
    folder = start(together(every), tmp_path / "small", reporter)
    assert committed(folder) == [0, *(r.generation for r in reporter.reports)] == states
    assert_sound_and_same(folder, one_by_one)
    resume_run(folder)
    assert_same_contents(folder, one_by_one)


@pytest.mark.parametrize("every", [3, pytest.param(100, marks=pytest.mark.exhaustive)])
def test_resume_after_a_crash_before_each_file_gives_identical_tables(
    one_by_one: Path, tmp_path: Path, every: int
) -> None:
    folder = tmp_path / "small"
    survived = crash_before_each_file(folder, lambda: start(together(every), folder))
    assert len(survived) >= 12
    assert_sound_and_same(folder, one_by_one)


some_generations = pytest.mark.parametrize(
    "generation",
    [*(3, 6), *(pytest.param(g, marks=pytest.mark.exhaustive) for g in (1, 2, 4, 5, 7))],
)


@some_generations
def test_resume_after_a_crash_between_commits_gives_identical_tables(
    one_by_one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generation: int
) -> None:
    """The process ends while episodes of the next generation run; nothing is written then."""

    class Dying(SilentReporter):
        def started(self, what: str, n_episodes: int) -> None:
            if what.startswith(f"generation {generation + 1}/"):
                raise Crash

    def write_if_alive(commits: Commits) -> None:
        if not isinstance(sys.exception(), Crash):
            write(commits)

    write = Commits.write
    with monkeypatch.context() as patched:
        patched.setattr(Commits, "write", write_if_alive)
        with pytest.raises(Crash):
            start(together(3), tmp_path / "small", Dying())
    # A commit waits until the workers are busy with the next generation.
    assert committed(tmp_path / "small") == [g for g in (0, 3, 6) if g < generation]
    assert verify(RunStore(tmp_path / "small")).problems == []
    resume_run(tmp_path / "small")
    assert committed(tmp_path / "small") == [0, 3, 6, 8]
    assert_same_contents(tmp_path / "small", one_by_one)


@some_generations
def test_an_interrupt_writes_what_waits_and_resume_gives_identical_tables(
    one_by_one: Path, tmp_path: Path, generation: int
) -> None:
    interrupt_run(tmp_path / "small", f"generation {generation + 1}/", together(3))
    assert committed(tmp_path / "small")[-1] == generation
    assert verify(RunStore(tmp_path / "small")).problems == []
    resume_run(tmp_path / "small")
    assert committed(tmp_path / "small") == sorted({0, 3, 6, 8, generation})
    assert_sound_and_same(tmp_path / "small", one_by_one)


def test_a_rule_that_ends_a_search_writes_what_waits(tmp_path: Path) -> None:
    changes = {"stop": {"episodes": 5 * 24}, "transfer": {"monitor_every": 0}}
    folder = start(together(3, **changes), tmp_path / "small")
    assert committed(folder) == [0, 3, 5]
    assert_sound_and_same(folder, start(together(1, **changes), tmp_path / "other" / "small"))


@pytest.mark.parametrize("after", [-1, 4])
def test_going_back_between_two_commits_goes_to_the_earlier_one(
    one_by_one: Path, tmp_path: Path, after: int
) -> None:
    folder, reporter = start(together(3), tmp_path / "small"), RecordingReporter()
    resume_run(folder, reporter, after)
    left = max(g for g in (-1, 0, 3, 6) if g <= after)
    assert reporter.notes[0].startswith(f"went back from generation 8 to {left};")
    assert_same_contents(folder, one_by_one)


# --- gradients and stages ---------------------------------------------------------------------


def ascending(every: int) -> RunConfig:
    """A search by gradients, on easier tasks first."""
    curriculum = [{"until": 0.5, "family": {"n_steps": 10}}]
    run = {"generations": 8, "commit_every": every, "curriculum": curriculum, "tile_tasks": 3}
    tables = small_tables(run=run, transfer={"monitor_every": 6})
    tables |= {
        "strategy": {"kind": "gradient_learner:Ascent"},
        "learner": {"kind": "gradient_learner:Slope"},
    }
    return parse(tables, "small.toml", OWN_CLASSES)


def test_a_search_by_gradients_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    undisturbed = start(ascending(1), tmp_path / "undisturbed" / "small")
    interrupt_run(tmp_path / "small", "generation 5/", ascending(3))
    resume_run(tmp_path / "small")
    assert_sound_and_same(tmp_path / "small", undisturbed)
    assert verify(RunStore(undisturbed)).problems == []
    scores = [row["held_out_score"] for row in RunStore(undisturbed).rows()]
    assert scores[7] > scores[5]


def test_progress_and_family_of_each_generation_reach_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, tuple[int, float, bool]] = {}
    race = racing.race

    def seeing(pool: Any, grid: Grid, *arguments: Any) -> Any:
        seen[grid.index] = (grid.family.interface.n_steps, grid.progress, grid.gradient)
        return race(pool, grid, *arguments)

    monkeypatch.setattr(racing, "race", seeing)
    folder = start(ascending(1), tmp_path / "small")
    assert seen == {g: (10 if g < 5 else 60, (g - 1) / 8, True) for g in range(1, 9)}
    tables = run_tables(folder)
    optimal = tables["episodes"].groupby("generation")["optimal"].max()
    assert optimal[optimal.index < 5].max() <= 10 < tables["curves"]["optimal"].min()
