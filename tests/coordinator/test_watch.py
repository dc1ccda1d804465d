"""A run that is watched: every instant of it gives a frame, and nobody is disturbed."""

import fcntl
import io
import json
import math
import os
import platform
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.child_processes import LIMIT_S, child
from support.command_line import cli
from support.small_run import SilentReporter, assert_same_contents, small_config, small_toml

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.lock import locked
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync import download
from spikeloop.coordinator.watch.comparison import ComparisonView
from spikeloop.coordinator.watch.follow import HELD_OUT, KEPT, Follower
from spikeloop.coordinator.watch.frame import Room
from spikeloop.coordinator.watch.view import RunView, View

NARROW, WIDE = Room(80, 24, False), Room(120, 40, True)
COMMIT = ("episodes", "candidates", "curves", "generations")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Transfer]:
    folder = tmp_path_factory.mktemp("watch") / "small"
    return folder, run_session.start(small_config(), folder, SilentReporter(), StopSignal())


def shown(view: View, room: Room = NARROW) -> str:
    console = Console(width=room.columns, file=io.StringIO(), markup=False, highlight=False)
    with console.capture() as capture:
        console.print(view.show(room))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= room.columns
    return text


def shown_run(folder: Path) -> str:
    view = RunView(folder)
    view.look()
    return shown(view)


def resolved(**changes: dict[str, Any]) -> dict[str, Any]:
    """The tables of the small run as its manifest has them, with some keys replaced."""
    tables = small_config().tables()
    return {name: {**table, **changes.get(name, {})} for name, table in tables.items()}


def grow(source: Path, folder: Path) -> Iterator[str]:
    """Copies a run in the order in which it was written, a file at a time, and names each."""
    folder.mkdir()
    for name in (*COMMIT, "finalists", "transfer", "state", "figures"):
        (folder / name).mkdir()
    shutil.copy2(source / "run.json", folder)
    yield "run.json"
    for generation in range(RunStore(source).generation() + 1):
        parts = [f"{name}/part-{generation:06d}.parquet" for name in COMMIT]
        for name in (*parts, f"state/{generation:06d}.npz"):
            if (source / name).exists():
                shutil.copy2(source / name, folder / name)
                yield name
    for path in sorted(source.glob("transfer/*.parquet")):
        shutil.copy2(path, folder / "transfer")
        yield f"transfer/{path.name}"


