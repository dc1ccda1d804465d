"""Where runs, comparisons and sweeps go if their caller says nothing, and how they are named."""

import os
from pathlib import Path

from spikeloop.coordinator.store.folder_kind import Kind

RUNS = "SPIKELOOP_RUNS"
"""Environment variable that names the folder for all results."""


def folder_for(kind: Kind) -> Path:
    """Give the folder for runs, comparisons or sweeps."""
    return Path(os.environ.get(RUNS) or f"{kind}s")


def from_here(folder: Path) -> Path:
    """Give an absolute path as it is seen from the current folder, if it is below it."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
