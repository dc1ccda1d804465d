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
    from spikeloop.coordinator.verification.verify_folder import verify_folder

    report = verify_folder(run, trust)
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
