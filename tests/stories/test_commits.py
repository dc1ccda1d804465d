"""Several generations to a commit, crashes and interrupts between and within: the same contents."""

import sys
from pathlib import Path
from typing import Any

import pytest
from support.small_run import (
    Crash,
    RecordingReporter,
    SilentReporter,
    assert_same_contents,
    crash_before_each_file,
    interrupt_run,
    resume_run,
    small_config,
    start_config,
)

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search.commits import Commits
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

pytestmark = pytest.mark.usefixtures("without_figures")
GENERATIONS = [
    pytest.param(g, marks=() if g in (1, 4) else pytest.mark.exhaustive) for g in range(1, 8)
]
"""Generations at which something happens: the first after a commit, and one between two commits."""


def together(every: int, **changes: dict[str, Any]) -> RunConfig:
    """Eight generations, ``every`` to a commit, with held-out scores after 6 and 8."""
    tables = {"run": {"generations": 8}, "transfer": {"monitor_every": 6}, **changes}
    return small_config(**{**tables, "run": {**tables["run"], "commit_every": every}})


def committed(folder: Path) -> list[int]:
    """Generations with a state, which must be those with parts."""
    store = RunStore(folder)
    states = [number for _, number in store.states()]
    for name in ("episodes", "candidates", "generations"):
        assert [number for _, number in store.parts(name)] == states[1:]
    return states


def assert_whole(folder: Path, undisturbed: Path) -> None:
    assert_same_contents(folder, undisturbed)
    assert verify(RunStore(folder)).problems == []


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same eight generations with a commit after each."""
    return start_config(together(1), tmp_path_factory.mktemp("one_by_one") / "small")


@pytest.mark.parametrize(("every", "states"), [(3, [0, 3, 6, 8]), (100, [0, 6, 8])])
def test_generations_committed_together_are_the_same(
    one_by_one: Path, tmp_path: Path, every: int, states: list[int]
) -> None:
    reporter = RecordingReporter()
    folder = start_config(together(every), tmp_path / "small", reporter)
    reported = [report.generation for report in reporter.reports]
    assert committed(folder) == [0, *reported] == states
    assert_whole(folder, one_by_one)


@pytest.mark.parametrize("every", [1, pytest.param(3, marks=pytest.mark.exhaustive), 100])
def test_resume_after_a_crash_at_each_file_gives_identical_tables(
    one_by_one: Path, tmp_path: Path, every: int
) -> None:
    folder = tmp_path / "small"
    survived = crash_before_each_file(folder, lambda: start_config(together(every), folder))
    assert len(survived) >= 12
    assert_whole(folder, one_by_one)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_resume_after_a_crash_between_commits_gives_identical_tables(
    one_by_one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generation: int
) -> None:
    """The process is gone while the workers are busy, and writes nothing on its way out."""
    write = Commits.write

    def write_unless_crashed(self: Commits) -> None:
        if not isinstance(sys.exception(), Crash):
            write(self)

    class Dying(SilentReporter):
        def started(self, what: str, n_episodes: int) -> None:
            if what.startswith(f"generation {generation + 1}/"):
                raise Crash

    folder = tmp_path / "small"
    with monkeypatch.context() as patched:
        patched.setattr(Commits, "write", write_unless_crashed)
        with pytest.raises(Crash):
            start_config(together(3), folder, Dying())
    # The generation before was told, but its commit waits until the workers are busy.
    assert committed(folder) == [g for g in (0, 3, 6) if g < generation]
    assert verify(RunStore(folder)).problems == []
    resume_run(folder)
    assert committed(folder) == [0, 3, 6, 8]
    assert_same_contents(folder, one_by_one)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_interrupt_commits_what_is_finished(
    one_by_one: Path, tmp_path: Path, generation: int
) -> None:
    folder = tmp_path / "small"
    interrupt_run(folder, f"generation {generation + 1}/", together(3))
    assert committed(folder)[-1] == generation
    assert verify(RunStore(folder)).problems == []
    resume_run(folder)
    assert committed(folder) == sorted({0, 3, 6, 8, generation})
    assert_whole(folder, one_by_one)


def test_stopping_rule_commits_what_is_finished(tmp_path: Path) -> None:
    changes = {"stop": {"episodes": 5 * 24}, "transfer": {"monitor_every": 0}}
    folder = start_config(together(3, **changes), tmp_path / "small")
    assert committed(folder) == [0, 3, 5]
    assert_whole(folder, start_config(together(1, **changes), tmp_path / "other" / "small"))


@pytest.mark.parametrize(("after", "left"), [(-1, -1), (4, 3), (7, 6)])
def test_going_back_between_two_commits_goes_to_the_earlier_one(
    one_by_one: Path, tmp_path: Path, after: int, left: int
) -> None:
    folder, reporter = start_config(together(3), tmp_path / "small"), RecordingReporter()
    resume_run(folder, reporter, after=after)
    assert f"from generation 8 to {left};" in reporter.notes[0]
    assert_same_contents(folder, one_by_one)
