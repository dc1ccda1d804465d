"""The command that shows what a learned network or agent does in new tasks."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import Json, LearnedPath, Trust


def interpret(
    run: LearnedPath,
    tasks: Annotated[
        int | None,
        typer.Option("--tasks", min=1, max=100_000, help="new tasks (default: 1000, or 3 mazes)"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="steps in each maze (default: 1000)")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which tasks")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="folder of figures (default: RUN/figures, NAME-figures)"),
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Draw what a learned network or agent does in new tasks.

    The network is of the learner lsnn; the agent is any learner in mazes.
    """
    from spikeloop.coordinator.api import progress as console
    from spikeloop.coordinator.export.weights import open_learned
    from spikeloop.coordinator.interpretation import interpret as interpretation
    from spikeloop.coordinator.store.lock import refuse_links

    learned = open_learned(run, trust)
    if run.is_dir():
        refuse_links(run)
    folder = out or (run / "figures" if run.is_dir() else Path(f"{run.stem}-figures"))
    results = interpretation.interpret(learned, tasks, seed, steps)
    figures = [str(path) for path in interpretation.write_figures(results, folder)]
    if as_json:
        numbers = {name: value for part in results for name, value in part.numbers.items()}
        typer.echo(json.dumps({"figures": figures, **numbers}))
        return
    for part in results:
        for table in part.tables:
            console.stream().print(table)
        for line in part.lines:
            typer.echo(line)
    for figure in figures:
        typer.echo(f"figure:  {figure}")
