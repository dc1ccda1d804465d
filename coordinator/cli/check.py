"""The command ``spikeloop check``: do the classes of a configuration keep their promises?"""

import json

import typer

from spikeloop.coordinator.cli.options import ConfigPath, Json, Sets
from spikeloop.coordinator.formatting import printable


def check(config: ConfigPath, sets: Sets = None, as_json: Json = False) -> None:
    """Check that own classes keep the promises that runs rely on."""
    from spikeloop.coordinator.api.configure import configure
    from spikeloop.coordinator.check.check_config import check as examine
    from spikeloop.coordinator.check.check_report import CheckReport, describe
    from spikeloop.coordinator.errors import RunFailed

    results = []
    for result in examine(configure(config, sets=sets)):
        results.append(result)
        for line in () if as_json else describe(result):
            typer.echo(printable(line))
    report = CheckReport(tuple(results))
    typer.echo(json.dumps(report.as_json()) if as_json else report.summary())
    if report.broken:
        first = report.broken[0]
        raise RunFailed(
            f"{config}: {len(report.broken)} of {len(results)} promises are broken; the first, of "
            f"the {first.part}: {first.faults[0]}"
        )
