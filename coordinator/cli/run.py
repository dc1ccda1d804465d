"""The command ``spikeloop run``."""

from pathlib import Path

from spikeloop.coordinator.cli.options import (
    Address,
    Again,
    ConfigPath,
    Inline,
    Out,
    Sets,
    Track,
    Workers,
)


def run(
    config: ConfigPath,
    sets: Sets = None,
    out: Out = Path("runs"),
    again: Again = False,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    track: Track = None,
) -> None:
    """Run a search, then score what it learned on held-out tasks."""
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api.configure import configure
    from spikeloop.coordinator.api.progress import stream
    from spikeloop.coordinator.api.resumable import by_command
    from spikeloop.coordinator.api.sessions import start_run
    from spikeloop.coordinator.api.view import ConsoleView

    settings = configure(
        config,
        sets=sets,
        workers=workers,
        inline=inline,
        address=address,
        track=track,
        caller="command line",
    )
    folder = out / settings.run.name
    stop = StopSignal()
    stop.install()
    how = by_command(folder, settings.tables())
    start_run(settings, folder, ConsoleView(stream()), stop, how, again)
