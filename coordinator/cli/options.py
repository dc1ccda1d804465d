"""Declare the arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.api.run_folders import RUNS

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="a TOML file")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="a run folder")]
FolderPath = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="of a run, a comparison or a sweep")
]
LearnedPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="a run folder, or a weights file of one")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="override one value")
]
Out = Annotated[Path, typer.Option("--out", envvar=RUNS, help="folder for run folders")]
ResultsOut = Annotated[
    Path | None,
    typer.Option(
        "--out", envvar=RUNS, help="folder for results [default: runs, comparisons or sweeps]"
    ),
]
Again = Annotated[bool, typer.Option("--resume", help="go on with the run if its folder exists")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="local workers (default: all cores); with --address at most so many there",
    ),
]
Inline = Annotated[bool, typer.Option("--inline", help="no Ray: one episode after another, here")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="HOST:PORT", help="a running Ray cluster; auto: on this machine"
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TRACKER",
        help="show the run in tensorboard, wandb or mlflow, in place of tracking.kinds",
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="let it use its author's own classes, cluster and database"),
]
Over = Annotated[
    list[str] | None,
    typer.Option("--over", metavar="TABLE.KEY=VALUES", help="values to try, such as 0.1,0.2"),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", min=1, help="runs of each setting, paired by seed")
]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


def help_without_command(context: typer.Context) -> None:
    """Show the help of a group of commands that was called without one."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
