"""The command ``spikeloop compare``, and the progress and findings that ``resume`` shows too."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spikeloop.coordinator.cli.options import (
    RUNS,
    Address,
    ConfigPath,
    Inline,
    Json,
    Sets,
    Workers,
)

if TYPE_CHECKING:
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.api.comparison_progress import ComparisonConsole
    from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
    from spikeloop.coordinator.comparison.findings.findings import Findings

    Session: TypeAlias = Callable[[ComparisonConsole, StopSignal], Findings]


def compare(
    config: ConfigPath,
    sets: Sets = None,
    out: Annotated[Path, typer.Option("--out", envvar=RUNS, help="folder for comparisons")] = Path(
        "comparisons"
    ),
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Compare strategies, each tuned by Optuna, at equal budget.

    After the tuning all search with the same fresh seeds.
    """
    from spikeloop.coordinator.api.configure import retarget
    from spikeloop.coordinator.comparison import comparison_config, session
    from spikeloop.coordinator.config.load import overrides

    settings = comparison_config.load(config, overrides(sets))
    settings = settings.retarget(retarget(settings.first, workers, inline, address).target)
    folder = out / settings.comparison.name
    show_comparison(
        settings,
        folder,
        lambda reporter, stop: session.start(settings, folder, reporter, stop),
        as_json,
    )


def show_comparison(
    config: "ComparisonConfig", folder: Path, session: "Session", as_json: bool
) -> None:
    """Run a session with progress, then show its findings and where its files are.

    With ``as_json`` the findings are JSON, and the progress goes to standard error.
    """
    from spikeloop.coordinator.api import comparison_progress, progress
    from spikeloop.coordinator.api.resumable import resumable
    from spikeloop.coordinator.comparison.session import episodes_to_come
    from spikeloop.coordinator.report.write_report import write_report

    console = progress.stream(stderr=as_json)
    reporter = comparison_progress.ComparisonConsole(episodes_to_come(config, folder), console)
    with resumable(folder, config.tables()) as stop:
        findings = session(reporter, stop)
    report = write_report(folder)
    if as_json:
        typer.echo(json.dumps(findings.as_json()))
    else:
        comparison_progress.print_findings(findings, folder, report, console)
