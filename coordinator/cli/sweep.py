"""The command ``spikeloop sweep``, and the progress and findings that ``resume`` shows too."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spikeloop.coordinator.cli.options import (
    RUNS,
    Address,
    ConfigPath,
    Inline,
    Json,
    Sets,
    Workers,
)

if TYPE_CHECKING:
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api.sweep_progress import SweepConsole
    from spikeloop.coordinator.comparison.findings.findings import Findings
    from spikeloop.coordinator.sweep.sweep_config import SweepConfig

    Session: TypeAlias = Callable[[SweepConsole, StopSignal], Findings]

Over = Annotated[
    list[str] | None,
    typer.Option("--over", metavar="TABLE.KEY=VALUES", help="values to try, such as 0.1,0.2"),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", min=1, help="runs of each setting, paired by seed")
]


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
    """Run a grid of settings with several seeds each, several runs at a time, and compare them."""
    from spikeloop.coordinator.api.configure import retarget
    from spikeloop.coordinator.config.load import overrides
    from spikeloop.coordinator.sweep import session, sweep_config
    from spikeloop.coordinator.sweep.settings_grid import read_all

    settings = sweep_config.load(config, overrides(sets), read_all(over), seeds)
    settings = settings.retarget(retarget(settings.first, workers, inline, address).target)
    folder = out / settings.name
    begin = session.start_or_resume if again else session.start
    show_sweep(
        settings, folder, lambda reporter, stop: begin(settings, folder, reporter, stop), as_json
    )


def show_sweep(config: "SweepConfig", folder: Path, session: "Session", as_json: bool) -> None:
    """Run a session with progress, then show its findings and where its files are.

    With ``as_json`` the findings are JSON, and the progress goes to standard error. RunFailed at
    the end if some runs failed.
    """
    from spikeloop.coordinator.api import progress, sweep_progress
    from spikeloop.coordinator.api.resumable import resumable
    from spikeloop.coordinator.report.write_report import write_report
    from spikeloop.coordinator.sweep.session import require_all

    console = progress.stream(stderr=as_json)
    with (
        resumable(folder, config.tables()) as stop,
        sweep_progress.SweepConsole(config, folder, console) as reporter,
    ):
        found = session(reporter, stop)
    report = write_report(folder)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        sweep_progress.print_findings(found, folder, report, console)
    require_all(folder)
