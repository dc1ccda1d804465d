"""The command ``spikeloop plan``: a dry run that writes nothing."""

import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import typer

from spikeloop.coordinator.cli.options import Address, ConfigPath, Inline, Json, Sets, Workers
from spikeloop.coordinator.formatting import duration, warn

if TYPE_CHECKING:
    from rich.console import Console

    from spikeloop.coordinator.search.cost_estimate import CostEstimate


def plan(
    config: ConfigPath,
    sets: Sets = None,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Say what a run would evaluate and how long it will take, by measuring a few tiles."""
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.cli import progress
    from spikeloop.coordinator.cli.open import load_config
    from spikeloop.coordinator.search.cost_estimate import estimate

    settings = load_config(config, sets, workers, inline, address)
    stop = StopSignal()
    stop.install()
    result = estimate(settings, stop, partial(typer.echo, err=True))
    if result.lives_failed:
        warn(
            f"{result.lives_failed} of {result.lives_measured} lives that were measured failed, so "
            f"times may be wrong; the first: {result.first_failure}"
        )
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        _print_table(result, progress.stream())


def _print_table(plan: "CostEstimate", console: "Console") -> None:
    from rich.table import Table

    table = Table(
        title=f"Nothing was written; measured on {plan.lives_measured} lives", title_justify="left"
    )
    for column in ("part", "lives", "time"):
        table.add_column(column, justify="left" if column == "part" else "right")
    search = (
        f"search: {plan.generations} generations × {plan.candidates} candidates "
        f"× {plan.tasks} tasks"
    )
    parts = [
        (search, plan.lives_search, plan.search_s),
        ("held-out scores", plan.lives_monitor, plan.monitor_s),
        *([("race of the finalists", plan.lives_race, plan.race_s)] if plan.lives_race else []),
        ("transfer", plan.lives_transfer, plan.transfer_s),
    ]
    table.add_row("start workers, compile", "", duration(plan.start_s))
    for part, n_lives, seconds in parts:
        table.add_row(part, str(n_lives), duration(seconds))
    table.add_row("total", str(sum(n for _, n, _ in parts)), duration(plan.total_s))
    console.print(table)
    per_life = f"{plan.seconds_per_life * 1000:.1f} ms"
    if plan.seconds_per_held_out_life != plan.seconds_per_life:
        per_life += f" ({plan.seconds_per_held_out_life * 1000:.1f} ms without gradient)"
    lines = [
        f"{plan.n_dim} hyperparameters, {plan.steps_per_life} steps a life, "
        f"{per_life} a life on each of {plan.workers} worker(s), "
        f"{plan.jobs_per_generation} jobs a generation"
    ]
    for last, family in plan.curriculum:
        settings = ", ".join(f"{name} = {value}" for name, value in family.items())
        lines.append(f"other tasks up to generation {last}, not measured here: {settings}")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
