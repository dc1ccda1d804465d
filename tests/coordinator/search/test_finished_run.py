"""A finished run ends once more as it did, from its files; no episode is run again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tomli_w
from support.command_line import cli, printed
from support.small_run import (
    SilentReporter,
    assert_same_contents,
    change_part,
    resume_run,
    small_tables,
)

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.search import finished_run, run_session, transfer_session
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store.commit_order import ONCE, PARTS
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.job import Status

pytestmark = pytest.mark.usefixtures("without_figures")

Change = Callable[[RunStore, Path], None]
NO_CLUSTER = ("--address", "127.0.0.1:1")
"""Options of a target that has no workers."""

CHANGES: dict[str, Any] = {
    "run": {"generations": 9, "max_failed_share": 1.0},
    "learner": {"kind": "failing_learner:Echo", "fault": "raise", "broken_from": 0.7},
    "transfer": {"random_tasks": 3, "random_points": 8},
    "deploy": {"finalists": 3, "tasks": 4},
    "stop": {"episodes": 72},
}
"""A race, failed episodes, baselines, and a rule that ends the search after generation 3."""


def table(output: str) -> str:
    return output[output.index("Score on") :]


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """A run's files, figures apart, each with the time of its writing."""
    found = [folder / "run.json"]
    found += [path for name in ("state", *PARTS, *ONCE) for path in (folder / name).iterdir()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = {**small_tables(**CHANGES), "family": {"kind": "family_with_baselines:HasBaselines"}}
    path = tmp_path_factory.mktemp("finished") / "small.toml"
    path.write_text(tomli_w.dumps(tables))
    return path


@pytest.fixture(scope="module")
def run(config: Path) -> Path:
    """The folder of the finished run."""
    run_session.start(load(config), config.parent / "small", SilentReporter(), StopSignal())
    return config.parent / "small"


@pytest.mark.parametrize("command", ["run", "resume"])
def test_a_finished_run_prints_the_same_end_without_workers(
    config: Path, tmp_path: Path, command: str
) -> None:
    first = printed("run", config, "--out", tmp_path)
    folder = tmp_path / "small"
    for figure in (folder / "figures").iterdir():
        figure.unlink()  # as after a kill between the transfer and its figures
    before = files(folder)
    again = ["run", str(config), "--resume", "--out", str(tmp_path)]
    again = again if command == "run" else ["resume", str(folder), "--trust"]
    second = printed(*again, *NO_CLUSTER)
    assert table(second) == table(first)
    for line in ("ended after generation 3", "deployed: the point after", "<optimum>", "half"):
        assert line in first
        assert line in second
    assert files(folder) == before
    assert [path.name for path in sorted((folder / "figures").iterdir())] == [
        "learning.png",
        "search.png",
    ]
    # Without the transfer the same command needs the cluster.
    next((folder / "transfer").iterdir()).unlink()
    assert cli(*again, *NO_CLUSTER) == 3


def test_the_transfer_read_from_files_is_the_one_that_was_run(config: Path, tmp_path: Path) -> None:
    settings = load(config)
    first = run_session.start(settings, tmp_path / "small", SilentReporter(), StopSignal())
    read = finished_run.read_transfer(RunFolder(settings, RunStore(tmp_path / "small")))
    assert read is not None
    assert json.dumps(read.as_json()) == json.dumps(first.as_json())
    pd.testing.assert_frame_equal(read.episodes, first.episodes, check_exact=True)
    assert 0 < (first.episodes["status"] != "ok").sum() < len(first.episodes)
    assert first.baselines


def test_the_manifest_names_what_scores_0_and_1(run: Path) -> None:
    store = RunStore(run)
    words = ends(read_run(store).config.family.interface)
    assert tuple(store.manifest()["scale"]) == words == ("random policy", "optimal policy")


def rewritten(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """Return a change of the transfer's rows."""
    return lambda store, path: change_part(store, path, change)


def without_race(store: RunStore, path: Path) -> None:
    next((store.folder / "finalists").iterdir()).unlink()


def without_names_of_points(store: RunStore, path: Path) -> None:
    store.write_part(path, store.read_part(path).replace_schema_metadata(None))


def without_learned_episode(rows: pd.DataFrame) -> pd.DataFrame:
    timed_out = rows["status"].mask(rows["theta"] == "learned", Status.TIMED_OUT.words)
    return rows.assign(status=timed_out)


CHANGED: dict[str, Change] = {
    "no transfer": lambda store, path: path.unlink(),
    "no race": without_race,
    "a part of it": rewritten(lambda rows: rows.iloc[1:]),
    "another order": rewritten(lambda rows: rows.iloc[::-1]),
    "unnamed points": without_names_of_points,
    "other tasks": rewritten(lambda rows: rows.assign(optimal=2 * rows["optimal"])),
    "no learned episode": rewritten(without_learned_episode),
}


@pytest.mark.parametrize("how", CHANGED)
def test_what_is_missing_or_does_not_fit_is_run_again(run: Path, tmp_path: Path, how: str) -> None:
    shutil.copytree(run, tmp_path / "small")
    store = RunStore(tmp_path / "small")
    change_part(store, store.part_path("transfer", 0), lambda rows: rows)
    assert finished_run.read_transfer(read_run(store)) is not None  # the negative control
    CHANGED[how](store, store.part_path("transfer", 0))
    assert finished_run.read_transfer(read_run(store)) is None
    resume_run(store.folder)
    assert_same_contents(store.folder, run)


def test_a_transfer_of_the_unfinished_run_is_not_that_of_its_end(run: Path, tmp_path: Path) -> None:
    """It has the same size and tasks, and is removed when the search is continued."""
    shutil.copytree(run, tmp_path / "small")
    store = RunStore(tmp_path / "small")
    opened = read_run(store)
    store.go_back(1)
    transfer_session.score_run(opened, opened.config.transfer, SilentReporter(), StopSignal())
    assert finished_run.read_transfer(opened) is None
    early = store.part_path("transfer", 0).read_bytes()

    class Broken(SilentReporter):
        def started(self, what: str, n_episodes: int) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_session.resume(opened, Broken(), StopSignal())
    assert not store.part_path("transfer", 0).exists()
    shutil.copytree(run, store.folder, dirs_exist_ok=True)
    store.part_path("transfer", 0).write_bytes(early)
    assert finished_run.read_transfer(opened) is None
    resume_run(store.folder)
    assert_same_contents(store.folder, run)
