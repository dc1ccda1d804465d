"""Finds out how many cores this process may use."""

import math
import os
from pathlib import Path


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the cores that CPU affinity and the container's quota leave to a process, at least 1.

    Args:
        cgroup: mount point of the control groups, version 2 (``cpu.max``) or 1 (``cpu/cpu.cfs_*``).
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # macOS
        cores = os.cpu_count() or 1
    return max(1, min(cores, math.floor(_quota(cgroup))))


def _quota(cgroup: Path) -> float:
    """Return how many cores' time the container may use; very many if that is not limited."""
    try:
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
    except OSError:
        return 1e9
    return 1e9 if quota in ("max", "-1") else int(quota) / int(period)
