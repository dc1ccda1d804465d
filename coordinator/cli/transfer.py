"""The command ``spikeloop transfer``."""

import json
from dataclasses import replace
from pathlib import Path
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
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.api.configure import retarget
    from spikeloop.coordinator.config.settings_builder import build
    from spikeloop.coordinator.export.weights import Learned, open_learned
    from spikeloop.coordinator.search import transfer_session
    from spikeloop.coordinator.search.transfer_design import transfer_size
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
    values = config.transfer.model_dump()
    values |= {k: v for k, v in {"tasks": tasks, "seed": seed}.items() if v is not None}
    settings, _ = build(type(config.transfer), values, str(run), "transfer", Path())
    stop = StopSignal()
    stop.install()
    console = progress.stream(stderr=as_json)
    if isinstance(given, Learned):
        console.out(given.origin)
    n_episodes = transfer_size(settings)
    with progress.ConsoleReporter(config.run.generations, n_episodes, console) as reporter:
        if isinstance(given, RunFolder):
            opened = replace(given, config=config)
            result = transfer_session.score_run(opened, settings, reporter, stop)
        else:
            result = transfer_session.score_point(
                config, given.point, run, settings, reporter, stop
            )
    if as_json:
        typer.echo(json.dumps(result.as_json()))
        return
    progress.print_transfer(result, ends(config.family.interface), console)
    if isinstance(given, RunFolder):
        progress.how_to_read(transfer_session.transfer_path(given, settings), console)
