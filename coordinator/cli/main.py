"""The command line: parse, call, print, and turn every failure into one line and an exit code.

Heavy modules are imported inside the commands, so that ``spikeloop --help`` answers at once.
"""

import io
import os
import sys
import traceback
from typing import Annotated

import typer

import spikeloop
from spikeloop.coordinator.cli import submit as remote
from spikeloop.coordinator.cli.check import check
from spikeloop.coordinator.cli.chip import app as chip_app
from spikeloop.coordinator.cli.compare import compare
from spikeloop.coordinator.cli.doctor import doctor
from spikeloop.coordinator.cli.exits import explain, leave, show_warnings
from spikeloop.coordinator.cli.export import export
from spikeloop.coordinator.cli.fetch import fetch
from spikeloop.coordinator.cli.interpret import interpret
from spikeloop.coordinator.cli.kubernetes import kubernetes
from spikeloop.coordinator.cli.list import list_
from spikeloop.coordinator.cli.new import new
from spikeloop.coordinator.cli.options import help_without_command
from spikeloop.coordinator.cli.plan import plan
from spikeloop.coordinator.cli.report import report
from spikeloop.coordinator.cli.resume import resume
from spikeloop.coordinator.cli.run import run
from spikeloop.coordinator.cli.slurm import slurm
from spikeloop.coordinator.cli.sweep import sweep
from spikeloop.coordinator.cli.terminal import outlive_terminal
from spikeloop.coordinator.cli.transfer import transfer
from spikeloop.coordinator.cli.verify import verify
from spikeloop.coordinator.cli.watch import watch
from spikeloop.coordinator.errors import ConfigError

app = typer.Typer(
    name="spikeloop",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    *(new, plan, run, resume, compare, sweep, transfer),
    *(watch, report, export, verify, interpret),
    *(remote.submit, remote.status, remote.logs, remote.stop, fetch, slurm, kubernetes),
    *(check, list_, doctor),
):
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(chip_app, name="chip")

RENAMED = {"lives": "interpret", "policies": "interpret"}
"""Commands of older versions -> the command that does the same now."""

Debug = Annotated[bool, typer.Option("--debug", help="show the traceback behind an error line")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spikeloop {spikeloop.__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="show the version"),
]


@app.callback(invoke_without_command=True)
def options(context: typer.Context, debug: Debug = False, version: Version = False) -> None:
    """Teach spiking networks and neuromorphic chips to learn.

    To begin: spikeloop new my_search, then the command that it prints.
    """
    help_without_command(context)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with 0 done, 1 failed, 2 config, 3 cluster, 4 interrupted.

    ``--debug`` may stand anywhere and shows the traceback behind an error line.
    """
    if arguments is None:
        leave(_code(sys.argv[1:]))
    raise SystemExit(_code(arguments))


def _code(arguments: list[str]) -> int:
    """Run the command line and give its exit code; an error has been printed as one line."""
    debug = "--debug" in arguments
    # Otherwise numba follows a file of the current folder to a cache of pickles.
    os.environ.setdefault("NUMBA_CACHE_DIR", "")
    show_warnings()
    outlive_terminal()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path may have bytes that are no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if any("\0" in argument for argument in arguments):
            raise ConfigError("arguments must not contain the character NUL")
        if arguments and (new := RENAMED.get(arguments[0])):
            raise ConfigError(f"{arguments[0]}: is now spikeloop {new}; see spikeloop {new} --help")
        code: int = (
            app(
                [a for a in arguments if a != "--debug"],
                prog_name="spikeloop",
                standalone_mode=False,
            )
            or 0
        )
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  flushed by the interpreter at exit
        code = 0
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        code = 0  # the same, but typer was the first to see it
    except GeneratorExit:
        raise
    except BaseException as error:  # Interrupted and KeyboardInterrupt are no Exceptions
        if debug:
            traceback.print_exc()
        code = explain(error)
    return code
