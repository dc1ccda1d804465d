"""Tell runs and comparisons apart by the manifest in their folder."""

from enum import StrEnum
from pathlib import Path

from spikeloop.coordinator.errors import ConfigError

RUN_MANIFEST = "run.json"
COMPARISON_MANIFEST = "comparison.json"


class FolderKind(StrEnum):
    """What a folder holds; the value is the name of its manifest."""

    RUN = RUN_MANIFEST
    COMPARISON = COMPARISON_MANIFEST


def is_run(folder: Path) -> bool:
    """Whether a folder holds the manifest of a run."""
    return (folder / RUN_MANIFEST).exists()


def is_comparison(folder: Path) -> bool:
    """Whether a folder holds the manifest of a comparison."""
    return (folder / COMPARISON_MANIFEST).exists()


def folder_kind(folder: Path) -> FolderKind:
    """Give the kind of an existing folder; ConfigError if it is neither run nor comparison."""
    if is_comparison(folder):
        return FolderKind.COMPARISON
    if is_run(folder):
        return FolderKind.RUN
    raise ConfigError(
        f"{folder}: neither a run folder nor a comparison (no {RUN_MANIFEST}, no "
        f"{COMPARISON_MANIFEST})"
    )
