"""The command ``spikeloop new``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import Json


def _example_names() -> list[str]:
    """Return what a shell may complete."""
    from spikeloop.coordinator.cli import example_files

    return list(example_files.describe_examples())


def new(
    project: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="a new or empty folder")
    ] = None,
    example: Annotated[
        str,
        typer.Option(
            "--example",
            metavar="NAME",
            help="an example other than the first one",
            autocompletion=_example_names,
        ),
    ] = "",
    show: Annotated[bool, typer.Option("--list", help="show the examples and end")] = False,
    as_json: Json = False,
) -> None:
    """Write a first configuration, and say the next command.

    It is a copy of an example; --list shows them all. Those that begin with own_ have classes or
    models of your own to start from.
    """
    from spikeloop.coordinator.cli import example_files
    from spikeloop.coordinator.errors import ConfigError
    from spikeloop.coordinator.formatting import command_line

    if show:
        examples = example_files.describe_examples()
        width = max(map(len, examples))
        lines = [f"{name:{width}}  {about}" for name, about in examples.items()]
        typer.echo(json.dumps(examples) if as_json else "\n".join(lines))
        return
    if project is None:
        raise ConfigError("new: needs a FOLDER, such as spikeloop new my_search")
    config, *others = example_files.copy_example(example or example_files.FIRST, project)
    weights = [file for file in others if file.suffix == ".npz"]
    command = "compare" if example_files.is_comparison(config) else "run"
    following = [command_line(command, config), *(command_line("transfer", w) for w in weights)]
    files = [str(config), *map(str, others)]
    if as_json:
        typer.echo(json.dumps({"files": files, "next": following}))
        return
    for file in files:
        typer.echo(f"written: {file}")
    for line in following:
        typer.echo(f"next:    {line}")
