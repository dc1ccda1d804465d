"""Verify a folder of any kind."""

from pathlib import Path

from spikeloop.coordinator.store.folder_kind import is_comparison, is_sweep
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification import verify_comparison, verify_run, verify_sweep
from spikeloop.coordinator.verification.verify_run import Report


def verify_folder(folder: Path, trust: bool = False) -> Report:
    """Check every file of a run, a comparison or a sweep, and that its numbers follow.

    Raises:
        ConfigError: it is none of these, its manifest is damaged, or it needs trust.
    """
    if is_comparison(folder):
        return verify_comparison.verify(folder, trust)
    if is_sweep(folder):
        return verify_sweep.verify(folder, trust)
    return verify_run.verify(RunStore.open(folder), trust)
