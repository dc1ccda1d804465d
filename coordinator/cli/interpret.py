"""The command that interprets what was learned: one section for each question."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import Json, LearnedPath, Trust


def interpret(
    run: LearnedPath,
    only: Annotated[
        str, typer.Option("--only", metavar="NAME[,NAME...]", help="sections (default: all)")
    ] = "",
    episodes: Annotated[
        int | None,
        typer.Option(
            "--episodes", min=1, max=100_000, help="in new tasks (default: each section's own)"
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="steps in each maze (default: 1000)")
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option("--beside", metavar="RUN", help="another rule, to compare the rule with"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which tasks")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="folder (default: RUN/interpretation, NAME-interpretation)"),
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Show what was learned and how it works, section by section.

    Sections that do not apply are named with the reason. Results and figures are written to a
    folder; those in a run folder are part of its report.
    """
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.export.weights import open_learned
    from spikeloop.coordinator.interpretation.subject import Subject
    from spikeloop.coordinator.interpretation.write import interpret_and_write
    from spikeloop.coordinator.report.result_table import terminal_table

    learned = open_learned(run, trust)
    console = progress.stream(stderr=as_json)
    seed = learned.config.transfer.seed if seed is None else seed
    names = [name for part in only.split(",") if (name := part.strip())]
    other = None if beside is None else open_learned(beside, trust)
    subject = Subject(learned, seed, episodes, steps, other)
    found, written = interpret_and_write(subject, names, console.out, out)
    figures = [str(path) for path in written]
    if as_json:
        typer.echo(json.dumps({**found.as_json(), "figures": figures}))
        return
    for name, results in found.sections.items():
        console.rule(name, align="left")
        for table in results.tables:
            console.print(terminal_table(table))
        for line in results.lines:
            typer.echo(line)
    for name, reason in found.left_out.items():
        typer.echo(f"left out: {name}: {reason}")
    for figure in figures:
        typer.echo(f"figure:  {figure}")
