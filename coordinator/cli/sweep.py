"""The command ``spikeloop sweep``."""

from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.api.run_folders import RUNS
from spikeloop.coordinator.cli.options import (
    Address,
    ConfigPath,
    Inline,
    Json,
    Over,
    Seeds,
    Sets,
    Workers,
)


def sweep(
    config: ConfigPath,
    over: Over = None,
    seeds: Seeds = None,
    sets: Sets = None,
    out: Annotated[Path, typer.Option("--out", envvar=RUNS, help="folder for sweeps")] = Path(
        "sweeps"
    ),
    again: Annotated[
        bool, typer.Option("--resume", help="go on with the sweep if its folder exists")
    ] = False,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Run a grid of settings and seeds, and compare the settings.

    Several runs are under way at a time, so that small ones keep all workers busy.
    """
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api.configure_sweep import configure_sweep
    from spikeloop.coordinator.api.progress import stream
    from spikeloop.coordinator.api.resumable import by_command
    from spikeloop.coordinator.api.sessions import start_sweep
    from spikeloop.coordinator.api.view import ConsoleView
    from spikeloop.coordinator.sweep.settings_grid import read_all

    settings = configure_sweep(
        config,
        over=read_all(over),
        seeds=seeds,
        sets=sets,
        workers=workers,
        inline=inline,
        address=address,
        caller="command line",
    )
    folder = out / settings.name
    stop = StopSignal()
    stop.install()
    view = ConsoleView(stream(stderr=as_json), as_json)
    start_sweep(settings, folder, view, stop, by_command(folder, settings.tables()), again)
