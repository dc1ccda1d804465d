"""The command ``spikeloop doctor``."""

import json

import typer

from spikeloop.coordinator.cli.options import Json


def doctor(as_json: Json = False) -> None:
    """Check installation, compiler, Ray and memory of this machine.

    Where something is missing, it says what to do.
    """
    from spikeloop.cluster.pool import PoolError
    from spikeloop.coordinator.cli import installation_check

    checks = installation_check.examine()
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
