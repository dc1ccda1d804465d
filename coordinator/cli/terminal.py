"""Keep a command running in an orderly way when its terminal is closed."""

import errno
import io
import sys
from typing import Any


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
