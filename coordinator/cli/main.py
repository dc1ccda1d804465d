"""The command line: parse, call, print, and turn every failure into one line and an exit code.

Heavy modules are imported inside the commands, so that ``spikeloop --help`` answers at once.
"""

import io
import os
import sys
import traceback
from typing import Annotated

import typer

from spikeloop.coordinator.cli import inspect as looking
from spikeloop.coordinator.cli import run as running
from spikeloop.coordinator.cli import submit as remote
from spikeloop.coordinator.cli.chip import app as chip_app
from spikeloop.coordinator.cli.episodes import episodes
from spikeloop.coordinator.cli.exits import explain, leave, show_warnings
from spikeloop.coordinator.cli.export import export
from spikeloop.coordinator.cli.kubernetes import kubernetes
from spikeloop.coordinator.cli.slurm import slurm
from spikeloop.coordinator.cli.terminal import outlive_terminal
from spikeloop.coordinator.cli.watch import watch
from spikeloop.coordinator.errors import ConfigError

app = typer.Typer(
    name="spikeloop",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    *(running.run, running.resume, running.compare, running.transfer),
    *(watch, looking.report, export, looking.verify, looking.policies, episodes),
    *(remote.submit, remote.status, remote.logs, remote.stop, remote.fetch, slurm, kubernetes),
    *(looking.plan, looking.list_, looking.doctor),
):
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(chip_app, name="chip")

Debug = Annotated[bool, typer.Option("--debug", help="show the traceback behind an error line")]


@app.callback()
def options(debug: Debug = False) -> None:
    """Learning to learn with spiking networks."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with 0 done, 1 failed, 2 config, 3 cluster, 4 interrupted.

    ``--debug`` may stand anywhere and shows the traceback behind an error line.

    Args:
        arguments: of the command line; by default those of the process, which ends here.
    """
    if arguments is None:
        leave(_code(sys.argv[1:]))
    raise SystemExit(_code(arguments))


def _code(arguments: list[str]) -> int:
    """Runs the command line and gives its exit code; an error is one line by then."""
    debug = "--debug" in arguments
    # Else numba follows a file of the current folder, maybe a stranger's, to a cache of pickles.
    os.environ.setdefault("NUMBA_CACHE_DIR", "")
    show_warnings()
    outlive_terminal()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if any("\0" in argument for argument in arguments):
            raise ConfigError("arguments must not contain the character NUL")
        code: int = app([a for a in arguments if a != "--debug"], standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
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
