"""The only import of Brian2: late, once, and without its side effects on the process.

Brian2 is made for scripts. Its import reads the files ``~/.brian/user_preferences`` and
``./brian_preferences`` and evaluates what stands in them, opens a log file in the temporary folder,
copies the main script there, replaces the handler of Ctrl+C and the hook for uncaught exceptions,
turns Python's warnings into log messages, and walks through its cache on disk. In a worker each of
these is a surprise: results would depend on files beside the run, and Ctrl+C would end a simulation
early as if it had finished.

Brian2 is not thread-safe either, since its preferences, names and caches are global: everything
that touches it holds ``LOCK``.
"""

import importlib
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from spikeloop.workers.base import Package, Unavailable

LOCK = threading.RLock()
"""Held by every use of Brian2, from building a network to reading its numbers."""

QUIET_PREFERENCES: dict[str, Any] = {
    "logging.file_log": False,
    "logging.save_script": False,
    # Redirection exchanges the process's own output streams while a compiler runs.
    "logging.std_redirection": False,
    "logging.console_log_level": "ERROR",
    "logging.display_brian_error_message": False,
    # The size of the cache on disk is only looked at on import.
    "codegen.max_cache_dir_size": 0,
}
"""Brian2's preferences that an import by ``brian2()`` starts with instead of those in files."""


BRIAN2 = Package("brian2", "Brian2", "brian")


class MissingBrian(Unavailable):
    """Brian2 is not installed, or cannot be imported."""


def brian2(needed_by: str = "this learner") -> Any:
    """Return the module ``brian2``, imported on the first call.

    Where a program has imported Brian2 before, it is returned as that program has set it up.
    ``needed_by`` begins the message of MissingBrian, one line with the package to install.
    """
    with LOCK:
        try:
            with nullcontext() if "brian2" in sys.modules else _no_side_effects():
                return importlib.import_module("brian2")
        except ImportError as error:
            cause = "" if getattr(error, "name", None) == "brian2" else f" ({error})"
            raise MissingBrian(
                f"{needed_by} needs Brian2: pip install 'spikeloop[brian]'{cause}"
            ) from error


@contextmanager
def _no_side_effects() -> Iterator[None]:
    """Keep the import of Brian2 from changing the process."""
    hook, show = sys.excepthook, warnings.showwarning
    set_handler = signal.signal
    importing = threading.get_ident()

    def keep_handler(number: int, handler: Any) -> Any:
        # Only the main thread may set a handler, so Brian2 could not be imported in another one.
        if threading.get_ident() == importing:
            return signal.getsignal(number)
        return set_handler(number, handler)

    finder = _Finder()
    sys.meta_path.insert(0, finder)
    signal.signal = keep_handler  # type: ignore[assignment]
    try:
        # Also keeps the filters, to which sympy adds its own.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ignoring = warnings.showwarning
            yield
            if warnings.showwarning is not ignoring:
                logging.captureWarnings(False)
    finally:
        signal.signal = set_handler
        sys.meta_path.remove(finder)
        sys.excepthook, warnings.showwarning = hook, show
        logger = sys.modules.get("brian2.utils.logger")
        if logger is not None:
            handler = logger.BrianLogger.console_handler
            logging.getLogger("py.warnings").removeHandler(handler)


class _Finder(MetaPathFinder):
    """Finds Brian2's preferences, and replaces the reading of files before it happens."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "brian2.core.preferences":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None and spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            preferences = module.prefs

            def start_quietly() -> None:
                del preferences.load_preferences  # the user's own call reads files again
                for name, value in QUIET_PREFERENCES.items():
                    preferences[name] = value

            preferences.load_preferences = start_quietly

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
