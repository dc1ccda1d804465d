"""What a process that Ray started as a job knows of its job, and how it shares files over HTTP.

Ray hands a job its runtime environment and its metadata in one variable of the environment. What
that environment holds, ``ray.init`` must not give again (a ``ValueError``).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Where Ray tells a job what it was submitted with."""

SHARED = "spikeloop"
"""Folder below Ray's logs that holds a link to the folder of every run."""


def runtime_env() -> Mapping[str, Any]:
    """Return the runtime environment that the job was submitted with; empty outside a job."""
    return _job_config("runtime_env")


def metadata() -> Mapping[str, str]:
    """Return the metadata that the job was submitted with; empty outside a job."""
    return _job_config("metadata")


def share_folder(folder: Path, name: str) -> bool:
    """Make a folder readable through the log interface of Ray's dashboard, which wants the token.

    Ray follows links out of its log folder, so nothing is copied, and what the run commits later
    can be read as well. A text file beside the link says where the folder is (``location_file``).

    Args:
        folder: it need not exist yet.
        name: under which it is shared; it replaces what was shared under that name before.

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
    shared = log.parent / SHARED
    shared.mkdir(exist_ok=True)
    location = shared / location_file(name)
    location.write_text(f"{folder}\n", encoding="utf-8", errors="surrogateescape")
    link = shared / name
    link.unlink(missing_ok=True)
    link.symlink_to(folder, target_is_directory=True)
    return True


def location_file(name: str) -> str:
    """Return the file that holds a shared folder's path; no run's name begins with a dot."""
    return f".{name}.txt"


def _job_config(part: str) -> Mapping[str, Any]:
    found = json.loads(os.environ.get(VARIABLE) or "{}").get(part) or {}
    return found if isinstance(found, dict) else {}
