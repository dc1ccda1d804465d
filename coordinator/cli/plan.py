"""The command ``spikeloop plan``: a dry run that writes nothing."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from spikeloop.coordinator.cli.options import (
    Address,
    ConfigPath,
    Inline,
    Json,
    Over,
    Seeds,
    Sets,
    Workers,
)
from spikeloop.coordinator.formatting import duration, warn

if TYPE_CHECKING:
    from rich.console import Console

    from spikeloop.coordinator.comparison.cost import ComparisonCost
    from spikeloop.coordinator.search.cost_estimate import CostEstimate
    from spikeloop.coordinator.sweep.cost import SweepCost


def plan(
    config: ConfigPath,
    over: Over = None,
    seeds: Seeds = None,
    sets: Sets = None,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Say what a run would evaluate and how long it will take.

    A few tiles are measured; nothing is written. Comparisons and sweeps are planned too.
    """
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.api.configure_any import configure_any
    from spikeloop.coordinator.comparison import cost as comparison_cost
    from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
    from spikeloop.coordinator.config.run_config import RunConfig
    from spikeloop.coordinator.search import cost_estimate
    from spikeloop.coordinator.sweep import cost as sweep_cost

    stop = StopSignal()
    stop.install()
    settings = configure_any(
        config,
        over,
        seeds,
        sets=sets,
        workers=workers,
        inline=inline,
        address=address,
        caller="command line",
    )
    result: Any
    show: Callable[[Any, Console], None]
    show_line = partial(typer.echo, err=True)
    if isinstance(settings, RunConfig):
        result, show = cost_estimate.estimate(settings, stop, show_line), _print_table
    elif isinstance(settings, ComparisonConfig):
        result, show = comparison_cost.estimate(settings, stop, show_line), _print_comparison
    else:
        result, show = sweep_cost.estimate(settings, stop, show_line), _print_sweep
    _warn_of_failures(result)
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        show(result, progress.stream())


def _warn_of_failures(result: "CostEstimate | ComparisonCost | SweepCost") -> None:
    if result.episodes_failed:
        warn(
            f"{result.episodes_failed} of {result.episodes_measured} episodes that were measured "
            f"failed, so times may be wrong; the first: {result.first_failure}"
        )


def _print_sweep(plan: "SweepCost", console: "Console") -> None:
    from spikeloop.coordinator.report.result_table import result_table

    table = result_table(
        f"Nothing was written; measured on {plan.episodes_measured} episodes",
        *("setting", "runs", "generations", "candidates", "episodes", "held-out", "time"),
        left="setting",
    )
    table.add_row("start workers, compile", *[""] * 5, duration(plan.start_s))
    for one in plan.settings:
        counts = (one.runs, one.generations, one.candidates)
        episodes = (one.episodes_search, one.episodes_held_out)
        table.add_row(one.setting, *map(str, (*counts, *episodes)), duration(one.seconds))
    searched, held_out, runs = (
        sum(getattr(one, name) for one in plan.settings)
        for name in ("episodes_search", "episodes_held_out", "runs")
    )
    table.add_row("total", str(runs), "", "", str(searched), str(held_out), duration(plan.total_s))
    console.print(table)
    console.out(f"several runs at a time on {plan.workers} worker(s)")


def _print_comparison(plan: "ComparisonCost", console: "Console") -> None:
    from spikeloop.coordinator.report.result_table import result_table

    table = result_table(
        f"Nothing was written; measured on {plan.episodes_measured} episodes",
        *("strategy", "generations", "candidates", "searches", "of trials"),
        *("episodes", "held-out", "time"),
        left="strategy",
    )
    table.add_row("start workers, compile", "", "", "", "", "", "", duration(plan.start_s))
    for one in plan.strategies:
        counts = (one.generations, one.candidates, one.searches, one.trial_searches)
        episodes = (one.episodes_search, one.episodes_held_out)
        table.add_row(one.strategy, *map(str, (*counts, *episodes)), duration(one.seconds))
    totals = (
        sum(getattr(one, name) for one in plan.strategies)
        for name in ("searches", "trial_searches", "episodes_search", "episodes_held_out")
    )
    table.add_row("total", "", "", *map(str, totals), duration(plan.total_s))
    console.print(table)
    console.out(
        f"{plan.seconds_per_held_out_episode * 1000:.1f} ms an episode on each of {plan.workers} "
        "worker(s); with the settings as given, and pruned trials end earlier"
    )


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
    for last, family, mean in plan.curriculum:
        settings = ", ".join(f"{name} = {value}" for name, value in family.items())
        sooner = "" if mean is None else f" or a mean fitness of {mean:g}"
        console.out(f"other tasks up to generation {last}{sooner}, not measured here: {settings}")
