"""The command ``spikeloop check``: do the classes of a configuration keep their promises?"""

import json
from typing import TYPE_CHECKING

import typer

from spikeloop.coordinator.cli.options import ConfigPath, Json, Sets

if TYPE_CHECKING:
    from rich.console import Console

    from spikeloop.coordinator.check.promises import PromiseResult

SIGNS = {"kept": "✓", "broken": "✗", "not checked": "–"}


def check(config: ConfigPath, sets: Sets = None, as_json: Json = False) -> None:
    """Check that family, learner and strategy keep the promises that a run relies on."""
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.api.configure import configure
    from spikeloop.coordinator.check.check_config import check as examine
    from spikeloop.coordinator.errors import RunFailed

    console, results = progress.stream(), []
    for result in examine(configure(config, sets=sets)):
        results.append(result)
        if not as_json:
            _print(result, console)
    broken = [result for result in results if not result.kept]
    if as_json:
        rows = [{**vars(result), "kept": result.kept} for result in results]
        typer.echo(json.dumps({"ok": not broken, "promises": rows}))
    else:
        _print_end(results, console)
    if broken:
        raise RunFailed(
            f"{config}: {len(broken)} of {len(results)} promises are broken; the first, of the "
            f"{broken[0].part}: {broken[0].faults[0]}"
        )


def _print(result: "PromiseResult", console: "Console") -> None:
    """Print one promise, and what was found against it."""
    state = "not checked" if result.skipped else "kept" if result.kept else "broken"
    console.print(f"{SIGNS[state]} {result.part:8}  {result.promise}", soft_wrap=True)
    for line in (*result.faults, *filter(None, [result.skipped])):
        console.print(f"    {line}", soft_wrap=True)


def _print_end(results: "list[PromiseResult]", console: "Console") -> None:
    """Print how many promises are kept, and how sure that is."""
    from spikeloop.coordinator.check.references import FALSE_ALARMS

    skipped = sum(bool(result.skipped) for result in results)
    kept = sum(result.kept for result in results) - skipped
    console.print(
        f"{kept} of {len(results)} promises are kept, not checked: {skipped}; references are "
        f"compared so that a right family fails with a probability below {FALSE_ALARMS:g}",
        soft_wrap=True,
    )
