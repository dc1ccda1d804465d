"""The sources of the package: its modules, and a copy of all that a distribution is built from."""

import shutil
from pathlib import Path

from support.paths import ROOT

LAYERS = ("tasks", "workers", "cluster", "coordinator")
"""In the order of the imports: each may import itself and what stands before it."""

SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def copy_sources(folder: Path) -> None:
    """Copy the package with its links, the settings of its build, the README and the licence."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in (*LAYERS, "examples", "spikeloop"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
