"""``spikeloop chip calibrate``: find the codes that compensate for one chip's mismatch."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikeloop.coordinator.cli.chip.output import (
    Seed,
    number,
    percentage,
    require_writable,
    summary,
)
from spikeloop.coordinator.cli.options import Json
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from spikeloop.workers.chip.calibration.results import Calibration


def calibrate(
    chip: Annotated[int, typer.Option("--chip", min=0, help="number of the chip")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", help="JSON file for the codes  [default: chip-N.json]")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find the codes that bring all neurons of a chip to a common target, by measuring it."""
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.coordinator.report.chip_figures import calibration_figure
    from spikeloop.coordinator.store import atomic_files
    from spikeloop.workers.chip.calibration import calibrate as routine
    from spikeloop.workers.chip.calibration.results import saturated_codes, share_of_rates_within

    path = Path(f"chip-{chip}.json") if out is None else out
    if path.suffix != ".json":
        raise ConfigError(f"--out must end in .json, got {path}")
    require_writable(path.parent)
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; --out must name a file")
    found = routine.calibrate(chip, seed=seed)
    atomic_files.write_json(path, found.values())
    figure = calibration_figure(found, path.with_suffix(".png"))
    if not as_json:
        _show(found, console.stream())
        typer.echo(f"codes:   {path}\nfigure:  {figure}")
        return
    states = {"before": found.before, "after": found.after}
    printed = {
        "chip": chip,
        "quantities": {name: summary(state, found.target) for name, state in states.items()},
        "rates_within": {
            name: share_of_rates_within(state, found.target) for name, state in states.items()
        },
        "codes_at_the_end": saturated_codes(found.codes),
        "file": str(path),
        "figure": str(figure),
    }
    typer.echo(json.dumps(printed))


def _show(found: "Calibration", console: "Console") -> None:
    from rich.table import Table

    from spikeloop.coordinator.report.chip_figures import SHOWN
    from spikeloop.workers.chip.calibration.results import (
        RATES_WITHIN,
        saturated_codes,
        share_of_rates_within,
    )

    table = Table(title=f"Calibration of chip {found.chip}, 32 neurons", title_justify="left")
    table.add_column("quantity")
    for column in ("target", "before", "SD", "after", "SD"):
        table.add_column(column, justify="right")
    states = found.before, found.after
    before, after = (summary(state, found.target) for state in states)
    for name, shown in SHOWN.items():
        row = [number(before[name], "target", shown.per_si)]
        for state in (before[name], after[name]):
            row += [number(state, "mean", shown.per_si), percentage(state)]
        table.add_row(f"{shown.name} ({shown.unit})", *row)
    within = [f"{100 * share_of_rates_within(state, found.target):.0f} %" for state in states]
    low, high = RATES_WITHIN
    table.add_section()
    table.add_row(f"rates within {low} to {high} of target", "90 %", within[0], "", within[1], "")
    console.print(table)
    for name, n in saturated_codes(found.codes).items():
        console.print(
            f"{n} neurons have {name} at its upper end and may need more than the memory holds",
            highlight=False,
            soft_wrap=True,
        )
