"""Turn every failure into one line and an exit code, by the table in ``errors``."""

import atexit
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.formatting import one_line, printable, warn


def leave(code: int) -> NoReturn:
    """End the process with this code, and print nothing.

    Libraries with threads of their own can fail at the end of a process: now and then Arrow's pool
    of threads is destroyed while a thread still runs, and C++ aborts with exit code 134 and a line
    of its own. So all that Python does at its end is done here, in the same order: it waits for
    threads, calls what is registered with ``atexit``, such as the removal of temporary folders, and
    flushes the streams. Destructors of libraries are left out.
    """
    with suppress(BaseException):  # a further signal must not stop this
        threading._shutdown()  # type: ignore[attr-defined]
    with suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # already reported, or cannot be
            stream.flush()
    os._exit(code)


def explain(error: BaseException) -> int:
    """Print one line for an error and give its exit code."""
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.signals import Interrupted
    from spikeloop.workers.base import Unavailable

    if isinstance(error, TyperException):
        message, code = " ".join(error.format_message().split()), 2
    elif isinstance(error, RunFailed):
        if error.traceback:
            typer.echo(error.traceback.rstrip(), err=True)
        message, code = str(error), 1
    elif isinstance(error, ConfigError):
        message, code = str(error), 2
    elif isinstance(error, PoolError | Unavailable):
        message, code = str(error), 3
    elif isinstance(error, Interrupted | KeyboardInterrupt):
        message, code = str(error) or "interrupted", 4
    elif isinstance(error, OSError):
        message, code = one_line(error), 3
    elif isinstance(error, MemoryError):
        message = f"not enough memory: {one_line(error)}; choose fewer or smaller tasks, or fewer "
        message, code = f"{message}candidates", 1
    else:
        message = (
            f"unexpected {type(error).__name__}: {one_line(error)} (--debug shows the traceback)"
        )
        code = 1
    typer.echo(f"spikeloop: {printable(message)}", err=True)
    return code


class _Warnings(logging.Handler):
    """A handler that prints the warnings that other parts of Spikeloop log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning."""
        warn(record.getMessage())


def show_warnings() -> None:
    """Print every logged warning as ``warn`` does."""
    logger = logging.getLogger("spikeloop")
    if not any(isinstance(handler, _Warnings) for handler in logger.handlers):
        logger.addHandler(_Warnings(logging.WARNING))
