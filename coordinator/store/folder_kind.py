"""Tell runs, comparisons and sweeps apart by the manifest in their folder."""

from pathlib import Path

from spikeloop.coordinator.errors import ConfigError

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


def holds_comparison(folder: Path) -> bool:
    """Tell a comparison from a run; ConfigError if a folder is neither."""
    if not is_comparison(folder) and not is_run(folder):
        raise ConfigError(
            f"{folder}: neither a run folder nor a comparison (no {RUN_MANIFEST}, no "
            f"{COMPARISON_MANIFEST})"
        )
    return is_comparison(folder)
