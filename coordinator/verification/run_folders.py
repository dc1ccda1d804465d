"""Checks all run folders below that of a comparison or a sweep."""

import os
from collections.abc import Iterable
from pathlib import Path

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification import verify_run
from spikeloop.coordinator.verification.verify_run import Report


def verify_runs(folder: Path, patterns: Iterable[str], report: Report, trust: bool) -> int:
    """Verify each run folder like a run, add its problems to a report, and count the folders."""
    # A run whose run.json is a dangling link counts, too.
    found = sorted(path for pattern in patterns for path in folder.glob(pattern))
    runs = [run for run in found if os.path.lexists(run / RUN_MANIFEST)]
    for run in runs:
        try:
            problems = verify_run.verify(RunStore.open(run), trust).problems
        except ConfigError as error:
            problems = [str(error)]
        name = str(run.relative_to(folder))
        report.problems += [line if str(run) in line else f"{name}: {line}" for line in problems]
    return len(runs)
