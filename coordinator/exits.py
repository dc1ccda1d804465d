"""Every failure as one line and an exit code, as the table in ``errors`` has them."""

import typer
from typer.exceptions import TyperException

from spikeloop.coordinator.errors import ConfigError, RunFailed


def explain(error: BaseException) -> int:
    """Prints one line for an error and gives its exit code."""
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.stop import Interrupted

    if isinstance(error, TyperException):
        message, code = " ".join(error.format_message().split()), 2
    elif isinstance(error, RunFailed):
        if error.traceback:
            typer.echo(error.traceback.rstrip(), err=True)
        message, code = str(error), 1
    elif isinstance(error, ConfigError):
        message, code = str(error), 2
    elif isinstance(error, PoolError):
        message, code = str(error), 3
    elif isinstance(error, Interrupted | KeyboardInterrupt):
        message, code = str(error) or "interrupted", 4
    elif isinstance(error, OSError):
        message, code = one_line(error), 3
    else:
        message = (
            f"unexpected {type(error).__name__}: {one_line(error)} (--debug shows the traceback)"
        )
        code = 1
    typer.echo(f"spikeloop: {message}", err=True)
    return code


def one_line(error: BaseException) -> str:
    """An error's message as one line; for an operating system's error, which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())
