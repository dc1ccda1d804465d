"""The command ``spikeloop resume``."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from spikeloop.coordinator.api.run_folders import RUNS
from spikeloop.coordinator.cli.options import Address, Inline, Track, Trust, Workers
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.coordinator.config.run_config import RunConfig

    OnTarget: TypeAlias = Callable[[RunConfig], RunConfig]


def resume(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="a run folder, or the URI of a stored run")
    ],
    after: Annotated[
        int | None,
        typer.Option("--after", min=-1, help="remove all after this generation and run it again"),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", envvar=RUNS, help="where to download a stored run")
    ] = Path("runs"),
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    track: Track = None,
    trust: Trust = False,
) -> None:
    """Go on with what was interrupted: run, comparison or sweep.

    A run goes on from its last committed generation.
    """
    from spikeloop.coordinator.api.target_choice import retarget
    from spikeloop.coordinator.store.folder_kind import is_comparison, is_sweep

    on_target = partial(retarget, workers=workers, inline=inline, address=address)
    folder, upload_to = Path(run), ""
    given = context.get_parameter_source("out")
    if "://" in run:
        from spikeloop.coordinator.config import uris
        from spikeloop.coordinator.sync import download

        folder, upload_to = download.download(run, out), uris.split(run)[0]
    elif given is not None and given.name == "COMMANDLINE":
        raise ConfigError(
            f"--out {out}: a run folder is resumed where it is; name a stored run by its URI, such "
            f"as {folder.absolute().as_uri()}, or leave --out away"
        )
    if is_comparison(folder) or is_sweep(folder):
        if after is not None:
            what = "comparison" if is_comparison(folder) else "sweep"
            raise ConfigError(f"--after is for a run folder; a {what} has no generations")
        if track:
            raise ConfigError("--track is for a run folder; others show their own report")
        _resume_runs(folder, on_target, trust)
    else:
        command = ("resume", run, "--out", out) if upload_to else ()
        _resume_run(folder, on_target, trust, after, upload_to, track, command)


def _resume_run(
    folder: Path,
    on_target: "OnTarget",
    trust: bool,
    after: int | None,
    upload_to: str,
    track: list[str] | None,
    command: tuple[object, ...],
) -> None:
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api.configure import track_with
    from spikeloop.coordinator.api.progress import stream
    from spikeloop.coordinator.api.resumable import by_command
    from spikeloop.coordinator.api.sessions import resume_run
    from spikeloop.coordinator.api.view import ConsoleView
    from spikeloop.coordinator.store.run_folder import open_run
    from spikeloop.coordinator.store.trust import reaches, require

    run = open_run(folder, trust)
    config = on_target(run.config)
    # What the user named, storage or trackers, needs no trust: the folder's word does not count.
    reached = (config.uploaded_to("") if upload_to else config).tables()
    if track:
        del reached["tracking"]
    require(folder, reaches(reached), trust)
    config = track_with(config, track)
    how = by_command(folder, (config.uploaded_to("") if upload_to else config).tables(), command)
    config = config.uploaded_to(upload_to) if upload_to else config
    stop = StopSignal()
    stop.install()
    resume_run(replace(run, config=config), ConsoleView(stream()), stop, how, after)


def _resume_runs(folder: Path, on_target: "OnTarget", trust: bool) -> None:
    """Go on with a comparison or a sweep."""
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api import sessions
    from spikeloop.coordinator.api.progress import stream
    from spikeloop.coordinator.api.resumable import by_command
    from spikeloop.coordinator.api.view import ConsoleView
    from spikeloop.coordinator.comparison import session as comparison_session
    from spikeloop.coordinator.store.folder_kind import is_sweep
    from spikeloop.coordinator.store.run_folder import warn_of_code
    from spikeloop.coordinator.store.trust import reaches, require
    from spikeloop.coordinator.sweep import session as sweep_session

    session: Any = sweep_session if is_sweep(folder) else comparison_session
    resume: Any = sessions.resume_sweep if is_sweep(folder) else sessions.resume_comparison
    config = session.read_config(folder, trust)
    warn_of_code(folder, session.changed_code(config, folder))
    config = config.retarget(on_target(config.first).target)
    require(folder, reaches(config.tables()), trust)
    stop = StopSignal()
    stop.install()
    how = by_command(folder, config.tables())
    resume(config, folder, ConsoleView(stream()), stop, how)
