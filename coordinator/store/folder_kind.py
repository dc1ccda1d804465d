"""Tell runs, comparisons and sweeps apart by the manifest in their folder."""

from pathlib import Path
from typing import Literal

from spikeloop.coordinator.errors import ConfigError

Kind = Literal["run", "comparison", "sweep"]
RUN_MANIFEST = "run.json"
COMPARISON_MANIFEST = "comparison.json"
SWEEP_MANIFEST = "sweep.json"


def is_run(folder: Path) -> bool:
    """Whether a folder holds the manifest of a run."""
    return (folder / RUN_MANIFEST).exists()


def is_comparison(folder: Path) -> bool:
    """Whether a folder holds the manifest of a comparison."""
    return (folder / COMPARISON_MANIFEST).exists()


def is_sweep(folder: Path) -> bool:
    """Whether a folder holds the manifest of a sweep."""
    return (folder / SWEEP_MANIFEST).exists()


def kind_of(folder: Path) -> Kind:
    """Tell what a folder holds; ConfigError if it is nothing of these."""
    if is_comparison(folder):
        return "comparison"
    if is_sweep(folder):
        return "sweep"
    if is_run(folder):
        return "run"
    raise ConfigError(
        f"{folder}: neither a run folder nor a comparison nor a sweep (no {RUN_MANIFEST}, no "
        f"{COMPARISON_MANIFEST}, no {SWEEP_MANIFEST})"
    )
