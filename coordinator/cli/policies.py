"""The command ``spikeloop policies``."""

from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import RunPath, Trust


def policies(
    run: RunPath,
    steps: Annotated[int, typer.Option("--steps", min=1, help="steps in each maze")] = 1000,
    tasks: Annotated[int, typer.Option("--tasks", min=1, max=20, help="new mazes")] = 3,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which mazes")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="another PNG file")] = None,
    trust: Trust = False,
) -> None:
    """Draw what the default and learned Θ of a run have learned in new mazes."""
    from spikeloop.coordinator.cli import progress
    from spikeloop.coordinator.interpretation import maze_policies
    from spikeloop.coordinator.search.deployment import deployed
    from spikeloop.coordinator.store.lock import refuse_links
    from spikeloop.coordinator.store.run_folder import open_run

    opened = open_run(run, trust)
    refuse_links(run)
    seed = opened.config.transfer.seed if seed is None else seed
    result = maze_policies.run_episodes(
        opened.config, deployed(opened), steps, tasks, seed, str(run)
    )
    path = maze_policies.draw(result, out or run / "figures" / "policies.png")
    maze_policies.show(result, progress.stream())
    typer.echo(f"figure:  {path}")
