"""Event files, read back by TensorBoard's own reader."""

from pathlib import Path
from typing import Any

import pytest
from support.small_run import interrupt_run, resume_run, small_config, start_run

from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")

pytest.importorskip("tensorboardX")
accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

ON: dict[str, Any] = {"tracking": {"kinds": ["tensorboard"]}}


def scalars(folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    """(step, time, value) by tag, as TensorBoard shows them."""
    events = accumulators.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {
        tag: [(e.step, e.wall_time, e.value) for e in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard_reads_every_generation_at_its_time(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", **ON)
    rows, found = RunStore(folder).rows(), scalars(folder)
    for (step, time, value), row in zip(found["fitness/mean"], rows, strict=True):
        assert step == row["generation"]
        assert value == pytest.approx(row["mean"], rel=1e-6)
        assert time == pytest.approx(row["finished"].timestamp(), abs=1e-3)
    assert [step for step, *_ in found["held_out/score"]] == [2, 3]
    assert [step for step, *_ in found["transfer/learned"]] == [3]


def test_a_killed_runs_second_attempt_replaces_what_was_not_noted(tmp_path: Path) -> None:
    """The first attempt had logged a generation, but not noted so."""
    folder = tmp_path / "small"
    interrupt_run(folder, "generation 3", small_config(**ON))
    record = atomic_files.read_json(folder / "tracking.json")
    record["tensorboard"]["generation"] = 1
    atomic_files.write_json(folder / "tracking.json", record)
    resume_run(folder)
    assert [step for step, *_ in scalars(folder)["fitness/mean"]] == [1, 2, 3]


def test_a_run_that_went_back_is_shown_once(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", **ON)
    resume_run(folder, after=1)
    assert [step for step, *_ in scalars(folder)["fitness/mean"]] == [1, 2, 3]
