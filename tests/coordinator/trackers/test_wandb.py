"""Weights & Biases without its server: what offline runs leave for ``wandb sync``."""

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.command_line import refused
from support.small_run import (
    RecordingReporter,
    interrupt_run,
    resume_run,
    small_config,
    small_toml,
    start_run,
)

from spikeloop.coordinator.search import tracking
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.trackers.base import TrackedRun
from spikeloop.coordinator.trackers.wandb import WeightsAndBiases

pytestmark = pytest.mark.usefixtures("without_figures")

wandb = pytest.importorskip("wandb")

ON: dict[str, Any] = {"tracking": {"kinds": ["wandb"], "project": "small things"}}

HEADER, BLOCK, RECORD = 7, 32768, struct.Struct("<IHB")
WHOLE, FIRST, LAST = 1, 2, 4


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tracking, "LEAVING_S", 60.0)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # without anybody's netrc


def records(path: Path) -> Iterator[Any]:
    """The records of a file of an offline run, which is a log as LevelDB writes them."""
    proto = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    data, at, whole = path.read_bytes(), HEADER, b""
    while at + RECORD.size <= len(data):
        if BLOCK - at % BLOCK < RECORD.size:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = RECORD.unpack_from(data, at)
        at += RECORD.size
        piece, at = data[at : at + length], at + length
        whole = piece if kind in (WHOLE, FIRST) else whole + piece
        if kind in (WHOLE, LAST):
            record = proto.Record()
            record.ParseFromString(whole)
            yield record


def history(folder: Path) -> dict[str, list[dict[str, float]]]:
    """The rows of each run by its id, as they would be uploaded one file after the other."""
    wandb.teardown()  # the process of W&B that writes them ends, and with it what it buffers
    found: dict[str, list[dict[str, float]]] = {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        rows = found.setdefault(path.stem.removeprefix("run-"), [])
        for record in records(path):
            if record.WhichOneof("record_type") == "history":
                items = record.history.item
                rows.append(
                    {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items}
                )
    return found


def test_an_offline_run_has_every_generation_the_configuration_and_the_results(
    tmp_path: Path,
) -> None:
    folder = start_run(tmp_path / "small", **ON)
    ((identity, rows),) = history(folder).items()
    assert identity == f"{RunStore(folder).identity[:16]}-0"
    assert [(row["_step"], row["fitness/mean"]) for row in rows] == [
        (row["generation"], row["mean"]) for row in RunStore(folder).rows()
    ]
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    found = list(records(path))
    (run,) = [r.run for r in found if r.WhichOneof("record_type") == "run"]
    assert (run.project, run.display_name) == ("small things", "small")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["strategy.population_size"] == 6
    summary = {
        "/".join(item.nested_key) or item.key
        for record in found
        if record.WhichOneof("record_type") == "summary"
        for item in record.summary.update
    }
    assert {
        "transfer/learned",
        "transfer/learned_low",
        "transfer/baseline/bandit per state",
    } <= summary


def test_an_interrupted_run_goes_on_under_the_same_id(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    interrupt_run(folder, "generation 3", small_config(**ON))
    reporter = RecordingReporter()
    resume_run(folder, reporter)
    assert not [note for note in reporter.notes if "tracker" in note]
    ((_, rows),) = history(folder).items()
    assert [row["_step"] for row in rows] == [1, 2, 3]


def test_runs_side_by_side_in_one_process_stay_apart(tmp_path: Path) -> None:
    runs = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        runs.append(
            WeightsAndBiases(TrackedRun(name, tmp_path / name, f"{name}-0", "sweep", {}), -1)
        )
    now = datetime.now(UTC)
    for generation in (1, 2):
        for factor, run in enumerate(runs, start=1):
            run.log(generation, {"fitness/mean": float(factor * generation)}, now)
    for run in runs:
        run.close()
    for factor, name in enumerate(("one", "other"), start=1):
        ((identity, rows),) = history(tmp_path / name).items()
        assert identity == f"{name}-0"
        assert [row["fitness/mean"] for row in rows] == [factor, 2.0 * factor]


def test_without_a_key_the_run_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE")
    wandb.teardown()  # it reads its environment once
    config = small_toml(tmp_path / "small.toml")
    line = refused("run", config, "--out", tmp_path, "--track", "wandb", code=3)
    assert "wandb login" in line and "WANDB_MODE=offline" in line
    assert not (tmp_path / "small").exists()
