"""The command ``spikeloop list``."""

import json
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import Json


def list_(
    what: Annotated[
        str, typer.Argument(metavar="[families|learners|strategies|targets]", show_default=False)
    ] = "",
    as_json: Json = False,
) -> None:
    """Show families, learners, strategies and targets, and settings.

    Each setting has its range, unit and default.
    """
    from spikeloop.coordinator.api import catalogue, progress

    entries = catalogue.entries(what)
    if as_json:
        typer.echo(json.dumps(entries))
    else:
        catalogue.print_entries(entries, progress.stream())
