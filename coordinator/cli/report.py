"""The command ``spikeloop report``."""

from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import FolderPath, Trust


def report(
    folder: FolderPath,
    out: Annotated[Path | None, typer.Option("--out", help="another HTML file")] = None,
    trust: Trust = False,
) -> None:
    """Write a run, comparison or sweep as one HTML file."""
    from spikeloop.coordinator.report.write_report import write_report

    typer.echo(f"report:  {write_report(folder, out, trust)}")
