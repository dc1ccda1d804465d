"""Find runs, comparisons and sweeps of a Ray cluster by its jobs and their metadata; follow them.

In this package a run may be a comparison or a sweep too, where nothing depends on which it is. The
job has the run's name, so that a run is never submitted twice at the same time. After its end,
submitting the run again goes on with it in a job called ``NAME~2``, then ``NAME~3``: Ray watches
the name of a job for some seconds after its end, and would take a new one of that name for dead.
"""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import WAITING
from spikeloop.cluster.ray_backend.job_client import JobInfo, Jobs
from spikeloop.cluster.signals import Interrupted
from spikeloop.coordinator.config.setting_errors import nearest
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.store.folder_kind import Kind
from spikeloop.coordinator.submit.job_folder import JobFolder, last_rows, n_ended, n_scored
from spikeloop.coordinator.submit.submission import Submission
from spikeloop.coordinator.sync.download import StoredRun
from spikeloop.coordinator.sync.stored_runs import StoredRuns, stored_at

RUN = "spikeloop.run"
"""Metadata: the run's name; jobs that have it are ours."""
CONFIG = "spikeloop.config"
"""Metadata: digest of the configuration."""
KIND = "spikeloop.kind"
"""Metadata: "run", "comparison" or "sweep"."""
SIZE = "spikeloop.size"
"""Metadata: how many generations, searches of the final phase or runs it has."""
CODE = "spikeloop.code"
"""Metadata: the fingerprint of the code that submitted, as JSON; "" for any."""
OUT = "spikeloop.out"
"""Metadata: the folder for results on the cluster; "" for the cluster's own."""

UNITS: Mapping[Kind, str] = {"run": "generations", "comparison": "searches", "sweep": "runs"}
"""What is counted to tell how far it is."""
FAILURES: Mapping[int, type[Exception]] = {1: RunFailed, 2: ConfigError, 3: PoolError}
"""What a failed driver's exit code means."""
POLL_S = 0.5
"""Time between two queries of a job that is waited for."""


def next_name(last: JobInfo | None, run: str) -> str:
    """The name of a run's next job."""
    return run if last is None else f"{run}~{_number(last) + 1}"


def last_jobs(jobs: Jobs) -> dict[str, JobInfo]:
    """The last job of each run by the run's name, the run that began first in front."""
    found: dict[str, JobInfo] = {}
    for job in jobs.all():
        if name := job.metadata.get(RUN):
            found[name] = max(found.get(name, job), job, key=_number)
    return found


def last_job(jobs: Jobs, sent: Submission) -> JobInfo | None:
    """The last job of what is submitted; ConfigError if its name is taken by a job of others."""
    name = sent.name
    job = last_jobs(jobs).get(name)
    if job is None and any(other.name == name for other in jobs.all()):
        raise ConfigError(
            f"{name}: the cluster has a job of that name that is not ours; {sent.rename}"
        )
    return job


def find(jobs: Jobs, name: str) -> JobInfo:
    """The last job of a run; ConfigError with the nearest name if there is none."""
    runs = last_jobs(jobs)
    if name not in runs:
        raise ConfigError(
            f"no run {name!r} at {jobs.address}; a cluster that was started anew knows a run once "
            f"it is submitted again, and then goes on with it{nearest(name, runs)}"
        )
    return runs[name]


def attempt(jobs: Jobs, name: str) -> JobInfo:
    """The last job of a run, or that of ``NAME~N``, the first being ``NAME~1``; or ConfigError."""
    run, tilde, number = name.rpartition("~")  # no run's name has one
    if not tilde:
        return find(jobs, name)
    last = find(jobs, run)
    for job in jobs.all():
        if job.metadata.get(RUN) == run and str(_number(job)) == number:
            return job
    raise ConfigError(
        f"no attempt {name!r} at {jobs.address}; the last one is {run}~{_number(last)}"
    )


def run_of(job: JobInfo) -> str:
    """The name of the run that a job carries."""
    return job.metadata[RUN]


def kind_of(job: JobInfo) -> Kind:
    """Whether a job carries a run, a comparison or a sweep."""
    found: Kind = job.metadata.get(KIND, "run")  # type: ignore[assignment]  # submit wrote it
    return found


