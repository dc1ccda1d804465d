"""``spikeloop fetch``: download a run from a Ray cluster or from storage, and verify it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spikeloop.coordinator.cli.options import Json, Out
from spikeloop.coordinator.cli.submit import Address, Name
from spikeloop.coordinator.errors import ConfigError, NeedsTrust, RunFailed

if TYPE_CHECKING:
    from spikeloop.coordinator.store.run_store import RunStore
    from spikeloop.coordinator.sync.download import StoredRun


def fetch(
    name: Name, out: Out = Path("runs"), address: Address = None, as_json: Json = False
) -> None:
    """Download the folder of a run from a Ray cluster.

    A run that is still going on is downloaded as far as it has come.

    NAME may also be the address of a run on other storage, such as s3://bucket/prefix/name.
    """
    from spikeloop.coordinator.config.uris import is_address
    from spikeloop.coordinator.formatting import warn
    from spikeloop.coordinator.store.run_store import RunStore
    from spikeloop.coordinator.sync.download import StoredRun, storage_at

    state, progress = "", ""
    if is_address(name):
        storage, name = storage_at(name)
        stored = StoredRun(storage)
    elif "/" in name:  # which no run's name has
        raise ConfigError(
            f"the address of a stored run must be an absolute path or a URI, not {name}"
        )
    else:
        stored, state, progress = _on_cluster(name, address)
    folder = out / name
    n_new = stored.download(folder)
    note = _verify(RunStore(folder))
    n_files = 1 + len(stored.committed())
    if as_json:
        found = {"generation": stored.generation, "n_files": n_files, "n_new": n_new, "note": note}
        about = {"state": state} if state else {}
        typer.echo(json.dumps({"folder": str(folder), **about, **found}))
        return
    if note:
        warn(f"every file is sound, but numbers were not compared: {note}")
    done = f"generation {stored.generation}" if stored.generation > 0 else "no generation yet"
    typer.echo(f"fetched {n_new} new files, {n_files} in all, sound; {done}{progress}")
    typer.echo(f"results: {folder}")


def _on_cluster(name: str, address: str | None) -> "tuple[StoredRun, str, str]":
    """The folder of a run on a cluster, its job's state, and how far that is as text."""
    from spikeloop.cluster.ray_backend.job_client import Jobs
    from spikeloop.coordinator.submit import submitted_runs

    jobs = Jobs(address)
    job = submitted_runs.find(jobs, name)
    generations = job.metadata.get(submitted_runs.GENERATIONS, "?")
    return submitted_runs.stored_run(jobs, job), job.state, f" of {generations}, {job.state}"


def _verify(store: "RunStore") -> str:
    """Compare a run's numbers with each other; the reason if that cannot be done here, or ""."""
    from spikeloop.coordinator.formatting import command_line
    from spikeloop.coordinator.verification import verify_run

    try:
        problems = verify_run.verify(store).problems
    except NeedsTrust:
        command = command_line("verify", store.folder, "--trust")
        return f"its own classes are not loaded; if you trust their author: {command}"
    except ConfigError as error:
        return str(error)
    if problems:
        raise RunFailed(f"{store.folder}: {len(problems)} problem(s); the first: {problems[0]}")
    return ""
