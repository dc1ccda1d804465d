"""Processes that are forked from one that has imported and compiled everything.

A process that starts cold needs seconds, one that is forked some hundredths of one. Forking is safe
while there is a single thread: the fork server of multiprocessing only imports (``preload``), a
worker has one task, and it forks its commands before it reads a table itself.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

LIMIT_S = 300
"""A forked child that hangs is killed after this time, of which it needs a small part."""

SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


@contextmanager
def warm_processes() -> Iterator[Pool]:
    """Two processes at a time, a new one for each item that is mapped, which may fork others."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["store_faults.preload"])
    with mock.patch.dict(os.environ, SINGLE_THREADED, PYTHONPATH=path.rstrip(os.pathsep)):
        pool = context.Pool(2, maxtasksperchild=1)
    with pool:
        yield pool


class Ended(NamedTuple):
    """How a forked child ended.

    Attributes:
        status: its exit code, or minus the signal that killed it.
        output: what it wrote to standard output.
        errors: what it wrote to standard error.
        value: what the function gave back; None if it did not come so far.
    """

    status: int
    output: str
    errors: str
    value: Any


class Child:
    """A function in a forked child; ``SystemExit`` in it is the child's exit code."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._files = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115  closed when read
        self.process = os.fork()
        if self.process == 0:
            signal.alarm(LIMIT_S)
            for descriptor, file in enumerate(self._files[:2], start=1):
                os.dup2(file.fileno(), descriptor)
            _answer(function, self._files[2])

    def ended(self) -> Ended:
        """Wait for its end."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        written = []
        for file in self._files:
            with file:
                file.seek(0)
                written.append(file.read())
        output, errors, value = written
        return Ended(
            status, output.decode(), errors.decode(), pickle.loads(value) if value else None
        )


def _answer(function: Callable[[], Any], file: Any) -> None:
    """The episode of a forked child, which ends here."""
    status = 1
    try:
        file.write(pickle.dumps(function()))
        file.flush()
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
