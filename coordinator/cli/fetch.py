"""``spikeloop fetch``: download results from a Ray cluster or from storage, and verify them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spikeloop.coordinator.cli.options import Json, ResultsOut
from spikeloop.coordinator.cli.submit import Address, Name
from spikeloop.coordinator.errors import ConfigError, NeedsTrust, RunFailed

if TYPE_CHECKING:
    from spikeloop.coordinator.sync.download import StoredRun
    from spikeloop.coordinator.sync.stored_runs import StoredRuns


def fetch(
    name: Name, out: ResultsOut = None, address: Address = None, as_json: Json = False
) -> None:
    """Download the folder of a submitted run, comparison or sweep.

    What is still going on is downloaded as far as it has come.

    NAME may also be an address on other storage, such as s3://bucket/prefix/name.
    """
    from spikeloop.coordinator.api.run_folders import folder_for
    from spikeloop.coordinator.config.uris import is_address
    from spikeloop.coordinator.formatting import warn
    from spikeloop.coordinator.sync.download import StoredRun, storage_at
    from spikeloop.coordinator.sync.stored_runs import stored_at

    stored: StoredRun | StoredRuns
    state, size, active = "", "", False
    if is_address(name):
        storage, name = storage_at(name)
        stored = stored_at(storage)
    elif "/" in name:  # which no run's name has
        raise ConfigError(
            f"the address of a stored run must be an absolute path or a URI, not {name}"
        )
    else:
        stored, state, size, active = _on_cluster(name, address)
    folder = (out or folder_for(stored.kind)) / name
    n_new = stored.download(folder)
    if isinstance(stored, StoredRun):
        done = f"generation {stored.generation}" if stored.generation > 0 else "no generation yet"
        found = {"generation": stored.generation}
    else:
        done, found = f"{stored.n_runs} runs", {"n_runs": stored.n_runs}
    if active and stored.kind != "run":
        note = f"the {stored.kind} goes on; fetch it again once it has ended"
    else:
        note = _verify(folder)
    if as_json:
        found |= {"n_files": stored.n_files, "n_new": n_new}
        about = {"state": state} if state else {}
        text = {"folder": str(folder), "kind": stored.kind, **about, **found, "note": note}
        typer.echo(json.dumps(text))
        return
    if note:
        warn(f"every file is sound, but numbers were not compared: {note}")
    of = f" of {size}" if size and isinstance(stored, StoredRun) else ""
    progress = f"{of}, {state}" if state else ""
    typer.echo(f"fetched {n_new} new files, {stored.n_files} in all, sound; {done}{progress}")
    typer.echo(f"results: {folder}")


def _on_cluster(name: str, address: str | None) -> "tuple[StoredRun | StoredRuns, str, str, bool]":
    """What is on a cluster, its job's state, how large it is, and whether it goes on."""
    from spikeloop.cluster.ray_backend.job_client import Jobs
    from spikeloop.coordinator.submit import submitted_runs

    jobs = Jobs(address)
    job = submitted_runs.find(jobs, name)
    size = job.metadata.get(submitted_runs.SIZE, "?")
    return submitted_runs.stored_run(jobs, job), job.state, size, job.active


def _verify(folder: Path) -> str:
    """Compare the numbers with each other; the reason if that cannot be done here, or ""."""
    from spikeloop.coordinator.formatting import command_line
    from spikeloop.coordinator.verification.verify_folder import verify_folder

    try:
        problems = verify_folder(folder).problems
    except NeedsTrust:
        command = command_line("verify", folder, "--trust")
        return f"its own classes are not loaded; if you trust their author: {command}"
    except ConfigError as error:
        return str(error)
    if problems:
        raise RunFailed(f"{folder}: {len(problems)} problem(s); the first: {problems[0]}")
    return ""
