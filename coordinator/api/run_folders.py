"""Where runs, comparisons and sweeps go if their caller says nothing."""

import os
from pathlib import Path

from spikeloop.coordinator.store.folder_kind import Kind

RUNS = "SPIKELOOP_RUNS"
"""Environment variable that names the folder for all results."""


def folder_for(kind: Kind) -> Path:
    """Give the folder for runs, comparisons or sweeps."""
    return Path(os.environ.get(RUNS) or f"{kind}s")
