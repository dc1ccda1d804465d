"""The command that lets a learned network run on new tasks and draws what it does."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import Json, LearnedPath, Trust


def episodes(
    run: LearnedPath,
    tasks: Annotated[int, typer.Option("--tasks", min=2, max=100_000, help="new tasks")] = 1000,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which tasks")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="folder of figures (default: RUN/figures, NAME-figures)"),
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Let the learned network run on new tasks and draw what it does."""
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.coordinator.export import weights as learned
    from spikeloop.coordinator.interpretation import pictures
    from spikeloop.coordinator.interpretation.held_out_episodes import HeldOut
    from spikeloop.coordinator.store.lock import refuse_links

    known = learned.open_learned(run, trust)
    is_run = run.is_dir()
    if is_run:
        refuse_links(run)
    folder = out or (run / "figures" if is_run else Path(f"{run.stem}-figures"))
    seed = known.config.transfer.seed if seed is None else seed
    shown = pictures.show(HeldOut(known, tasks, seed), folder)
    figures = [path for part in shown for path in part.figures]
    if as_json:
        numbers = {name: value for part in shown for name, value in part.numbers.items()}
        about = {"tasks": tasks, "seed": seed, "figures": [str(path) for path in figures]}
        typer.echo(json.dumps({**about, **numbers}))
        return
    for part in shown:
        for table in part.tables:
            console.stream().print(table)
        for line in part.lines:
            typer.echo(line)
    for path in figures:
        typer.echo(f"figure:  {path}")