def reason(job: JobInfo) -> str:
    """Why a job has failed, in one line."""
    lines = [line for line in job.message.splitlines() if line.strip()]
    ours = [line for line in lines if re.match("spikeloop: (?!warning: )", line)]
    if ours:
        return ours[-1].removeprefix("spikeloop: ")
    if job.exit_code is not None and not 0 <= job.exit_code < 128:  # a signal's, without a message
        return "its driver ended without a message (killed?); submit it again to go on"
    return lines[-1] if lines else "no reason given"


def stored_run(jobs: Jobs, job: JobInfo) -> StoredRun | StoredRuns:
    """The run's folder on the cluster; PoolError if there is none yet, or not any more."""
    stored = stored_at(JobFolder(jobs, job, run_of(job)))
    if isinstance(stored, StoredRun) and not stored.identity:
        kind = kind_of(job)
        raise PoolError(
            f"{run_of(job)}: there is no {kind}.json on the cluster (any more); the {kind} is "
            f"{job.state}, try again once it has begun"
        )
    return stored


def state_of(jobs: Jobs, job: JobInfo) -> dict[str, Any]:
    """What is known of a run, as plain values; None for what is not known."""
    folder, error_text, kind = "", None, kind_of(job)
    done: int | None = None
    latest: Any = {}
    known: Any = {}
    try:
        source = JobFolder(jobs, job, run_of(job))
        folder = source.path()
        if kind == "run":
            latest, known = last_rows(StoredRun(source))
            done = latest.get("generation")
        elif folder:
            done = n_scored(source) if kind == "comparison" else n_ended(source)
    except (PoolError, ConfigError) as error:
        error_text = None if job.state == "pending" else str(error)
    size = job.metadata.get(SIZE, "")
    waiting = _waiting(jobs, job)
    return {
        "name": run_of(job),
        "kind": kind,
        "job": job.name,
        "state": "waiting" if waiting else job.state,
        "reason": reason(job) if job.state == "failed" else error_text or waiting,
        "done": done,
        "planned": int(size) if size.isdigit() else None,
        "unit": UNITS[kind],
        "best": latest.get("best"),
        "held_out": known.get("held_out_score"),
        "submitted": job.submitted.isoformat(timespec="seconds") if job.submitted else None,
        "folder": folder or None,
    }


def _waiting(jobs: Jobs, job: JobInfo) -> str | None:
    """The message of a run that waits for cores of other runs; None if it does not wait."""
    if job.state != "running" or not job.node:
        return None
    line = jobs.last_line(job)
    return line if line.startswith(WAITING) else None


def follow(jobs: Jobs, job: JobInfo) -> None:
    """Print a job's log as it grows."""

    async def print_log() -> None:
        async for text in jobs.tail(job.name):
            typer.echo(text, nl=False)

    try:
        with _advice_if_lost(job):
            asyncio.run(print_log())
    except KeyboardInterrupt as error:
        raise Interrupted(f"no longer followed; {run_of(job)} goes on on the cluster") from error


def ended(jobs: Jobs, job: JobInfo) -> JobInfo:
    """Wait for a job to end."""
    try:
        while job.active:
            time.sleep(POLL_S)
            with _advice_if_lost(job):
                job = jobs.info(job.name)
    except KeyboardInterrupt as error:
        raise Interrupted(f"no longer waited for; {run_of(job)} goes on on the cluster") from error
    return job


def conclude(job: JobInfo) -> None:
    """End as the run did: raise one of ``FAILURES``, or Interrupted if it can be resumed."""
    name = run_of(job)
    if job.state == "stopped" or job.exit_code == 4:
        raise Interrupted(f"{name} has {job.state}; go on with it by submitting it again")
    if job.state == "failed":
        failure = FAILURES.get(job.exit_code or 1, RunFailed)
        raise failure(f"{name} has failed on the cluster: {reason(job)}")
    typer.echo(f"{name} has succeeded; download it with: spikeloop fetch {name}")


@contextmanager
def _advice_if_lost(job: JobInfo) -> Iterator[None]:
    """Say what to do about a run that was waited for when its cluster was lost."""
    try:
        yield
    except PoolError as error:
        raise PoolError(
            f"{error}; once it is back, look at {run_of(job)} there, or submit it again to go on "
            "from its last commit"
        ) from error


def _number(job: JobInfo) -> int:
    """How often the run was submitted up to this job."""
    number = job.name.rpartition("~")[2]
    return int(number) if "~" in job.name and number.isdigit() else 1
