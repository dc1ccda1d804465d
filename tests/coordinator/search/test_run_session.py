"""``run --resume`` starts a run, continues it, and shows a finished one again."""

import fcntl
import os
from pathlib import Path

import pytest
from support.command_line import cli, printed, refused
from support.small_run import assert_same_contents, interrupt_run, small_toml

from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.store.lock import locked
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and its finished run."""
    folder = tmp_path_factory.mktemp("again")
    config = small_toml(folder / "small.toml")
    assert cli("run", str(config), "--resume", "--out", str(folder)) == 0
    return folder


def test_the_folder_for_runs_may_stand_in_the_environment(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIKELOOP_RUNS", str(place))
    assert f"results: {place / 'small'}" in printed("run", str(place / "small.toml"), "--resume")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("run.seed=8", "begun with run.seed = 7, not 8; "),
        ("strategy.kind=cross_entropy", 'strategy.kind = "evolution", not "cross_entropy"; '),
        ("strategy.sigma=0.3", "begun with strategy.sigma = "),
        ("learner.kind=nowhere:Nobody", "cannot import 'nowhere'"),
        ("stop.patience=3", "begun with stop.patience = 0, not 3; "),
    ],
)
def test_another_configuration_is_refused(place: Path, change: str, words: str) -> None:
    config = ("run", str(place / "small.toml"), "--out", str(place), "--set", change)
    errors = refused(*config, "--resume")
    assert words in errors
    if "begun with" in words:
        assert errors.startswith(f"spikeloop: {place / 'small'}: ")
        assert "--set run.name=NAME" in errors


def test_a_run_is_continued_on_another_target(place: Path) -> None:
    for target in ("target.kind=local", "target.kind=inline"):
        config = ("run", str(place / "small.toml"), "--out", str(place), "--set", target)
        assert cli(*config, "--resume", "--inline") == 0


def test_an_interrupted_run_goes_on_by_the_same_command(place: Path, tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    interrupt_run(tmp_path / "small", "generation 2", load(config))
    (tmp_path / ".small.0123abcd.tmp").mkdir()  # of a process that was killed still earlier
    assert cli("run", str(config), "--resume", "--out", str(tmp_path)) == 0
    assert_same_contents(tmp_path / "small", place / "small")


def test_an_empty_folder_is_accepted_with_resume(place: Path, tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    (tmp_path / "small").mkdir()
    assert cli("run", str(config), "--out", str(tmp_path)) == 2
    assert cli("run", str(config), "--resume", "--out", str(tmp_path)) == 0
    assert_same_contents(tmp_path / "small", place / "small")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "thesis.tex").touch()
    error = refused("run", config, "--resume", "--out", tmp_path)
    assert "choose another with --out" in error
    assert [path.name for path in (tmp_path / "small").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("when", ["before it is looked for", "before the rename"])
def test_of_two_processes_that_begin_a_run_the_slower_one_resumes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Another process makes the same run's folder while this one is about to."""
    config = str(small_toml(tmp_path / "small.toml"))
    folder, rename = tmp_path / "small", Path.rename
    winner = ("run", config, "--out", str(tmp_path))

    def slow(path: Path, target: Path) -> Path:
        if target == folder:
            monkeypatch.setattr(Path, "rename", rename)
            assert cli(*winner) == 0
        return rename(path, target)

    if when == "before the rename":
        monkeypatch.setattr(Path, "rename", slow)
    else:
        begun = run_session.existing_run

        def first(*arguments: object) -> RunStore | None:
            monkeypatch.setattr(run_session, "existing_run", begun)
            assert cli(*winner) == 0
            return None

        monkeypatch.setattr(run_session, "existing_run", first)
    assert cli(*winner, "--resume") == 0
    assert [path.name for path in tmp_path.glob(".small*")] == []
    assert RunStore(folder).generation() == 3


def test_a_run_that_never_began_is_removed_while_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, tried = small_toml(tmp_path / "small.toml"), []
    discard = RunStore.discard

    def late(store: RunStore) -> None:
        second = os.open(store.folder / ".lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(second)
        tried.append(store.folder)
        discard(store)

    monkeypatch.setattr(RunStore, "discard", late)
    nowhere = ("--address", "127.0.0.1:1")  # no cluster
    assert cli("run", str(config), "--out", str(tmp_path), *nowhere) == 3
    assert tried == [tmp_path / "small"]
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


def test_a_lock_of_a_removed_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    opened = os.open

    def slow(path: str, *arguments: int, dir_fd: int | None = None) -> int:
        descriptor = opened(path, *arguments, dir_fd=dir_fd)
        os.unlink(path)
        return descriptor

    with (
        pytest.MonkeyPatch.context() as patched,
        pytest.raises(ConfigError, match="was removed by the process that wrote it"),
    ):
        patched.setattr(os, "open", slow)
        with locked(tmp_path / "run"):
            raise AssertionError("it locked what is gone")


def test_a_run_that_another_configuration_began_meanwhile_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missed(*arguments: object) -> None:
        monkeypatch.undo()

    monkeypatch.setattr(run_session, "existing_run", missed)
    config = small_toml(place / "other.toml", run={"seed": 8})
    error = refused("run", config, "--resume", "--out", place)
    assert "begun with run.seed = 7, not 8; " in error
