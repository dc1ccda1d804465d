"""Writes and submits a SLURM batch script, which starts Ray on the job's nodes for one command.

The script (``deploy/slurm.sh.jinja``) is all that the job needs: it can be read, changed and
submitted by hand. Decision 0019 says why it starts Ray itself.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from spikeloop.cluster.manifests.template import filled
from spikeloop.cluster.patterns import matching
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.local_cluster import OBJECT_STORE_BYTES, ONE_THREAD_EACH
from spikeloop.tasks.settings import Settings

SET_BY = {
    **{name: f"--{name}" for name in ("nodes", "cpus-per-task", "time", "mem")},
    **{name: f"--{name}" for name in ("partition", "account")},
    "signal": "--notice",
    "job-name": "--set run.name=NAME",
    "output": "--out",
}
"""Options of sbatch that the script can have already, and the option here that sets them."""

ALREADY = ("open-mode", "requeue", "ntasks-per-node")
"""Options of sbatch that the script needs as it has them."""

BREAKING = {
    "array": "all its tasks would be the same run, and its folder is locked by the first; give "
    "each run a job and a name of its own with --set run.name=NAME",
    "chdir": "the job works in the folder of the configuration, and its log is beside the script",
    "no-requeue": "a run that meets its time limit goes on because its job is queued again",
    "ntasks": "one Ray runs on each node; choose --nodes and --cpus-per-task",
}
"""Options of sbatch that the script does not set and that would break it, each with the reason."""


def _allowed(text: str) -> str:
    """Refuse an option that the script sets, or that would break it."""
    name = text[2:].partition("=")[0]
    if name in SET_BY:
        raise ValueError(f"must not be --{name}, which {SET_BY[name]} of spikeloop slurm sets")
    if name in ALREADY:
        raise ValueError(f"must not be --{name}, which the script sets itself, as it needs it")
    if name in BREAKING:
        raise ValueError(f"must not be --{name}: {BREAKING[name]}")
    return text


Memory = Annotated[str, matching(r"\d+[KMGT]?", "a number with K, M, G or T, such as 4G")]
Name = Annotated[str, matching(r"[\w.,@+-]+", "a plain name")]
# SLURM would read the words of a line as several options.
Option = Annotated[
    str,
    matching(r"--[a-z][a-z-]*(=[!-~]+)?", "one word such as --qos=long"),
    AfterValidator(_allowed),
]


class SlurmBatch(Settings):
    """The resources and limits that the job asks SLURM for."""

    nodes: int = Field(ge=1, le=10_000, description="nodes of the job")
    time: str = Field(description='limit of one start, as "90" (minutes), "HH:MM:SS", "D-HH:MM:SS"')
    cpus_per_task: int | None = Field(
        default=None, ge=1, description="cores of each node; default: whole nodes"
    )
    mem: Memory | None = Field(default=None, description="of each node; default: the site's")
    partition: Name | None = Field(default=None, description="default: the site's")
    account: Name | None = Field(default=None, description="that pays; default: the site's")
    options: tuple[Option, ...] = Field(default=(), description="other options of sbatch")
    setup: str = Field(
        default="",
        description="lines of shell that make spikeloop available on a node; default: the "
        "installation that runs now",
    )
    notice_s: int = Field(
        default=120,
        ge=1,
        le=65_535,
        description="time before the limit at which the run commits and is queued again",
    )
    patience_s: int = Field(default=300, ge=1, description="time until all nodes must be there")

    @model_validator(mode="after")
    def _has_notice(self) -> Self:
        if self.time_s <= self.notice_s:
            raise ValueError(
                f"time must be longer than the notice of {self.notice_s} s, got {self.time}"
            )
        return self

    @property
    def time_s(self) -> int:
        """The limit in seconds; ValueError if it is not in SLURM's format."""
        found = re.fullmatch(
            r"(?:(?P<d>\d+)-)?(?P<a>\d+)(?::(?P<b>\d+))?(?::(?P<c>\d+))?", self.time, re.ASCII
        )
        if found is None:
            raise ValueError(
                f"time must be minutes, HH:MM:SS or D-HH:MM:SS, such as 02:30:00, got {self.time!r}"
            )
        days, *parts = (int(found[part] or 0) for part in "dabc")
        if found["d"] is not None or found["c"] is not None:
            hours, minutes, seconds = parts
        else:
            hours, (minutes, seconds) = 0, parts[:2]
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def script(
    batch: SlurmBatch,
    name: str,
    command: Sequence[str],
    out: Path,
    folder: Path,
) -> str:
    """Return the batch script of one command.

    Args:
        batch: what the job asks for.
        name: of the folder of results: letters, digits, ".", "_" and "-".
        command: of spikeloop, with its arguments; ``--resume`` and ``--out`` are added.
        out: where that folder is; all nodes must see it.
        folder: in which the job works, so that relative paths in a configuration are found.
    """
    out = out.resolve()
    line = ["spikeloop", *command, "--resume", "--out", str(out)]
    asked = batch.model_dump(include={"mem", "partition", "account"}, exclude_none=True)
    bin_ = shlex.quote(str(Path(sys.executable).parent))
    values = {
        **batch.model_dump(exclude={"partition", "account", "options"}),
        "setup": batch.setup.strip() or f'export PATH={bin_}:"$PATH"',
    }
    return filled(
        "slurm.sh.jinja",
        {"quote": lambda path: shlex.quote(str(path))},
        **values,
        name=name,
        time_s=batch.time_s,
        lines=[*(f"--{option}={value}" for option, value in asked.items()), *batch.options],
        out=out,
        folder=folder.resolve(),
        program=command[0],
        threads=[f"{library}={n}" for library, n in ONE_THREAD_EACH.items()],
        store_bytes=OBJECT_STORE_BYTES,
        command=shlex.join(line),
    )


def write(text: str, name: str, out: Path) -> Path:
    """Write a script where the folder of results will be; raise OSError if that cannot be."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.sbatch"
    path.write_text(text, errors="surrogateescape")
    return path


def submit(path: Path) -> str:
    """Submit a script and return the job's number; raise PoolError if SLURM does not take it."""
    if shutil.which("sbatch") is None:
        raise PoolError(
            f"{path}: written, but sbatch is not found here; log in where jobs are submitted and "
            "there: cd to its folder and sbatch it"
        )
    # Its folder is the job's, so that no path stands in a line that SLURM reads.
    done = subprocess.run(
        ["sbatch", "--parsable", path.name],
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"sbatch ended with {done.returncode}"
        raise PoolError(f"{path}: SLURM does not take it: {reason}")
    return done.stdout.strip().partition(";")[0]
