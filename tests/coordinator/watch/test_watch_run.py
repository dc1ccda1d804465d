"""A run that is watched: each state of its folder gives a frame, and nothing is disturbed."""

import fcntl
import json
import math
import os
import platform
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import LIMIT_S
from support.command_line import answer, printed, refused
from support.folders import flip
from support.small_run import small_config, start_run
from support.watched_frames import NARROW, WIDE, frame_text, grow, grown, look_at

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.lock import locked
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync.download import download
from spikeloop.coordinator.watch.run_reader import KEPT, RunReader
from spikeloop.coordinator.watch.run_view import RunView

HERE = platform.node()


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run of just now: an older one without its end would be called quiet."""
    return start_run(tmp_path_factory.mktemp("watch") / "small")


def manifest_tables(**changes: dict[str, Any]) -> dict[str, Any]:
    """The tables of the small run as its manifest has them, with some keys replaced."""
    tables = small_config().tables()
    return {name: {**table, **changes.get(name, {})} for name, table in tables.items()}


def with_column(part: Any, name: str, value: float) -> Any:
    """Replace a column of a table with one row."""
    place = part.schema.get_field_index(name)
    return part.set_column(place, part.schema.field(place), [[value]])


def test_each_state_of_a_growing_folder_gives_a_frame(finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    view: RunView | None = None
    seen: list[tuple[str, int]] = []
    for _ in grow(finished_run, folder):
        with locked(folder):
            view = view or RunView(folder)
            view.look()
            status, fresh = view.status, look_at(folder).status
        seen.append((status.state, status.generation))
        assert (fresh.state, fresh.generation, fresh.episodes) == (*seen[-1], status.episodes)
        assert fresh.held_out == status.held_out
        for size in (NARROW, WIDE):
            assert "small" in frame_text(view, size)
        json.dumps(view.as_json())
    searching = [("searching", n) for n in range(3)]
    expected = [("starting", -1), *searching, ("transfer", 3), ("finished", 3)]
    assert list(dict.fromkeys(seen)) == expected


def test_the_numbers_are_those_of_the_run(finished_run: Path) -> None:
    view, said = look_at(finished_run), answer("transfer", finished_run)
    last, found = RunStore(finished_run).rows()[-1], view.as_json()
    assert found["episodes"] == last["total_episodes"] == 72
    assert found["best"] == last["best"]
    assert found["held_out"]["low"] == last["held_out_low"]
    assert found["held_out_before"]["n_tasks"] == 4
    assert found["strategy_says"]["sigma"] == last["strategy_sigma"]
    assert found["workers"] == 1
    assert 0 < found["busy"] <= 1
    for name in ("scores", "differences", "regret"):
        assert found["transfer"][name] == said[name]
    assert view.over
    text = frame_text(view)
    for shown in ("finished after generation 3", "learned - default", "spikeloop report", "100%"):
        assert shown in text


def test_a_held_out_score_whose_episodes_all_failed_is_shown_as_failed(copied_run: Path) -> None:
    store = RunStore(copied_run)
    part, state = store.read_part(store.part_path("generations", 3)), store.state(3)
    for name in ("mean", "held_out_score", "held_out_low", "held_out_high"):
        part = with_column(part, name, math.nan)
    store.go_back(2)
    store.commit(3, {"generations": part}, state)
    reader = RunReader(copied_run)
    reader.poll()
    assert repr([dict(row) for row in reader.rows]) == repr(store.rows(KEPT))
    view = look_at(copied_run)
    assert "held-out  failed" in frame_text(view)
    found = json.loads(json.dumps(view.as_json(), allow_nan=False))
    assert found["mean"] is found["held_out"]["value"] is None


def test_generations_that_were_committed_together_are_followed(tmp_path: Path) -> None:
    run, transfer = {"generations": 8, "commit_every": 3}, {"monitor_every": 6}
    store = RunStore(start_run(tmp_path / "small", run=run, transfer=transfer))
    folder = tmp_path / "run"
    view: RunView | None = None
    seen: list[int] = []
    for _ in grow(store.folder, folder):
        view = view or RunView(folder)
        view.look()
        seen.append(view.status.generation)
        assert view.status.episodes == 24 * max(seen[-1], 0)
        assert view.status.problems == []
    assert list(dict.fromkeys(seen)) == [-1, 0, 3, 6, 8]
    reader = RunReader(folder)
    reader.poll()
    assert repr([dict(row) for row in reader.rows]) == repr(store.rows(KEPT))
    assert reader.last == store.row(8)
    RunStore(folder).go_back(7)
    reader.poll()
    assert (reader.generation, len(reader.rows)) == (6, 6)
    (folder / "generations" / "part-000003.parquet").write_bytes(b"PAR1")
    reader = RunReader(folder)
    reader.poll()
    assert [row["generation"] for row in reader.rows] == [4, 5, 6]
    assert "part-000003.parquet" in reader.problems[0]


def test_looking_takes_no_lock_and_writes_nothing(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("a reader must not touch the lock")

    with locked(finished_run):
        before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")}
        monkeypatch.setattr(fcntl, "flock", refuse)
        view = look_at(finished_run)
        assert view.status.writer is not None
        assert view.status.writer.alive
        assert not view.over  # figures may still be drawn
        monkeypatch.undo()
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")} == before


@pytest.mark.parametrize("writer", ["ended", "writes another file", "on another machine"])
def test_an_ended_writer_makes_a_run_interrupted(
    finished_run: Path, tmp_path: Path, writer: str
) -> None:
    folder = grown(finished_run, tmp_path / "run", "state/000002.npz")
    elsewhere = writer == "on another machine"
    process, host = os.getpid(), "elsewhere" if elsewhere else HERE
    if writer == "ended":
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        process = ended.pid
    (folder / ".lock").write_text(f"process {process} on {host}\n")
    view = look_at(folder)
    assert view.status.state == ("searching" if elsewhere else "interrupted")
    text = " ".join(frame_text(view).split())
    assert f"process {process} on {host}" in text
    assert ("spikeloop resume" in text) != elsewhere


def test_a_downloaded_run_is_not_called_interrupted(finished_run: Path, tmp_path: Path) -> None:
    home, folder = tmp_path / "home" / "run", tmp_path / "run"
    home.parent.mkdir()
    for name in grow(finished_run, home):
        if name in ("state/000001.npz", "state/000002.npz"):  # a new folder, and one that grows
            assert download(str(home), tmp_path) == folder
            text = " ".join(frame_text(look_at(folder)).split())
            assert f"fetched after generation {int(name[6:12])}, as of its last commit" in text
            assert "spikeloop resume" not in text
    with locked(folder):  # it is resumed here
        assert "which is alive" in frame_text(look_at(folder))
    download(str(home), tmp_path)
    assert "finished after generation 3" in frame_text(look_at(folder))


def test_a_run_on_another_machine_is_over_once_its_figures_are_drawn(
    finished_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for _ in grow(finished_run, folder):
        (folder / ".lock").write_text("process 7 on elsewhere\n")
        view = look_at(folder)
        assert not view.over
    assert view.status.state == "finished"
    (folder / "figures" / "learning.png").touch()
    view.look()
    assert view.over


def test_a_search_of_a_comparison_ends_without_a_transfer(
    finished_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "comparison.json").write_text("{}")
    (tmp_path / "runs" / "arm").mkdir(parents=True)
    folder = tmp_path / "runs" / "arm" / "000000"
    for name in grow(finished_run, folder, "state/000003.npz"):
        (folder / ".lock").write_text(f"process {os.getpid()} on {HERE}\n")
        if name == "state/000002.npz":
            letters = "".join(frame_text(look_at(folder)).split())  # a long path is folded
            assert letters.endswith(f"spikeloopresume{tmp_path}")
    assert "finished after generation 3" in frame_text(look_at(folder))


def test_a_run_without_commits_for_long_is_quiet(finished_run: Path, tmp_path: Path) -> None:
    view = look_at(grown(finished_run, tmp_path / "run", "state/000002.npz"))
    states, now = [view.status.state], time.time
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: now() + 725.0)
        view.look()
    states.append(view.status.state)
    assert states == ["searching", "quiet"]
    assert view.status.left_s is None
    assert "quiet for 12:" in frame_text(view)


def test_generations_that_are_taken_back_or_replaced_are_read_again(
    finished_run: Path, copied_run: Path
) -> None:
    view, store, original = look_at(copied_run), RunStore(copied_run), RunStore(finished_run)
    assert view.status.state == "finished"
    store.go_back(1)
    view.look()
    assert (view.status.state, view.status.generation, view.status.episodes) == (
        "interrupted",
        1,
        24,
    )
    for generation in (2, 3):
        part = original.read_part(original.part_path("generations", generation))
        part = with_column(part, "best", 10.0 + generation)
        store.commit(generation, {"generations": part}, original.state(generation))
        view.look()
    assert (view.status.generation, view.status.episodes, view.status.best) == (3, 72, 13.0)
    store.go_back(2)
    store.commit(3, {"generations": with_column(part, "best", 20.0)}, original.state(3))
    view.look()
    assert (view.status.generation, view.status.best) == (3, 20.0)


def test_a_damaged_file_costs_its_row_and_is_named(copied_run: Path) -> None:
    for name in ("generations/part-000002.parquet", "transfer/part-000000.parquet"):
        flip(copied_run / name)
    (copied_run / "curves" / "part-000000.parquet").unlink()
    view = look_at(copied_run)
    assert "part-000002.parquet:damaged" in "".join(frame_text(view, WIDE).split())
    assert view.status.episodes == 72
    found = view.as_json()
    assert found["transfer"] is None
    assert len(found["problems"]) == 2


def test_folders_that_cannot_be_watched_are_refused_in_one_line(
    copied_run: Path, tmp_path: Path
) -> None:
    refused("watch", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    refused("watch", tmp_path / "empty", "--json")
    atomic_files.write_json(copied_run / "run.json", {"schema_version": 99, "config": {}})
    assert "99" in refused("watch", copied_run, "--once")


def test_a_run_may_be_removed_or_replaced_while_it_is_watched(copied_run: Path) -> None:
    view = look_at(copied_run)
    shutil.rmtree(copied_run)
    with pytest.raises(ConfigError, match="not a run folder"):
        view.look()
    RunStore.create(copied_run, {"config": manifest_tables(run={"name": "another"})})
    view.look()
    assert (view.status.plan.name, view.status.generation) == ("another", -1)


def test_classes_of_a_folder_are_not_imported_and_control_characters_are_text(
    tmp_path: Path,
) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    tables = manifest_tables(family={"kind": "evil:Family"}, learner={"kind": "\x1b[2Jgone"})
    manifest = {"config": tables, "working_dir": str(tmp_path)}
    text = frame_text(look_at(RunStore.create(tmp_path / "run", manifest).folder))
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
    store = RunStore.create(tmp_path / "run", {"config": {**manifest_tables(), **broken}})
    with pytest.raises(ConfigError, match=r"run\.json: damaged"):
        RunView(store.folder)


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_a_frame_in_a_pipe_is_plain_text(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    output = printed("watch", finished_run)
    assert "\x1b" not in output
    assert max(map(len, output.splitlines())) <= columns
    assert "finished after generation 3" in output


def test_rules_of_stop_are_shown_with_how_near_they_are(tmp_path: Path) -> None:
    stop = {"episodes": 50, "spread": 0.001, "target": 0.99, "patience": 50}
    view = look_at(start_run(tmp_path / "run", stop=stop))
    text = " ".join(frame_text(view).split())
    for shown in ("48 of 50", "ended after generation 2", "stop.episodes = 50", "ends at 0.99"):
        assert shown in text
    assert "generations without a rise, ends at 50" in text
    assert view.status.state == "finished"


def test_ctrl_c_leaves_the_live_screen_with_a_last_frame(
    finished_run: Path, tmp_path: Path
) -> None:
    folder = grown(finished_run, tmp_path / "run", "state/000001.npz")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    command = [sys.executable, "-m", "spikeloop.coordinator.cli", "watch", str(folder)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment
    )
    os.close(theirs)
    output, until, interrupted = b"", time.monotonic() + LIMIT_S, False
    while time.monotonic() < until:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other end is closed
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