def test_every_instant_of_a_run_gives_a_frame(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    view: RunView | None = None
    seen: list[tuple[str, int]] = []
    for _ in grow(finished[0], folder):
        with locked(folder):
            view = view or RunView(folder)
            view.look()
            status, fresh = view.status, RunView(folder)
            fresh.look()
        seen.append((status.state, status.generation))
        assert (fresh.status.state, fresh.status.generation) == seen[-1]
        assert fresh.status.held_out == status.held_out
        assert fresh.status.episodes == status.episodes
        for room in (NARROW, WIDE):
            assert "small" in shown(view, room)
        json.dumps(view.as_json())
    stages = list(dict.fromkeys(seen))
    assert stages == [
        ("starting", -1),
        *[("searching", n) for n in range(3)],
        ("transfer", 3),
        ("finished", 3),
    ]


def test_the_numbers_are_those_of_the_run(finished: tuple[Path, Transfer]) -> None:
    folder, transfer = finished
    view = RunView(folder)
    view.look()
    rows, found = RunStore(folder).rows(), view.as_json()
    assert found["episodes"] == rows[-1]["total_episodes"] == 72
    assert found["best"] == rows[-1]["best"]
    assert found["held_out"]["low"] == rows[-1]["held_out_low"]
    assert found["held_out_before"]["n_tasks"] == 4
    assert found["strategy_says"]["sigma"] == rows[-1]["strategy_sigma"]
    assert found["workers"] == 1
    assert 0 < found["busy"] <= 1
    assert found["transfer"]["scores"] == transfer.as_json()["scores"]
    assert found["transfer"]["differences"] == transfer.as_json()["differences"]
    assert found["transfer"]["regret"] == transfer.as_json()["regret"]
    assert view.over
    text = shown(view)
    for words in ("finished after generation 3", "learned - default", "spikeloop report", "100%"):
        assert words in text


def test_rows_are_those_of_the_store(finished: tuple[Path, Transfer], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    store = RunStore(folder)
    part = store.read_part(store.part_path("generations", 3))
    for name in HELD_OUT:  # a held-out score whose episodes all failed
        place = part.schema.get_field_index(name)
        part = part.set_column(place, part.schema.field(place), [[math.nan]])
    store.go_back(2)
    store.commit(3, {"generations": part}, RunStore(finished[0]).state(3))
    follower = Follower(folder)
    assert follower.poll()
    assert repr([dict(row) for row in follower.rows]) == repr(store.rows(KEPT))
    assert "held-out  failed" in shown_run(folder)


def test_generations_that_were_written_together_are_followed(tmp_path: Path) -> None:
    run = {"generations": 8, "commit_every": 3}
    config = small_config(run=run, transfer={"monitor_every": 6})
    run_session.start(config, tmp_path / "small", SilentReporter(), StopSignal())
    store, folder = RunStore(tmp_path / "small"), tmp_path / "run"
    view: RunView | None = None
    seen: list[int] = []
    for _ in grow(store.folder, folder):
        view = view or RunView(folder)
        view.look()
        seen.append(view.status.generation)
        assert view.status.episodes == 24 * max(seen[-1], 0)
        assert view.status.problems == []
    assert list(dict.fromkeys(seen)) == [-1, 0, 3, 6, 8]
    follower = Follower(folder)
    assert follower.poll()
    assert repr([dict(row) for row in follower.rows]) == repr(store.rows(KEPT))
    assert follower.last == store.row(8)
    RunStore(folder).go_back(7)
    assert follower.poll()
    assert (follower.generation, len(follower.rows)) == (6, 6)
    (folder / "generations" / "part-000003.parquet").write_bytes(b"PAR1")
    follower = Follower(folder)
    follower.poll()
    assert [row["generation"] for row in follower.rows] == [4, 5, 6]
    assert "part-000003.parquet" in follower.problems[0]


def test_looking_takes_no_lock_and_writes_nothing(
    finished: tuple[Path, Transfer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("a reader must not touch the lock")

    folder = finished[0]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with locked(folder):
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        monkeypatch.setattr(fcntl, "flock", refuse)
        view = RunView(folder)
        view.look()
        assert view.status.writer is not None
        assert view.status.writer.alive
        assert not view.over  # figures may still be drawn
        monkeypatch.undo()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("holder", ["ended", "another file", "another machine"])
def test_whether_the_writer_is_alive_is_told_or_left_open(
    finished: tuple[Path, Transfer], tmp_path: Path, holder: str
) -> None:
    folder = tmp_path / "run"
    for name in grow(finished[0], folder):
        if name == "state/000002.npz":
            break
    host = "elsewhere" if holder == "another machine" else platform.node()
    process = os.getpid()
    if holder == "ended":
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        process = ended.pid
    (folder / ".lock").write_text(f"process {process} on {host}\n")
    view = RunView(folder)
    view.look()
    assert view.status.state == ("searching" if holder == "another machine" else "interrupted")
    text = " ".join(shown(view).split())
    assert f"process {process} on {host}" in text
    assert ("spikeloop resume" in text) == (holder != "another machine")


def test_what_was_fetched_may_go_on_elsewhere(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    home, folder = tmp_path / "home" / "run", tmp_path / "run"
    home.parent.mkdir()
    for name in grow(finished[0], home):
        if name in ("state/000001.npz", "state/000002.npz"):  # a new folder, and one that grows
            fetched = download.fetch(str(home), tmp_path)
            assert fetched == folder
            text = " ".join(shown_run(folder).split())
            assert f"fetched after generation {int(name[6:12])}, as of its last commit" in text
            assert "spikeloop resume" not in text
    with locked(folder):  # it is resumed here
        assert "which is alive" in shown_run(folder)
    download.fetch(str(home), tmp_path)
    assert "finished after generation 3" in shown_run(folder)


def test_a_run_on_another_machine_is_over_once_its_figures_are_drawn(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for _ in grow(finished[0], folder):
        (folder / ".lock").write_text("process 7 on elsewhere\n")
        view = RunView(folder)
        view.look()
        assert not view.over
    assert view.status.state == "finished"
    (folder / "figures" / "learning.png").touch()
    view.look()
    assert view.over


def test_a_search_of_a_comparison_ends_without_a_transfer(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    (tmp_path / "comparison.json").write_text("{}")
    (tmp_path / "runs" / "arm").mkdir(parents=True)
    folder = tmp_path / "runs" / "arm" / "000000"
    for name in grow(finished[0], folder):
        (folder / ".lock").write_text(f"process {os.getpid()} on {platform.node()}\n")
        if name == "state/000002.npz":
            letters = "".join(shown_run(folder).split())  # a long path is cut at the frame's end
            assert letters.endswith(f"spikeloopresume{tmp_path}")
        if name == "state/000003.npz":
            break
    assert "finished after generation 3" in shown_run(folder)


def test_no_news_for_long_is_told(finished: tuple[Path, Transfer], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for name in grow(finished[0], folder):
        if name == "state/000002.npz":
            break
    view = RunView(folder)
    view.look()
    states, now = [view.status.state], time.time
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: now() + 725.0)
        view.look()
    states.append(view.status.state)
    assert states == ["searching", "quiet"]
    assert view.status.left_s is None
    assert "quiet for 12:" in shown(view)


def test_a_run_that_goes_back_takes_its_rows_back(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    view = RunView(folder)
    view.look()
    assert view.status.state == "finished"
    store = RunStore(folder)
    store.go_back(1)
    view.look()
    assert (view.status.state, view.status.generation, view.status.episodes) == (
        "interrupted",
        1,
        24,
    )
    # Whatever comes then is read, also where a generation of that number was known before.
    source = RunStore(finished[0])
    for generation in (2, 3):
        part = source.read_part(source.part_path("generations", generation))
        place = part.schema.get_field_index("best")
        part = part.set_column(place, part.schema.field(place), [[10.0 + generation]])
        store.commit(generation, {"generations": part}, source.state(generation))
        view.look()
    assert (view.status.generation, view.status.episodes, view.status.best) == (3, 72, 13.0)
    store.go_back(2)
    part = part.set_column(place, part.schema.field(place), [[20.0]])
    store.commit(3, {"generations": part}, source.state(3))
    view.look()
    assert (view.status.generation, view.status.best) == (3, 20.0)


def test_a_damaged_file_costs_its_row_and_is_named(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    for name in ("generations/part-000002.parquet", "transfer/part-000000.parquet"):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
    (folder / "curves" / "part-000000.parquet").unlink()
    view = RunView(folder)
    view.look()
    text = shown(view, WIDE)
    assert "part-000002.parquet:damaged" in "".join(text.split())
    assert view.status.episodes == 72
    found = view.as_json()
    assert found["transfer"] is None
    assert len(found["problems"]) == 2


def test_what_cannot_be_watched_is_one_line(
    finished: tuple[Path, Transfer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("watch", str(tmp_path / "nothing")) == 2
    (tmp_path / "empty").mkdir()
    assert cli("watch", str(tmp_path / "empty"), "--json") == 2
    shutil.copytree(finished[0], tmp_path / "new")
    atomic_files.write_json(tmp_path / "new" / "run.json", {"schema_version": 99, "config": {}})
    assert cli("watch", str(tmp_path / "new"), "--once") == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert "schema version 99" in errors[2]


def test_a_run_that_is_removed_or_replaced_meanwhile(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    view = RunView(folder)
    view.look()
    shutil.rmtree(folder)
    with pytest.raises(ConfigError, match="not a run folder"):
        view.look()
    RunStore.create(folder, {"config": resolved(run={"name": "another"})})
    view.look()
    assert (view.status.plan.name, view.status.generation) == ("another", -1)


def test_nothing_that_a_folder_names_is_imported_or_obeyed(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    tables = resolved(family={"kind": "evil:Family"}, run={"name": "\x1b[2Jgone"})
    manifest = {"config": tables, "working_dir": str(tmp_path), "space": [{"shape": ["x"]}]}
    store = RunStore.create(tmp_path / "run", manifest)
    view = RunView(store.folder)
    view.look()
    text = shown(view)
    assert "\x1b" not in text
    assert "evil:Family" in text
    assert "evil" not in sys.modules


@pytest.mark.parametrize(
    "broken",
    [
        {"run": {"generations": "many"}},
        {"run": 3},
        {"stop": {"episodes": -1}},
        {"deploy": {"finalists": None}},
    ],
)
def test_a_manifest_without_a_plan_is_refused(tmp_path: Path, broken: dict[str, Any]) -> None:
    store = RunStore.create(tmp_path / "run", {"config": {**resolved(), **broken}})
    with pytest.raises(ConfigError, match=r"run\.json: damaged"):
        RunView(store.folder)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_frame_in_a_pipe_is_plain_text(
    finished: tuple[Path, Transfer],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert cli("watch", str(finished[0])) == 0
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert max(map(len, output.splitlines())) <= columns
    assert "finished after generation 3" in output


def test_rules_that_may_end_the_search_are_told(tmp_path: Path) -> None:
    stop = {"episodes": 50, "spread": 0.001, "target": 0.99, "patience": 50}
    folder = tmp_path / "run"
    run_session.start(small_config(stop=stop), folder, SilentReporter(), StopSignal())
    view = RunView(folder)
    view.look()
    text = shown(view)
    assert "48 of 50" in text
    assert "ended after generation 2: one more would exceed stop.episodes = 50" in text
    assert "ends at 0.99" in text
    assert "generations without a rise, ends at 50" in text
    assert view.status.state == "finished"


def test_a_run_that_is_watched_ends_as_an_undisturbed_one(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    config = small_toml(tmp_path / "small.toml")
    arguments = ["-m", "spikeloop.coordinator.cli", "run", str(config), "--inline"]
    view: RunView | None = None
    seen = [-1]
    with child([*arguments, "--out", str(tmp_path)], tmp_path) as process:
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
            if view is None and (tmp_path / "small" / "run.json").exists():
                view = RunView(tmp_path / "small")
            if view is not None:
                view.look()
                shown(view)
                seen.append(view.status.generation)
        assert process.returncode == 0
    assert seen == sorted(seen)
    assert view is not None
    view.look()
    assert view.over
    assert_same_contents(finished[0], tmp_path / "small")


def test_on_a_terminal_it_follows_until_ctrl_c_and_leaves_the_screen(
    finished: tuple[Path, Transfer], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for name in grow(finished[0], folder):
        if name == "state/000001.npz":
            break
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    command = [sys.executable, "-m", "spikeloop.coordinator.cli", "watch", str(folder)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment
    )
    os.close(theirs)
    output, until = b"", time.monotonic() + LIMIT_S
    interrupted = False
    while time.monotonic() < until:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        output += data
        if not interrupted and b"generation 2" in output:
            process.send_signal(2)
            interrupted = True
    os.close(ours)
    assert process.wait(LIMIT_S) == 0
    text = output.decode()
    assert "\x1b[?1049h" in text
    after = text.split("\x1b[?1049l")[-1]
    assert "searching generation 2 of 3" in after or "quiet" in after
    assert "Traceback" not in text


def test_a_comparison_shows_its_trials_and_its_contest(tmp_path: Path) -> None:
    config = {
        "comparison": {"name": "mine", "budget": 100, "seeds": 3},
        "tuning": {"episodes": 1000, "strategies": ["evolution"]},
        "strategies": {"evolution": {}, "random_search": {}},
    }
    folder = tmp_path / "mine"
    folder.mkdir()
    atomic_files.write_json(folder / "comparison.json", {"schema_version": 3, "config": config})
    view = ComparisonView(folder)
    view.look()
    assert "The contest has not begun." in shown(view)
    attributes = {"episodes": 100, "charged": 100, "reason": ""}
    records: list[dict[str, Any]] = [
        {"state": "COMPLETE", "value": 0.25, "attributes": attributes},
        {"state": "PRUNED", "value": 0.75, "attributes": attributes},
        {"state": "COMPLETE", "value": 0.5, "attributes": attributes},
        {"settings": {}},
    ]
    for number, record in enumerate(records):
        path = folder / "tuning" / "evolution" / f"{number:06d}" / "trial.json"
        path.parent.mkdir(parents=True)
        atomic_files.write_json(path, record)
    (folder / "contest" / "evolution").mkdir(parents=True)
    for seed, score in enumerate([0.5, None]):
        atomic_files.write_json(
            folder / "contest" / "evolution" / f"{seed:06d}.json", {"score": score}
        )
    view.look()
    found = view.as_json()
    assert found["tuning"]["evolution"] == {
        "trials": 3,
        "pruned": 1,
        "failed": 0,
        "best": 0.5,
        "episodes": 300,
    }
    assert found["contest"]["evolution"]["mean"] == 0.5
    assert found["contest"]["evolution"]["failed"] == 1
    for room in (NARROW, WIDE):
        text = shown(view, room)
        assert "tuning evolution, trial 3" in text
        assert "300 of 1,000" in text
        assert "2 of 3" in text
