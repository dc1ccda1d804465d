"""Outlive a terminal that is closed in the middle, and page what does not fit on it."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

LESS = "FRX"
"""Options of ``less``, as git's: leave at once if all fits, keep colours, keep the screen."""


class _Terminal(io.FileIO):
    """A terminal that ignores what is written after it was closed."""

    def write(self, data: Any, /) -> int:
        """Write bytes, and return their number."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """Let this process write to its terminal even after that was closed.

    The signal SIGHUP, which comes then, ends a run in an orderly way, and is ignored under
    ``nohup``. An error in the middle of a line would do neither.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and stream.isatty():
            stream.flush()
            raw = _Terminal(stream.fileno(), "w", closefd=False)
            terminal = io.TextIOWrapper(
                io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=True
            )
            setattr(sys, name, terminal)


@contextmanager
def paged(console: "Console") -> Iterator[None]:
    """Show what is printed in the user's pager, on a terminal only."""
    if not (console.is_terminal and sys.stdin.isatty()):
        yield
        return
    os.environ.setdefault("LESS", LESS)
    with console.pager(styles=True):
        yield
