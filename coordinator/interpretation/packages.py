"""Packages of the extra ``interpret``, imported where a section needs them."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spikeloop.workers.base import Unavailable


def required(module: str, needed_by: str) -> Any:
    """Import a module of the extra.

    Raises:
        Unavailable: it is not installed; one line that says what to do.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(
            f"section {needed_by} needs {module.partition('.')[0]}: "
            "pip install 'spikeloop[interpret]'"
        ) from error


@contextmanager
def one_thread(needed_by: str) -> Iterator[None]:
    """Have matrix products use one thread: those of a time step are too small to be shared."""
    with required("threadpoolctl", needed_by).threadpool_limits(1):
        yield
