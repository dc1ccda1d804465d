"""The command ``spikeloop run``, and the progress and results that ``resume`` shows as well."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spikeloop.coordinator.cli.options import Address, ConfigPath, Inline, Out, Sets, Workers

if TYPE_CHECKING:
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.cli.progress import ConsoleReporter
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
) -> None:
    """Run one outer loop and end with its transfer to held-out tasks."""
    from spikeloop.coordinator.cli.open import load_config
    from spikeloop.coordinator.report.run_figures import write_run_figures
    from spikeloop.coordinator.search import run_session
    from spikeloop.coordinator.store.run_folder import warn_of_changes

    settings = load_config(config, sets, workers, inline, address)
    folder = out / settings.run.name
    found = run_session.existing_run(settings, folder, typer.echo) if again else None
    if found is None:
        show_session(
            settings,
            folder,
            0,
            lambda reporter, stop: run_session.start(
                settings, folder, reporter, stop, again, write_run_figures
            ),
        )
        return
    warn_of_changes(found)
    show_session(
        settings,
        folder,
        max(found.store.generation(), 0),
        lambda reporter, stop: run_session.resume(found, reporter, stop, on_end=write_run_figures),
    )


def show_session(
    config: "RunConfig", folder: Path, done: int, session: "Session", command: str = ""
) -> None:
    """Run a session with progress, then show its transfer table, figures and folder.

    ``done`` generations are committed already; ``command`` resumes the run, if not the usual one.
    """
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.cli import progress
    from spikeloop.coordinator.cli.resumable import resumable
    from spikeloop.coordinator.stats.scores import ends
    from spikeloop.coordinator.store.folder_kind import is_run
    from spikeloop.coordinator.store.run_store import RunStore

    stop = StopSignal()
    stop.install()
    console, store = progress.stream(), RunStore(folder)
    n_episodes = progress.episodes_to_come(config, done)
    with (
        resumable(
            lambda: is_run(folder),
            lambda: f" after generation {max(store.generation(), 0)}",
            lambda: _how_to_continue(folder, command),
        ),
        progress.ConsoleReporter(config.run.generations, n_episodes, console) as reporter,
    ):
        transfer = session(reporter, stop)
    progress.print_transfer(transfer, ends(config.family.interface), console)
    progress.results(folder, sorted((folder / "figures").glob("*.png")), console)
    progress.how_to_read(store.part_path("transfer", config.transfer.seed), console)


def _how_to_continue(folder: Path, command: str) -> str:
    """Say how to continue a run; a submitted one can be resumed only on its cluster."""
    from spikeloop.cluster.ray_backend import job_env
    from spikeloop.coordinator.formatting import command_line
    from spikeloop.coordinator.submit.submitted_runs import RUN

    if job_env.metadata().get(RUN):
        return "submit it again"
    return f"resume with: {command or command_line('resume', folder)}"
