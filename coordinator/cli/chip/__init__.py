"""``spikeloop chip``: calibrate one emulated chip, or measure it."""

import typer

from spikeloop.coordinator.cli.chip.calibrate import calibrate
from spikeloop.coordinator.cli.chip.inspect import inspect

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Calibrate one emulated chip, or look at it."
)
app.command()(calibrate)
app.command()(inspect)
