"""``sl.run``: the numbers of the command line, again and again, and nothing changed around it."""

import gc
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from failing_learner import Echo
from support.command_line import cli
from support.folders import folder_contents
from support.small_run import TABLES, assert_same_contents, small_toml

import spikeloop as sl
from spikeloop.coordinator.search import loop, run_session
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")

OBJECTS: dict[str, Any] = {
    "family": sl.RandomMdp(n_states=3, n_actions=2, n_steps=60),
    "learner": sl.TabularTd(),
    "strategy": sl.Evolution(population_size=6),
    **TABLES["run"],
    "transfer": TABLES["transfer"],
}


def run_small(folder: Path, **changes: Any) -> sl.Run:
    return sl.run(**{**OBJECTS, "inline": True, "progress": False, "out": folder, **changes})


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small run, made by the command line."""
    folder = tmp_path_factory.mktemp("command")
    assert cli("run", small_toml(folder / "small.toml"), "--out", folder) == 0
    return folder / "small"


@pytest.mark.parametrize("given", ["file", "dictionary", "objects"])
def test_a_run_is_that_of_the_command_line_bit_for_bit(
    given: str, by_command: Path, tmp_path: Path
) -> None:
    if given == "objects":
        run = run_small(tmp_path / "small")
    else:
        path = small_toml(tmp_path / "small.toml")
        run = sl.run(path if given == "file" else TABLES, out=tmp_path / "small", progress=False)
    assert isinstance(run, sl.Run)
    assert run.folder == tmp_path / "small"
    assert_same_contents(run.folder, by_command)
    manifests = [RunStore(folder).manifest() for folder in (run.folder, by_command)]
    assert manifests[0]["config"] == manifests[1]["config"]
    assert manifests[0]["fingerprint"] == manifests[1]["fingerprint"]


def test_the_same_call_gives_the_finished_run_and_another_one_is_refused(tmp_path: Path) -> None:
    folder = run_small(tmp_path / "small").folder
    before = folder_contents(folder)
    assert run_small(folder).folder == folder
    assert folder_contents(folder) == before
    with pytest.raises(sl.ConfigError, match=r"begun with run.seed = 7, not 8; .*out="):
        run_small(folder, seed=8)
    assert folder_contents(folder) == before


def test_without_a_folder_equal_settings_find_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = run_small(None, name="").folder  # type: ignore[arg-type]
    assert folder.parent == tmp_path / "runs"
    assert run_small(None, name="").folder == folder  # type: ignore[arg-type]
    monkeypatch.setenv("SPIKELOOP_RUNS", str(tmp_path / "elsewhere"))
    assert run_small(None).folder == tmp_path / "elsewhere" / "small"  # type: ignore[arg-type]


def signal_at(grid: str, number: signal.Signals) -> Any:
    """Send this process a signal when a grid of this name begins, once."""
    sent: list[int] = []

    def search(run: Any, pool: Any, reporter: Any) -> None:
        begun = reporter.started

        def started_(what: str, n_episodes: int) -> None:
            begun(what, n_episodes)
            if what.startswith(grid) and not sent:
                sent.append(number)
                os.kill(os.getpid(), number)

        reporter.started = started_
        loop.search(run, pool, reporter)

    return search


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_run_that_the_same_call_finishes(
    number: signal.Signals, by_command: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    folder = tmp_path / "small"
    with monkeypatch.context() as patched:
        patched.setattr(run_session, "search", signal_at("generation 2", number))
        with pytest.raises(sl.Interrupted) as error:
            run_small(folder)
    assert str(error.value) == (
        "interrupted after generation 1, everything committed; "
        f"go on with the same call, sl.run with out={str(folder)!r}"
    )
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert RunStore(folder).generation() == 1
    assert_same_contents(run_small(folder).folder, by_command)


def test_a_signal_after_the_last_commit_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spikeloop.coordinator.api import sessions

    monkeypatch.setattr(sessions, "write_run_figures", lambda run: os.kill(os.getpid(), 2))
    with pytest.raises(sl.Interrupted):
        run_small(tmp_path / "small")
    assert RunStore(tmp_path / "small").generation() == 3


def surroundings() -> dict[str, Any]:
    """What a run could change in the process of its caller."""
    import matplotlib

    return {
        "environment": dict(os.environ),
        "path": list(sys.path),
        "folder": Path.cwd(),
        "handlers": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook),
        "streams": (sys.stdout, sys.stderr),
        "filters": list(warnings.filters),
        "collector": (gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()),
        "figures": (dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules),
        "threads": {t.name for t in threading.enumerate() if not t.daemon},
    }


def test_a_run_changes_nothing_around_it(tmp_path: Path) -> None:
    run_small(tmp_path / "first", learner=Echo())  # so that everything is imported
    before = surroundings()
    run_small(tmp_path / "second", learner=Echo())
    assert surroundings() == before


def test_a_run_goes_on_in_another_thread(by_command: Path, tmp_path: Path) -> None:
    folders: list[Path] = []
    thread = threading.Thread(target=lambda: folders.append(run_small(tmp_path / "a").folder))
    thread.start()
    thread.join()
    assert_same_contents(folders[0], by_command)


def test_without_progress_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_small(tmp_path / "small")
    assert capfd.readouterr() == ("", "")


def test_a_failed_run_shows_the_traceback_of_the_learner_and_none_of_its_own(
    tmp_path: Path,
) -> None:
    learner = Echo(fault="raise", broken_from=0.0)
    with pytest.raises(sl.RunFailed, match="24 of 24 episodes failed") as error:
        run_small(tmp_path / "small", learner=learner)
    assert "in _break" in error.value.__notes__[0]
    frames = error.traceback
    assert [frame.name for frame in frames][-1] == "call"
