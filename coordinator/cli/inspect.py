"""The commands that look at something: a run, a configuration, an installation, what there is."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import (
    Address,
    ConfigPath,
    Inline,
    Json,
    RunPath,
    Sets,
    Trust,
    Workers,
)
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.formatting import printable, warn


def policies(
    run: RunPath,
    steps: Annotated[int, typer.Option("--steps", min=1, help="steps in each maze")] = 1000,
    tasks: Annotated[int, typer.Option("--tasks", min=1, max=20, help="new mazes")] = 3,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which mazes")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="another PNG file")] = None,
    trust: Trust = False,
) -> None:
    """Draw what the default and learned Θ of a run have learned in new mazes."""
    from spikeloop.coordinator.cli import policies as mazes
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.coordinator.search import run_session
    from spikeloop.coordinator.store.lock import refuse_links
    from spikeloop.coordinator.store.manifest import open_run

    store, config, _ = open_run(run, trust)
    refuse_links(run)
    seed = config.transfer.seed if seed is None else seed
    learned = run_session.recommended(config, store)
    result = mazes.run_episodes(config, learned, steps, tasks, seed, str(run))
    path = mazes.draw(result, out or run / "figures" / "policies.png")
    mazes.show(result, console.stream())
    typer.echo(f"figure:  {path}")


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
    from spikeloop.coordinator.cli import open as opening
    from spikeloop.coordinator.cli import plan as planning
    from spikeloop.coordinator.cli import progress as console

    settings = opening.load_config(config, sets, workers, inline, address)
    stop = StopSignal()
    stop.install()
    result = planning.measure(settings, stop, partial(typer.echo, err=True))
    if result.episodes_failed:
        warn(
            f"{result.episodes_failed} of {result.episodes_measured} episodes that were measured "
            "failed, so "
            f"times may be wrong; the first: {result.first_failure}"
        )
    if as_json:
        typer.echo(json.dumps(result.values()))
    else:
        planning.show(result, console.stream())


def list_(
    what: Annotated[
        str, typer.Argument(metavar="[families|learners|strategies|targets]", show_default=False)
    ] = "",
    as_json: Json = False,
) -> None:
    """Show what there is, with settings, ranges, units and defaults."""
    from spikeloop.coordinator.cli import list as listing
    from spikeloop.coordinator.cli import progress as console

    entries = listing.entries(what)
    if as_json:
        typer.echo(json.dumps(entries))
    else:
        listing.show(entries, console.stream())


def verify(run: RunPath, trust: Trust = False, as_json: Json = False) -> None:
    """Check every file of a run or a comparison: checksums, columns, and that the numbers agree."""
    if (run / "comparison.json").exists():
        from spikeloop.coordinator.verification import verify_comparison as comparisons

        report = comparisons.verify(run, trust)
    else:
        from spikeloop.coordinator.store.run_store import RunStore
        from spikeloop.coordinator.verification import verify_run

        report = verify_run.verify(RunStore.open(run), trust)
    if as_json:
        typer.echo(json.dumps({"ok": not report.problems, **vars(report)}))
    else:
        for line in (*report.checked, *(f"PROBLEM: {problem}" for problem in report.problems)):
            typer.echo(printable(line))
    if report.problems:
        raise RunFailed(
            f"{run}: {len(report.problems)} problem(s); the first: {report.problems[0]}"
        )


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN_OR_COMPARISON", help="a run's or comparison's folder")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="another HTML file")] = None,
    trust: Trust = False,
) -> None:
    """Write one HTML file that shows a run or a comparison, figures included."""
    from spikeloop.coordinator.report.html import write_report

    typer.echo(f"report:  {write_report(folder, out, trust)}")


def doctor(as_json: Json = False) -> None:
    """Check the installation, compiler, Ray and memory, and say what to do."""
    from spikeloop.cluster.pool import PoolError
    from spikeloop.coordinator.cli import doctor as diagnosis

    checks = diagnosis.examine()
    if as_json:
        typer.echo(json.dumps([vars(check) for check in checks]))
    else:
        for check in checks:
            typer.echo(f"{check.state:7} {check.name}: {check.found}")
            if check.advice:
                typer.echo(f"{'':8}-> {check.advice}")
    broken = [check for check in checks if check.state == "broken"]
    if broken:
        raise PoolError(f"{broken[0].name}: {broken[0].found}; {broken[0].advice}")
