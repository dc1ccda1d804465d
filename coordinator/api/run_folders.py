"""Where runs, comparisons and sweeps go if their caller says nothing, and how they are named."""

import os
from pathlib import Path

RUNS = "SPIKELOOP_RUNS"
"""Environment variable that names the folder for the folders of runs and comparisons."""


def runs_folder() -> Path:
    """Give the folder for run folders."""
    return Path(os.environ.get(RUNS) or "runs")


def sweeps_folder() -> Path:
    """Give the folder for sweeps."""
    return Path(os.environ.get(RUNS) or "sweeps")


def comparisons_folder() -> Path:
    """Give the folder for comparisons."""
    return Path(os.environ.get(RUNS) or "comparisons")


def from_here(folder: Path) -> Path:
    """Give an absolute path as it is seen from the current folder, if it is below it."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
