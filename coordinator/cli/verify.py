"""The command ``spikeloop verify``."""

import json

import typer

from spikeloop.coordinator.cli.options import Json, RunPath, Trust
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.formatting import printable, warn


def verify(run: RunPath, trust: Trust = False, as_json: Json = False) -> None:
    """Check all files and numbers of a run, comparison or sweep.

    Checksums and columns are right, and every number follows from the episodes.
    """
    from spikeloop.coordinator.store.folder_kind import is_comparison, is_sweep
    from spikeloop.coordinator.store.run_store import RunStore
    from spikeloop.coordinator.verification import verify_comparison, verify_run, verify_sweep

    if is_comparison(run):
        report = verify_comparison.verify(run, trust)
    elif is_sweep(run):
        report = verify_sweep.verify(run, trust)
    else:
        report = verify_run.verify(RunStore.open(run), trust)
    if as_json:
        typer.echo(json.dumps({"ok": not report.problems, **vars(report)}))
    else:
        for line in (*report.checked, *(f"PROBLEM: {problem}" for problem in report.problems)):
            typer.echo(printable(line))
        for line in report.warnings:
            warn(line)
    if report.problems:
        raise RunFailed(
            f"{run}: {len(report.problems)} problem(s); the first: {report.problems[0]}"
        )
