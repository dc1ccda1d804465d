"""The command ``spikeloop transfer``."""

import json
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
    """Score the default, random and learned Θ of a run on held-out tasks."""
    from dataclasses import replace

    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.cli import progress
    from spikeloop.coordinator.cli.open import retarget
    from spikeloop.coordinator.config.settings_builder import build
    from spikeloop.coordinator.export.weights import open_learned
    from spikeloop.coordinator.search import transfer_session
    from spikeloop.coordinator.search.transfer_design import transfer_size
    from spikeloop.coordinator.store.run_folder import open_run
    from spikeloop.coordinator.store.trust import reaches, require

    learned = open_learned(run, trust) if run.is_file() else None
    # As of now, so that one and the same point is scored and names the file.
    opened = None if learned else open_run(run, trust).as_of_now()
    known = learned or opened
    assert known is not None
    config = known.config.copied_to("") if learned else known.config
    config = retarget(config, workers, inline, address)
    require(run, reaches(config.tables()), known.trusted)
    values = config.transfer.model_dump()
    values |= {k: v for k, v in {"tasks": tasks, "seed": seed}.items() if v is not None}
    settings, _ = build(type(config.transfer), values, str(run), "transfer", Path())
    stop = StopSignal()
    stop.install()
    console = progress.stream(stderr=as_json)
    if learned:
        console.print(learned.origin, highlight=False, soft_wrap=True)
    n_episodes = transfer_size(settings)
    with progress.ConsoleReporter(config.run.generations, n_episodes, console) as reporter:
        if learned:
            result = transfer_session.transfer_of(
                config, learned.point, run, settings, reporter, stop
            )
        else:
            result = transfer_session.transfer(
                replace(opened, config=config), settings, reporter, stop
            )
    if as_json:
        typer.echo(json.dumps(result.as_json()))
        return
    progress.transfer_table(result, console)
    if opened:
        path = transfer_session.transfer_path(opened, settings)
        progress.how_to_read(path, console)
