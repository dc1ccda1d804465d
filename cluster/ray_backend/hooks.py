"""Keeps what Ray would change in the process that starts or joins a cluster, and leave changed.

``ray.init`` makes ``breakpoint()`` start Ray's own debugger and takes over the report of exceptions
that nothing catches. Both would last after ``ray.shutdown``.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from spikeloop.workers.environment import environment

CHATTY = "ray.widgets.util"
"""A logger of Ray's, which misses packages for widgets in every notebook."""

VARIABLES = ("PYTHONBREAKPOINT", "RAY_CLIENT_MODE")


@contextmanager
def hooks_kept() -> Iterator[None]:
    """Put hooks and variables back at the end of a block."""
    hook = sys.excepthook
    try:
        with environment({name: os.environ.get(name) for name in VARIABLES}):
            yield
    finally:
        sys.excepthook = hook


@contextmanager
def import_of_ray() -> Iterator[None]:
    """Keep what Ray's import would say in a notebook, and the filters of warnings."""
    logging.getLogger(CHATTY).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
