from pathlib import Path

import pyarrow as pa
import pytest
from support.watched_frames import NARROW, WIDE, frame_text

from spikeloop.coordinator.comparison import SCHEMA_VERSION
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.result_files import FINAL
from spikeloop.coordinator.watch.comparison_view import ComparisonView


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = {
        "comparison": {"name": "mine", "budget": 100, "seeds": 3},
        "tuning": {"episodes": 1000, "strategies": ["evolution"]},
        "strategies": {"evolution": {}, "random_search": {}},
    }
    manifest = {"schema_version": SCHEMA_VERSION, "config": config}
    atomic_files.write_json(tmp_path / "comparison.json", manifest)
    return tmp_path


def write_records(folder: Path) -> None:
    """Write four trials, the last of which is under way, and two scored searches."""
    states = {"complete": 0.25, "pruned": 0.75}
    rows = [
        {"strategy": "evolution", "trial": n, "state": state, "value": value, "charged": 100}
        for n, (state, value) in enumerate([*states.items(), ("complete", 0.5)])
    ]
    atomic_files.write_parquet(folder / "trials.parquet", pa.Table.from_pylist(rows))
    for number in range(4):
        (folder / "tuning" / "evolution" / f"{number:06d}").mkdir(parents=True)
    final = folder / FINAL / "evolution"
    final.mkdir(parents=True)
    for seed, score in enumerate([0.5, None]):
        atomic_files.write_json(final / f"{seed:06d}.json", {"score": score})


def test_trials_and_scored_searches_are_counted(folder: Path) -> None:
    view = ComparisonView(folder)
    view.look()
    assert "has not begun" in frame_text(view)
    write_records(folder)
    view.look()
    found = view.as_json()
    assert found["tuning"]["evolution"] == {
        **{"trials": 3, "pruned": 1, "failed": 0},
        **{"best": 0.5, "episodes": 300},
    }
    assert found["final"]["evolution"]["mean"] == 0.5
    assert found["final"]["evolution"]["failed"] == 1
    assert not view.over
    for size in (NARROW, WIDE):
        text = frame_text(view, size)
        for shown in ("tuning evolution, trial 3", "300 of 1,000", "2 of 3"):
            assert shown in text


def test_a_comparison_is_over_once_its_findings_are_written(folder: Path) -> None:
    write_records(folder)
    (folder / "findings.json").write_text("{}")
    view = ComparisonView(folder)
    view.look()
    assert view.over
    assert "spikeloop report" in " ".join(frame_text(view).split())


def test_a_damaged_record_is_named_and_the_others_are_shown(folder: Path) -> None:
    write_records(folder)
    (folder / FINAL / "evolution" / "000000.json").write_text("{")
    view = ComparisonView(folder)
    view.look()
    assert "000000.json" in view.as_json()["problems"][0]
    assert view.as_json()["final"]["evolution"]["searches"] == 1
    assert "problem: " in frame_text(view)
