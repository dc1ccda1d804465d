"""What a process that Ray started as a job can know of its job, and lend to whoever asks over HTTP.

Ray hands a job its runtime environment and its metadata in one variable of the environment. What
the environment holds, ``ray.init`` must not give again (a ``ValueError``).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Where Ray tells a job what it was submitted with."""

LENT = "spikeloop"
"""Folder below Ray's logs, in which every run has a link to its folder."""


def runtime_env() -> Mapping[str, Any]:
    """The runtime environment that the job was submitted with; empty outside a job."""
    return _told("runtime_env")


def metadata() -> Mapping[str, str]:
    """The metadata that the job was submitted with; empty outside a job."""
    return _told("metadata")


def lend(folder: Path, name: str) -> bool:
    """Puts a folder in reach of the log interface of Ray's dashboard, which asks for the token.

    Ray follows links out of its log folder, so nothing is copied, and what the run commits later
    can be read as well. Beside the link a file of text says where the folder is (``told_in``).

    Args:
        folder: it may be still to be made.
        name: to lend it under; what was lent under that name before no longer is.

    Returns:
        Whether this process writes to its job's log, which tells where Ray's logs are.
    """
    job = metadata().get("job_submission_id")
    try:
        log = Path(os.readlink("/proc/self/fd/1"))
    except OSError:
        return False
    if log.name != f"job-driver-{job}.log":
        return False
    shelf = log.parent / LENT
    shelf.mkdir(exist_ok=True)
    (shelf / told_in(name)).write_text(f"{folder}\n", encoding="utf-8", errors="surrogateescape")
    link = shelf / name
    link.unlink(missing_ok=True)
    link.symlink_to(folder, target_is_directory=True)
    return True


def told_in(name: str) -> str:
    """The file that says where a folder is which is lent under a name; no run's name begins so."""
    return f".{name}.txt"


def _told(what: str) -> Mapping[str, Any]:
    told = json.loads(os.environ.get(VARIABLE) or "{}").get(what) or {}
    return told if isinstance(told, dict) else {}
