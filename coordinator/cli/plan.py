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
    """Say what a run would evaluate and how long it will take.

    A few tiles are measured; nothing is written.
    """
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.api.configure import load_config
    from spikeloop.coordinator.search.cost_estimate import estimate

    settings = load_config(config, sets, workers, inline, address)
    stop = StopSignal()
    stop.install()
    result = estimate(settings, stop, partial(typer.echo, err=True))
    if result.episodes_failed:
        warn(
            f"{result.episodes_failed} of {result.episodes_measured} episodes that were measured "
            "failed, so "
            f"times may be wrong; the first: {result.first_failure}"
        )
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        _print_table(result, progress.stream())


def _print_table(plan: "CostEstimate", console: "Console") -> None:
    from spikeloop.coordinator.report.result_table import result_table

    title = f"Nothing was written; measured on {plan.episodes_measured} episodes"
    table = result_table(title, "part", "episodes", "time", left="part")
    search = (
        f"search: {plan.generations} generations × {plan.candidates} candidates "
        f"× {plan.tasks} tasks"
    )
    race = [("race of the finalists", plan.episodes_race, plan.race_s)]
    parts = [
        (search, plan.episodes_search, plan.search_s),
        ("held-out scores", plan.episodes_monitor, plan.monitor_s),
        *(race if plan.episodes_race else ()),
        ("transfer", plan.episodes_transfer, plan.transfer_s),
    ]
    table.add_row("start workers, compile", "", duration(plan.start_s))
    for part, n_episodes, seconds in parts:
        table.add_row(part, str(n_episodes), duration(seconds))
    table.add_row("total", str(sum(n for _, n, _ in parts)), duration(plan.total_s))
    console.print(table)
    per_episode = f"{plan.seconds_per_episode * 1000:.1f} ms"
    if plan.seconds_per_held_out_episode != plan.seconds_per_episode:
        per_episode += f" ({plan.seconds_per_held_out_episode * 1000:.1f} ms without gradient)"
    console.out(
        f"{plan.n_dim} hyperparameters, {plan.steps_per_episode} steps an episode, "
        f"{per_episode} an episode on each of {plan.workers} worker(s), "
        f"{plan.jobs_per_generation} jobs a generation"
    )
    for last, family in plan.curriculum:
        settings = ", ".join(f"{name} = {value}" for name, value in family.items())
        console.out(f"other tasks up to generation {last}, not measured here: {settings}")
