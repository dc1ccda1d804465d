"""A small sweep, and the check that two sweeps are the same."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.store.folder_kind import is_sweep
from spikeloop.coordinator.sweep import session
from spikeloop.coordinator.sweep.results import VOLATILE
from spikeloop.coordinator.sweep.sweep_config import PlannedRun, SweepConfig, parse
from support.paths import OWN_CLASSES
from support.small_run import Crash, RecordingReporter, assert_same_contents, small_tables

OVER = {"strategy.population_size": [6, 12]}


class SweepRecorder(RecordingReporter):
    """A reporter that keeps what it is told of runs."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.rows: list[Any] = []

    def run_started(self, planned: PlannedRun) -> None:
        self.begun.append(planned.name)

    def run_ended(self, row: Any) -> None:
        self.rows.append(row)


class KilledInRun(SweepRecorder):
    """A reporter of a process that ends after the second generation of a run.

    Args:
        number: which run that begins, the first being 1.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def generation(self, report: Any) -> None:
        if len(self.begun) == self._number and report.generation == 2:
            raise Crash


def small_sweep(sweep: dict[str, Any] | None = None, **changes: dict[str, Any]) -> SweepConfig:
    """Two settings with two seeds each of the small run, with some changes."""
    plan = {"name": "small", "seeds": 2, **({"over": OVER} if sweep is None else sweep)}
    return parse(small_tables(**changes), plan, "small.toml", OWN_CLASSES)


def run_sweep(config: SweepConfig, folder: Path, reporter: Any = None) -> Findings:
    """Run a sweep, or go on with it."""
    begin = session.resume if is_sweep(folder) else session.start
    return begin(config, folder, reporter or SweepRecorder(), StopSignal())


def assert_same_sweep(one: Path, other: Path) -> None:
    """Fail unless both sweeps hold the same runs, results and findings, bit for bit."""
    runs = sorted(path.relative_to(one) for path in one.glob("runs/*/*"))
    assert runs == sorted(path.relative_to(other) for path in other.glob("runs/*/*"))
    for run in runs:
        assert_same_contents(one / run, other / run)
    assert_same_results(one, other)


def assert_same_results(one: Path, other: Path) -> None:
    """Fail unless both sweeps have the same results and findings, bit for bit."""
    for name in ("results", "measured"):
        found, expected = (
            pd.read_parquet(folder / f"{name}.parquet").drop(columns=[*VOLATILE], errors="ignore")
            for folder in (one, other)
        )
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    first, second = (json.loads((folder / "findings.json").read_text()) for folder in (one, other))
    assert first == second
