"""Ends a run on a signal, soon and without losing anything that was committed."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

AGAIN_S = 0.01
"""Time after which an exception that Python has swallowed is raised again."""


class Interrupted(BaseException):
    """The run was asked to stop.

    Like ``KeyboardInterrupt`` it may come up in the middle of a learner's code, so it is no
    ``Exception``: a learner that catches its own errors, or ``evaluate``, must not catch this.
    """


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end a run.

    A terminal or a connection that is closed sends SIGHUP. A process that was started to ignore it,
    by ``nohup`` for example, goes on ignoring it.
    """
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM) + (() if ignored else (signal.SIGHUP,))


class StopSignal:
    """Remembers that SIGINT, SIGTERM or SIGHUP came.

    Where only pure work is going on (``raising``), the signal raises ``Interrupted`` at once;
    everywhere else it is noted, and ``check`` raises at the next safe place.

    A signal may come while a destructor or the callback of a weak reference is running. Python
    prints what these raise and goes on, so ``Interrupted`` is raised once more after them.
    """

    def __init__(self) -> None:
        self.requested = False
        self._raising = False
        self._number = 0
        self._thrown = False
        self._swallowed = False
        self._other_hook: Any = None

    def check(self) -> None:
        """Raise ``Interrupted`` if a signal came."""
        if self.requested:
            raise Interrupted

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Let a signal raise at once within this block, which must have no side effects."""
        self._raising = True  # before the check, so that no signal can fall between the two
        try:
            self.check()
            yield
        finally:
            self._raising = self._thrown = False

    def install(self) -> None:
        """Handle the signals that end a run.

        ``ray.init`` takes SIGTERM too, so call this again after it.
        """
        for number in ending_signals():
            signal.signal(number, self._handle)
        found = sys.unraisablehook
        earlier = getattr(found, "__self__", None)
        self._other_hook = earlier._other_hook if isinstance(earlier, StopSignal) else found
        sys.unraisablehook = self._unraisable

    @contextmanager
    def installed(self) -> Iterator[Self]:
        """Handle the signals for the time of a block, and put back who handled them before.

        A signal that was noted too late to break the block off raises ``Interrupted`` at its end,
        so that a loop over many such blocks ends too. Only the main thread can handle signals; in
        another one the block runs without.
        """
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.getsignal(number) for number in ending_signals()}
        hook = sys.unraisablehook
        self.install()
        try:
            yield self
            self.check()
        finally:
            sys.unraisablehook = hook
            for number, handler in before.items():
                # None is a handler that was not set from Python, and cannot be from there.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._number = number
        if self._raising and not self._swallowed:
            self._raising, self._thrown = False, True
            raise Interrupted

    def _unraisable(self, what: Any) -> None:
        """Receive an exception that Python cannot raise anywhere."""
        if not (self._thrown and isinstance(what.exc_value, Interrupted)):
            self._other_hook(what)
            return
        self._swallowed = True
        self._raising, self._thrown = True, False
        threading.Thread(target=self._again, name="stopping", daemon=True).start()
        self._swallowed = False

    def _again(self) -> None:
        """Send the signal again until it has raised or the block with pure work has ended."""
        ended = threading.Event()
        while self._raising:
            ended.wait(AGAIN_S)
            if self._raising:
                os.kill(os.getpid(), self._number)
