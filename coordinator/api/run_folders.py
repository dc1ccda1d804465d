"""Where runs and comparisons go if their caller says nothing."""

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
