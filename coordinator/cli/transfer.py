"""The command ``spikeloop transfer``."""

import json
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import Address, Inline, Json, LearnedPath, Trust, Workers


def transfer(
    run: LearnedPath,
    tasks: Annotated[int | None, typer.Option("--tasks", min=2, help="held-out tasks")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which tasks")] = None,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Score the learned Θ of a run on other held-out tasks.

    Beside it stand the default and random Θ.
    """
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api import held_out_session, progress
    from spikeloop.coordinator.api.target_choice import retarget
    from spikeloop.coordinator.api.view import ConsoleView
    from spikeloop.coordinator.export.weights import Learned, open_learned
    from spikeloop.coordinator.search import transfer_session
    from spikeloop.coordinator.stats.scores import ends
    from spikeloop.coordinator.store.run_folder import RunFolder, open_run
    from spikeloop.coordinator.store.trust import reaches, require

    # A run as of now, so that one and the same point is scored and names the file.
    given: Learned | RunFolder = (
        open_learned(run, trust) if run.is_file() else open_run(run, trust).as_of_now()
    )
    config = given.config if isinstance(given, RunFolder) else given.config.uploaded_to("")
    config = retarget(config, workers, inline, address)
    require(run, reaches(config.tables()), trust)
    settings = held_out_session.held_out_settings(config, tasks, seed, run)
    stop = StopSignal()
    stop.install()
    console = progress.stream(stderr=as_json)
    view = ConsoleView(console)
    if isinstance(given, Learned):
        console.out(given.origin)
        result = held_out_session.score_point(config, given.point, run, settings, view, stop)
    else:
        result = held_out_session.score_run(given, config, settings, view, stop)
    if as_json:
        typer.echo(json.dumps(result.as_json()))
        return
    progress.print_transfer(result, ends(config.held_out_family.interface), console)
    if isinstance(given, RunFolder):
        progress.how_to_read(transfer_session.transfer_path(given, settings), console)
