"""The command ``spikeloop resume``."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spikeloop.coordinator.cli.compare import show_comparison
from spikeloop.coordinator.cli.options import RUNS, Address, Inline, Track, Trust, Workers
from spikeloop.coordinator.cli.run import show_session
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
    """Go on with a run or a comparison that was interrupted.

    A run goes on from its last committed generation.
    """
    from spikeloop.coordinator.api.configure import retarget
    from spikeloop.coordinator.store.folder_kind import is_comparison

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
    if is_comparison(folder):
        if after is not None:
            raise ConfigError("--after is for a run folder; a comparison has no generations")
        if track:
            raise ConfigError("--track is for a run folder; a comparison shows its own report")
        _resume_comparison(folder, on_target, trust)
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
    from spikeloop.coordinator.api.configure import track_with
    from spikeloop.coordinator.report.run_figures import write_run_figures
    from spikeloop.coordinator.search import run_session
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
    config = config.uploaded_to(upload_to) if upload_to else config
    run = replace(run, config=config)
    show_session(
        config,
        folder,
        lambda reporter, stop: run_session.resume(run, reporter, stop, after, write_run_figures),
        after,
        command,
    )


def _resume_comparison(folder: Path, on_target: "OnTarget", trust: bool) -> None:
    from spikeloop.coordinator.comparison import session
    from spikeloop.coordinator.store.run_folder import warn_of_code
    from spikeloop.coordinator.store.trust import reaches, require

    config = session.read_config(folder, trust)
    warn_of_code(folder, session.changed_code(config, folder))
    config = config.retarget(on_target(config.first).target)
    require(folder, reaches(config.tables()), trust)
    show_comparison(
        config, folder, lambda reporter, stop: session.resume(config, folder, reporter, stop), False
    )
