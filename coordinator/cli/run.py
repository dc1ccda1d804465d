"""The command ``spikeloop run``, and the progress and results that ``resume`` shows as well."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spikeloop.coordinator.cli.options import Address, ConfigPath, Inline, Out, Sets, Track, Workers

if TYPE_CHECKING:
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api.progress import ConsoleReporter
    from spikeloop.coordinator.config.run_config import RunConfig
    from spikeloop.coordinator.search.transfer import Transfer

    Session: TypeAlias = Callable[[ConsoleReporter, StopSignal], Transfer]


def run(
    config: ConfigPath,
    sets: Sets = None,
    out: Out = Path("runs"),
    again: Annotated[
        bool, typer.Option("--resume", help="go on with the run if its folder exists")
    ] = False,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    track: Track = None,
) -> None:
    """Run a search, then score what it learned on held-out tasks."""
    from spikeloop.coordinator.api.configure import load_config, track_with
    from spikeloop.coordinator.report.run_figures import write_run_figures
    from spikeloop.coordinator.search import run_session
    from spikeloop.coordinator.store.run_folder import warn_of_changes

    settings = load_config(config, sets, workers, inline, address)
    settings = track_with(settings, track)
    folder = out / settings.run.name
    found = run_session.existing_run(settings, folder, typer.echo) if again else None
    if found is not None:
        warn_of_changes(found)

    def session(reporter: "ConsoleReporter", stop: "StopSignal") -> "Transfer":
        if found is not None:
            return run_session.resume(found, reporter, stop, on_end=write_run_figures)
        return run_session.start(settings, folder, reporter, stop, again, write_run_figures)

    show_session(settings, folder, session)


def show_session(
    config: "RunConfig",
    folder: Path,
    session: "Session",
    after: int | None = None,
    command: Sequence[object] = (),
) -> None:
    """Run a session with progress, then show its transfer table, figures and folder.

    It goes on ``after`` a generation, by default the last committed one; ``command`` resumes the
    run, if not the usual one.
    """
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.api.resumable import resumable
    from spikeloop.coordinator.stats.scores import ends
    from spikeloop.coordinator.store.run_store import RunStore

    console, store = progress.stream(), RunStore(folder)
    done = store.generation() if after is None else after
    n_episodes = progress.episodes_to_come(config, max(done, 0))
    # The user named the storage of a stored run, so that needs no trust.
    tables = (config.uploaded_to("") if command else config).tables()
    with (
        resumable(
            folder, tables, command, lambda: f" after generation {max(store.generation(), 0)}"
        ) as stop,
        progress.ConsoleReporter(config.run.generations, n_episodes, console) as reporter,
    ):
        transfer = session(reporter, stop)
    progress.print_transfer(transfer, ends(config.family.interface), console)
    console.out(f"results: {folder}")
    for figure in sorted((folder / "figures").glob("*.png")):
        console.out(f"figure:  {figure}")
    progress.how_to_read(store.part_path("transfer", config.transfer.seed), console)
