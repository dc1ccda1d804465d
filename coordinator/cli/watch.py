"""The command ``spikeloop watch``: a live view on terminals, one frame of plain text elsewhere."""

import json
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from spikeloop.coordinator.cli.options import FolderPath

if TYPE_CHECKING:
    from rich.console import Console

    from spikeloop.coordinator.watch.comparison_view import ComparisonView
    from spikeloop.coordinator.watch.run_view import RunView
    from spikeloop.coordinator.watch.sweep_view import SweepView


def watch(
    run: FolderPath,
    once: Annotated[bool, typer.Option("--once", help="one frame, then end")] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, max=3600, help="seconds between two looks")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="one frame, machine-readable")] = False,
) -> None:
    """Show a run, a comparison or a sweep live on the terminal.

    It reads the folder alone, while another process writes it.

    It ends with the run or on Ctrl-C, which disturbs nothing. Where its output is no terminal, it
    prints one frame and ends.
    """
    from rich.console import Console

    from spikeloop.coordinator.store.folder_kind import is_comparison, is_sweep
    from spikeloop.coordinator.watch.comparison_view import ComparisonView
    from spikeloop.coordinator.watch.curves import TerminalSize
    from spikeloop.coordinator.watch.run_view import RunView
    from spikeloop.coordinator.watch.sweep_view import SweepView

    view: ComparisonView | RunView | SweepView
    if is_comparison(run):
        view = ComparisonView(run)
    else:
        view = SweepView(run) if is_sweep(run) else RunView(run)
    console = Console(markup=False, highlight=False)
    if as_json:
        view.look()
        typer.echo(json.dumps(view.as_json()))
        return
    if once or not console.is_terminal or console.is_dumb_terminal:
        view.look()
    else:
        _follow(view, console, interval)
    console.print(view.show(TerminalSize.of(console)))


def _follow(
    view: "ComparisonView | RunView | SweepView", console: "Console", interval: float
) -> None:
    """Show the view on a screen of its own until it is over or the user presses Ctrl-C."""
    from rich.live import Live

    from spikeloop.coordinator.watch.curves import TerminalSize

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the screen stays as it is
    try:
        with Live(console=console, screen=True, auto_refresh=False) as screen:
            while not view.over:
                started = time.monotonic()
                view.look(interval)
                screen.update(view.show(TerminalSize.of(console)), refresh=True)
                if not view.over and not view.behind:
                    # Even a huge run costs a tenth of a core at most: workers need the others.
                    time.sleep(max(9 * (time.monotonic() - started), interval))
    except KeyboardInterrupt:
        pass
