"""The command ``spikeloop export``: a learned network for use in other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import LearnedPath, Trust
from spikeloop.coordinator.errors import ConfigError


class Form(StrEnum):
    """Forms of an export."""

    BRIAN2 = "brian2"
    NIR = "nir"
    WEIGHTS = "weights"


ENDINGS = {Form.BRIAN2: "_brian2", Form.NIR: ".nir", Form.WEIGHTS: ".npz"}
"""Endings of default names."""


def export(
    run: LearnedPath,
    to: Annotated[
        Form,
        typer.Option(
            "--to",
            help="a Brian2 script, a NIR graph (both of lsnn), or the learned point in one file",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="a new file, or folder (default: beside RUN)")
    ] = None,
    task: Annotated[
        int | None,
        typer.Option("--task", min=0, help="held-out task of the Brian2 script (default: 0)"),
    ] = None,
    trust: Trust = False,
) -> None:
    """Write the learned network of a run for use in other programs."""
    from spikeloop.coordinator.export import weights as learned

    if task is not None and to is not Form.BRIAN2:
        raise ConfigError(f"--task is for --to brian2, which records an episode, not for --to {to}")
    known = learned.open_learned(run, trust)
    place = run.resolve()
    name = place.stem if place.is_file() else place.name
    path = out or place.with_name(f"{name}{ENDINGS[to]}")
    if path.exists():
        raise ConfigError(f"{path}: exists already; choose another with --out")
    if to is Form.WEIGHTS:
        learned.write(path, known)
    elif to is Form.NIR:
        from spikeloop.coordinator.export import nir_graph

        nir_graph.write(path, known)
    else:
        from spikeloop.coordinator.export import brian_script

        brian_script.write(path, known, task or 0)
    typer.echo(f"{to.value}:  {path}")
