"""The command ``spikeloop list``."""

import json
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import Json


def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[families|learners|strategies|targets|compatibility]", show_default=False
        ),
    ] = "",
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="only this one", show_default=False)
    ] = "",
    as_json: Json = False,
) -> None:
    """Show families, learners, strategies and targets, and settings.

    Each setting has its range, unit and default; "compatibility" shows what runs on what.
    """
    from spikeloop.coordinator.api import catalogue, compatibility_table, progress
    from spikeloop.coordinator.cli.terminal import paged

    if what == "compatibility" and not kind:
        pairs = compatibility_table.rows()
        if as_json:
            typer.echo(json.dumps(pairs))
        else:
            compatibility_table.print_rows(pairs, progress.stream())
        return
    entries = catalogue.entries(what, kind)
    if as_json:
        typer.echo(json.dumps(entries))
        return
    console = progress.stream()
    with paged(console):
        catalogue.print_entries(entries, console)
