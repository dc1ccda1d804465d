"""Describe a run for its manifest, ``run.json``: what repeats it, and what made its numbers."""

import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import spikeloop
from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.config.own_classes import code_of
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.stats.scores import ends
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.processor import kernels
from spikeloop.workers.space import ParameterSpace

PACKAGES = ("numpy", "numba", "ray", "pyarrow", "pandas", "pydantic", "scipy")
"""Packages that every run needs."""
OPTIONAL_PACKAGES = ("brian2", "cython", "gymnasium")
"""Packages of some learners and families, on whose versions results depend too."""


def describe(config: RunConfig) -> dict[str, Any]:
    """Give the manifest of a new run."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.tables(),
        "working_dir": str(config.working_dir) if config.working_dir else None,
        "space": describe_space(config.space),
        "scale": ends(config.family.interface),
        "spikeloop": spikeloop.__version__,
        "commit": _commit(),
        "fingerprint": code_of(config),
        "versions": versions(),
        "python": platform.python_version(),
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": processor(),
            "kernels": kernels(),
            "cores": os.cpu_count(),
        },
    }


def versions() -> dict[str, str]:
    """Give the versions of the installed packages that results can depend on."""
    found = {name: metadata.version(name) for name in PACKAGES}
    for name in OPTIONAL_PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def describe_space(space: ParameterSpace) -> list[dict[str, Any]]:
    """Give the hyperparameters as plain values, for ``run.json`` and ``spikeloop list``."""
    described = []
    for parameter in space.parameters:
        kind = type(parameter).__name__.lower()
        values: Mapping[str, Any] = vars(parameter)
        described.append({"type": kind, **{k: v for k, v in values.items() if v not in ("", None)}})
        if isinstance(parameter, Weights) and parameter.size > MAX_STORED_DIM:
            described[-1]["stored"] = "in the state only"
    return described


def processor() -> str:
    """Name this machine's processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _commit() -> str | None:
    """Give the git commit of the source, "+changes" if the tree differs; None outside git."""
    options: dict[str, Any] = {
        "cwd": Path(__file__).resolve().parent,
        "capture_output": True,
        "text": True,
        "timeout": 10,
    }
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], **options)
        changes = subprocess.run(["git", "status", "--porcelain"], **options)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if commit.returncode != 0:
        return None
    return f"{commit.stdout.strip()}{'+changes' if changes.stdout.strip() else ''}"
