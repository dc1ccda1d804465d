"""``spikeloop submit``, ``status``, ``logs`` and ``stop``: jobs of a Ray cluster.

A job is a run, a comparison or a sweep.
"""

import json
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator.cli.options import ConfigPath, Json, Over, Seeds, Sets
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.cluster.ray_backend.job_client import JobInfo, Jobs
    from spikeloop.coordinator.submit.submission import Submission

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="of the run, the comparison or the sweep")
]
Attempt = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="as it was submitted; NAME~1, NAME~2… for what it was before"
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        help="the cluster's dashboard [default: $RAY_API_SERVER_ADDRESS or http://127.0.0.1:8265]",
    ),
]
Follow = Annotated[bool, typer.Option("--follow", help="show what it prints until it has ended")]
Wait = Annotated[bool, typer.Option("--wait", help="return when it has ended")]


def submit(
    config: ConfigPath,
    over: Over = None,
    seeds: Seeds = None,
    sets: Sets = None,
    address: Address = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="for results, on the cluster [default: its $SPIKELOOP_RUNS or ~/spikeloop-runs]",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="at most so many [default: as many as find free cores]"
        ),
    ] = None,
    wait: Wait = False,
    follow: Follow = False,
    any_code: Annotated[
        bool, typer.Option("--any-code", help="do not compare the cluster's code with this one")
    ] = False,
) -> None:
    """Carry out a configuration on a Ray cluster, or go on with it.

    It may be of a run, a comparison or a sweep.
    """
    from spikeloop.cluster.ray_backend.exposure import warn_of_folder
    from spikeloop.cluster.ray_backend.job_client import Jobs
    from spikeloop.cluster.ray_backend.open_ports import folder_behind
    from spikeloop.coordinator.api.configure_any import submission
    from spikeloop.coordinator.submit import package, submitted_runs

    sent = submission(config, over, seeds, sets)
    if out is not None and not PurePosixPath(out).is_absolute():
        raise ConfigError(f"--out must be an absolute path on the cluster, got {out}")
    name = sent.name
    jobs = Jobs(address)
    if jobs.owner:
        typer.echo(f"no --address was given; the cluster at {jobs.address} is {jobs.owner}")
    if folder := folder_behind(jobs.address):
        warn_of_folder(folder)
    job = submitted_runs.last_job(jobs, sent)
    if job is not None:
        out = _same(jobs, job, sent, out)
    if job is not None and job.active:
        typer.echo(f"{name} is {job.state} already; nothing was submitted")
    else:
        again = "" if job is None else " again"
        job_name = submitted_runs.next_name(job, name)
        with tempfile.TemporaryDirectory() as temporary:
            packed = Path(temporary) / f"{name}.zip"
            code = package.pack(sent, packed)
            command = package.entrypoint(sent, workers)
            metadata = job_metadata(sent, {} if any_code else code, out)
            jobs.submit(job_name, command, packed, {}, metadata)
        job = jobs.info(job_name)
        typer.echo(f"{name} submitted{again} to {jobs.address}")
    if follow:
        submitted_runs.follow(jobs, job)
    if wait or follow:
        submitted_runs.conclude(submitted_runs.ended(jobs, job))
    else:
        typer.echo(f"look at it with: spikeloop status {name}, spikeloop logs {name} --follow")


def status(
    name: Annotated[str, typer.Argument(metavar="[NAME]", show_default=False)] = "",
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Show what was submitted to a Ray cluster.

    Each run, comparison or sweep has its state, how far it is and where its results are; a run
    its scores too.
    """
    from spikeloop.cluster.ray_backend.job_client import Jobs
    from spikeloop.coordinator.submit import submitted_runs

    jobs = Jobs(address)
    chosen = (
        [submitted_runs.attempt(jobs, name)]
        if name
        else list(submitted_runs.last_jobs(jobs).values())
    )
    rows = [submitted_runs.state_of(jobs, job) for job in chosen]
    if as_json:
        typer.echo(json.dumps(rows[0] if name else rows))
    elif rows:
        _show(rows)
        for row in rows:
            if row["reason"]:
                typer.echo(f"{row['name']}: {row['reason']}")
    else:
        typer.echo(f"nothing was submitted to {jobs.address}; do so with: spikeloop submit CONFIG")


def logs(name: Attempt, follow: Follow = False, address: Address = None) -> None:
    """Print what a submitted run, comparison or sweep has printed."""
    from spikeloop.cluster.ray_backend.job_client import Jobs
    from spikeloop.coordinator.submit import submitted_runs

    jobs = Jobs(address)
    job = submitted_runs.attempt(jobs, name)
    if follow:
        submitted_runs.follow(jobs, job)
        submitted_runs.conclude(submitted_runs.ended(jobs, job))
    else:
        typer.echo(jobs.logs(job.name), nl=False)


def stop(name: Name, wait: Wait = False, address: Address = None) -> None:
    """End a submitted run, comparison or sweep; it can go on later.

    It goes on when it is submitted again.
    """
    from spikeloop.cluster.ray_backend.job_client import Jobs
    from spikeloop.coordinator.submit import submitted_runs

    jobs = Jobs(address)
    job = submitted_runs.find(jobs, name)
    if not job.active or not jobs.stop(job.name):
        typer.echo(f"{name} is not running, it has {job.state}")
        return
    if wait:
        job = submitted_runs.ended(jobs, job)
        typer.echo(f"{name} has {job.state}; go on with it by submitting it again")
    else:
        typer.echo(f"{name} is being stopped; what it has committed stays")


def job_metadata(sent: "Submission", code: dict[str, str], out: str | None) -> dict[str, str]:
    """Give what a job knows of itself; without ``code``, its fingerprint, any code will do."""
    from spikeloop.coordinator.submit import submitted_runs

    return {
        submitted_runs.RUN: sent.name,
        submitted_runs.KIND: sent.kind,
        submitted_runs.CONFIG: sent.digest(),
        submitted_runs.CODE: json.dumps(code) if code else "",
        submitted_runs.OUT: out or "",
        submitted_runs.SIZE: str(sent.size),
    }


def _same(jobs: "Jobs", job: "JobInfo", sent: "Submission", out: str | None) -> str:
    """Return the ``--out`` of the job; ConfigError unless the same was submitted before."""
    from spikeloop.coordinator.submit import submitted_runs
    from spikeloop.coordinator.submit.job_folder import JobFolder

    name, other = sent.name, sent.rename
    if job.metadata.get(submitted_runs.CONFIG) != sent.digest():
        raise ConfigError(f"{name}: was submitted with another configuration; {other}")
    before = job.metadata.get(submitted_runs.OUT, "")
    if before != (out or ""):
        used = JobFolder(jobs, job, name).path()  # which the cluster's own --out may be, too
        if out is None or str(PurePosixPath(out, name)) != used:
            shown = f"--out {before}; give that again" if before else "no --out; leave it away"
            raise ConfigError(f"{name}: was submitted with {shown}, or {other}")
    return before


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from spikeloop.coordinator.api import progress as console

    table = Table(box=None, pad_edge=False)
    for column in ("name", "state", "done", "best", "held-out", "submitted (UTC)", "results"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["name"],
            row["state"],
            f"{_text(row['done'])} of {_text(row['planned'])} {row['unit']}",
            _text(row["best"]),
            _text(row["held_out"]),
            _text(row["submitted"])[:19].replace("T", " "),
            _text(row["folder"]),
        )
    console.stream().print(table)


def _text(value: object) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
