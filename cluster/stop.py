"""Ending a run on a signal, soon and without losing anything that was committed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The run was asked to stop.

    Like ``KeyboardInterrupt`` it may come up in the middle of a learner's code, so it is no
    ``Exception``: a learner that catches its own errors, or ``evaluate``, must not catch this.
    """


def ending_signals() -> tuple[signal.Signals, ...]:
    """The signals that end a run.

    A terminal or a connection that is closed sends SIGHUP. A process that was started to ignore it,
    by ``nohup`` for example, goes on ignoring it.
    """
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM) + (() if ignored else (signal.SIGHUP,))


class StopSignal:
    """Remembers that SIGINT, SIGTERM or SIGHUP came.

    Where only pure work is going on (``raising``), the signal raises ``Interrupted`` at once;
    everywhere else it is noted, and ``check`` raises at the next safe place.
    """

    def __init__(self) -> None:
        self.requested = False
        self._raising = False

    def check(self) -> None:
        """Raises ``Interrupted`` if a signal came."""
        if self.requested:
            raise Interrupted

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Within this block, which must have no side effects, a signal raises at once."""
        self._raising = True  # before the check, so that no signal can fall between the two
        try:
            self.check()
            yield
        finally:
            self._raising = False

    def install(self) -> None:
        """Takes over the signals that end a run.

        ``ray.init`` takes SIGTERM too, so call this again after it.
        """
        for number in ending_signals():
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if self._raising:
            self._raising = False
            raise Interrupted
