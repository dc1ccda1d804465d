"""A search publishes each committed generation, and a resumed one where it stands."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.small_run import SilentReporter, small_config

from spikeloop.cluster.metrics import METRICS, Measure
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.inline import InlinePool
from spikeloop.coordinator.search import live_metrics as measures
from spikeloop.coordinator.search.loop import search
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")


class Watched(InlinePool):
    """A pool that keeps what would be seen after each publication."""

    def __init__(self) -> None:
        super().__init__(StopSignal())
        self.seen: list[dict[str, Measure]] = []

    def publish(self, measures: Mapping[str, Measure], run: str = "") -> None:
        assert not run
        self.seen.append({**(self.seen[-1] if self.seen else {}), **measures})


def searched(folder: Path, **changes: dict[str, Any]) -> tuple[Watched, RunStore]:
    config = small_config(**changes)
    exists = (folder / "run.json").exists()
    store = RunStore.open(folder) if exists else RunStore.create(folder, {"config": {}})
    pool = Watched()
    search(RunFolder(config, store), pool, SilentReporter())
    return pool, store


def test_every_commit_is_published_and_the_end_too(tmp_path: Path) -> None:
    pool, store = searched(tmp_path / "run")
    start, *commits, end = pool.seen
    assert start["generation"] == 0
    assert start["fitness_best"] is start["held_out_score"] is None
    assert start["strategy"] == {}
    assert [seen["generation"] for seen in commits] == [1, 2, 3]
    for seen, row in zip(commits, store.rows(), strict=True):
        assert measures.of_row(row).items() <= seen.items()
        assert isinstance(seen["last_commit_timestamp_seconds"], float)
        assert abs(seen["last_commit_timestamp_seconds"] - time.time()) < 600
    # Not measured after the first, and kept after the second until it is measured again.
    scores = [row["held_out_score"] for row in store.rows()]
    assert scores[0] is None
    assert [seen["held_out_score"] for seen in commits] == scores
    assert end == {**commits[-1], "last_commit_timestamp_seconds": None}
    assert end.keys() < METRICS.keys()


def test_a_resumed_search_starts_with_its_last_generation(tmp_path: Path) -> None:
    transfer = {"monitor_every": 4}  # so that the third has no held-out score of its own
    pool, store = searched(tmp_path / "run", run={"generations": 7}, transfer=transfer)
    store.go_back(6)
    resumed, _ = searched(tmp_path / "run", run={"generations": 7}, transfer=transfer)
    before, after = pool.seen[6], resumed.seen[0]
    assert before["generation"] == after["generation"] == 6
    assert store.rows()[5]["held_out_score"] is None
    assert after["held_out_high"] == store.rows()[3]["held_out_high"]
    own = {"commit_seconds", "last_commit_timestamp_seconds"}
    assert {k: v for k, v in before.items() if k not in own} == {
        k: v for k, v in after.items() if k not in own
    }


def test_a_search_replaces_every_metric_of_an_earlier_one(tmp_path: Path) -> None:
    """In a comparison they share a pool."""
    pool, _ = searched(tmp_path / "run")
    fresh = measures.at_start(5, None, [])
    assert fresh.keys() == pool.seen[-1].keys()
    assert {k for k, v in fresh.items() if v not in (None, {})} == {
        "generation",
        "generations_planned",
        "last_commit_timestamp_seconds",
    }
