"""``run --resume``: the same command starts a run, goes on with it, and shows it once more."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.child_processes import child, wait_for
from support.command_line import cli
from support.small_run import assert_same_contents, small_toml

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


def table(output: str) -> str:
    return output[output.index("Score on") :]


def test_a_finished_run_prints_its_table_again(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ("run", str(place / "small.toml"), "--resume", "--out", str(place))
    assert cli(*again) == 0
    first = capsys.readouterr()
    assert cli(*again) == 0
    second = capsys.readouterr()
    assert first.err == second.err == ""
    assert "resumed after generation 3 of 3" in first.out
    assert table(first.out) == table(second.out)


def test_the_folder_for_runs_may_stand_in_the_environment(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPIKELOOP_RUNS", str(place))
    assert cli("run", str(place / "small.toml"), "--resume") == 0
    assert f"results: {place / 'small'}" in capsys.readouterr().out


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
def test_another_configuration_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], change: str, words: str
) -> None:
    config = ("run", str(place / "small.toml"), "--out", str(place), "--set", change)
    assert cli(*config, "--resume") == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1
    if "begun with" in words:
        assert errors.startswith(f"spikeloop: {place / 'small'}: ")
        assert "--set run.name=NAME" in errors


def test_another_target_goes_on_with_the_run(place: Path) -> None:
    for target in ("target.kind=local", "target.kind=inline"):
        config = ("run", str(place / "small.toml"), "--out", str(place), "--set", target)
        assert cli(*config, "--resume", "--inline") == 0


def test_a_killed_run_goes_on_by_the_same_command(place: Path, tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml")
    command = ["-m", "spikeloop.coordinator.cli", "run", "small.toml", "--resume", "--out", "."]
    with child(command, tmp_path) as process:
        wait_for(process, (tmp_path / "small" / "run.json").exists)
        process.send_signal(signal.SIGKILL)
    (tmp_path / ".small.0123abcd.tmp").mkdir()  # of a process that was killed still earlier
    again = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (0, "")
    assert_same_contents(tmp_path / "small", place / "small")


def test_a_folder_that_somebody_made_ready_will_do(place: Path, tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    (tmp_path / "small").mkdir()
    assert cli("run", str(config), "--out", str(tmp_path)) == 2
    assert cli("run", str(config), "--resume", "--out", str(tmp_path)) == 0
    assert_same_contents(tmp_path / "small", place / "small")


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small_toml(tmp_path / "small.toml")
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "thesis.tex").touch()
    assert cli("run", str(config), "--resume", "--out", str(tmp_path)) == 2
    assert "choose another with --out" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "small").iterdir()] == ["thesis.tex"]


def test_while_another_process_works_the_second_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunStore.open(place / "small").locked():
        assert cli("run", str(place / "small.toml"), "--resume", "--out", str(place)) == 2
    errors = capsys.readouterr().err
    assert f"process {os.getpid()} on " in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("when", ["before it is looked for", "before the rename"])
def test_whoever_loses_the_race_to_begin_goes_on(
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
        begun = run_session.begun

        def first(*arguments: object) -> RunStore | None:
            monkeypatch.setattr(run_session, "begun", begun)
            assert cli(*winner) == 0
            return None

        monkeypatch.setattr(run_session, "begun", first)
    assert cli(*winner, "--resume") == 0
    assert [path.name for path in tmp_path.glob(".small*")] == []
    assert RunStore(folder).generation() == 3


def test_a_run_that_never_began_goes_before_another_can_have_its_folder(
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


def test_a_lock_of_a_folder_that_was_removed_is_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    opened = os.open

    def slow(path: Path, *arguments: int, dir_fd: int | None = None) -> int:
        descriptor = opened(path, *arguments, dir_fd=dir_fd)
        path.unlink()
        return descriptor

    with (
        pytest.MonkeyPatch.context() as patched,
        pytest.raises(ConfigError, match="was removed by the process that wrote it"),
    ):
        patched.setattr(os, "open", slow)
        with locked(tmp_path / "run"):
            raise AssertionError("it locked what is gone")


def test_a_run_that_another_configuration_began_meanwhile_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missed(*arguments: object) -> None:
        monkeypatch.undo()

    monkeypatch.setattr(run_session, "begun", missed)
    config = small_toml(place / "other.toml", run={"seed": 8})
    assert cli("run", str(config), "--resume", "--out", str(place)) == 2
    assert "begun with run.seed = 7, not 8; " in capsys.readouterr().err
