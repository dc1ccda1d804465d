"""Keeps what Ray would change in the process that starts or joins a cluster, and leave changed.

``ray.init`` makes ``breakpoint()`` start Ray's own debugger and takes over the report of exceptions
that nothing catches. Both would last after ``ray.shutdown``.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from spikeloop.workers.environment import environment

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
