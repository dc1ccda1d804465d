"""Declare the arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

RUNS = "SPIKELOOP_RUNS"
"""Environment variable that names the folder for run folders, in place of ``--out``."""

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="a TOML file")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="a run folder")]
FolderPath = Annotated[
    Path, typer.Argument(metavar="RUN_OR_COMPARISON", help="a run's or comparison's folder")
]
LearnedPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="a run folder, or a weights file of one")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="override one value")
]
Out = Annotated[Path, typer.Option("--out", envvar=RUNS, help="folder for run folders")]
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
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
