"""The command ``spikeloop compare``."""

from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.api.run_folders import RUNS
from spikeloop.coordinator.cli.options import Address, ConfigPath, Inline, Json, Sets, Workers


def compare(
    config: ConfigPath,
    sets: Sets = None,
    out: Annotated[Path, typer.Option("--out", envvar=RUNS, help="folder for comparisons")] = Path(
        "comparisons"
    ),
    again: Annotated[
        bool, typer.Option("--resume", help="go on with the comparison if its folder exists")
    ] = False,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Compare strategies, each tuned by Optuna, at equal budget.

    After the tuning all search with the same fresh seeds.
    """
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api.configure_comparison import configure_comparison
    from spikeloop.coordinator.api.progress import stream
    from spikeloop.coordinator.api.resumable import by_command
    from spikeloop.coordinator.api.sessions import start_comparison
    from spikeloop.coordinator.api.view import ConsoleView

    settings = configure_comparison(
        config, sets=sets, workers=workers, inline=inline, address=address, caller="command line"
    )
    folder = out / settings.comparison.name
    stop = StopSignal()
    stop.install()
    view = ConsoleView(stream(stderr=as_json), as_json)
    start_comparison(settings, folder, view, stop, by_command(folder, settings.tables()), again)
