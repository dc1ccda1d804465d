"""A sweep on a terminal, from its folder alone, while it goes on and when it has ended."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from support.command_line import answer, printed, refused
from support.folders import flip
from support.small_run import Crash
from support.small_sweep import KilledInRun, run_sweep, small_sweep
from support.watched_frames import NARROW, WIDE, frame_text

from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.watch.run_view import RunView
from spikeloop.coordinator.watch.sweep_view import SweepView

pytestmark = pytest.mark.usefixtures("without_figures")
SETTING = "population_size=12"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "small"
    with pytest.raises(Crash):
        run_sweep(small_sweep(), folder, KilledInRun(4))
    return folder


@pytest.fixture
def copied(killed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(killed, tmp_path / "small")


def look(folder: Path) -> SweepView:
    view = SweepView(folder)
    view.look()
    return view


def test_runs_that_ended_and_runs_under_way_are_shown(killed: Path) -> None:
    found = answer("watch", killed)
    assert (found["runs"], found["ended"], found["over"]) == (4, 3, False)
    assert found["under_way"] == [
        {"setting": SETTING, "seed": 8, "generation": 2, "generations": 3}
    ]
    rows = atomic_files.read_parquet(killed / "results.parquet").to_pandas()
    expected = rows[rows["setting"] == SETTING]["score"].mean()
    assert found["settings"][SETTING]["ended"] == 1
    assert found["settings"][SETTING]["mean"] == pytest.approx(expected)
    view = look(killed)
    for size in (NARROW, WIDE):
        text = frame_text(view, size)
        for shown in ("3 of 4 runs have ended", f"{SETTING}, seed 8: generation 2 of 3"):
            assert shown in " ".join(text.split())


def test_a_sweep_is_over_once_all_runs_have_ended(copied: Path) -> None:
    before = look(copied)
    run_sweep(small_sweep(), copied)
    before.look()
    assert before.finished
    assert before.as_json()["under_way"] == []
    assert "spikeloop report" in " ".join(frame_text(before).split())
    assert "finished" in printed("watch", copied)


def test_a_failed_run_and_its_reason_are_shown(copied: Path) -> None:
    path = copied / "results.parquet"
    rows = atomic_files.read_parquet(path).to_pylist()
    rows[0] |= {"score": None, "error": "no episode\x1b[31m ended"}
    atomic_files.write_parquet(path, pa.Table.from_pylist(rows))
    text = " ".join(frame_text(look(copied), WIDE).split())
    assert "seed 7 failed: no episode" in text
    assert "\x1b[31m" not in text


def test_damage_is_named(copied: Path) -> None:
    flip(copied / "results.parquet")
    assert "results.parquet: damaged" in answer("watch", copied)["problems"][0]
    flip(copied / "sweep.json")
    assert "sweep.json: damaged" in refused("watch", copied)


def test_a_run_of_a_sweep_is_continued_with_the_sweep(killed: Path) -> None:
    view = RunView(killed / "runs" / "population_size-12" / "8")
    view.look()
    assert view.status.resumed == killed.resolve()
