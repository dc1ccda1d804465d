"""A terminal that is closed while a command works must not end it in the middle of something."""

import errno
import io
import sys
from typing import Any


class _Terminal(io.FileIO):
    """A terminal on which what is written after it was closed goes nowhere."""

    def write(self, data: Any, /) -> int:
        """Writes bytes, and says how many."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """Lets this process write to its terminal also after that was closed.

    The signal SIGHUP, which comes then, decides what happens: it ends a run in an orderly way, and
    is ignored under ``nohup``. An error in the middle of a line would be neither.
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
