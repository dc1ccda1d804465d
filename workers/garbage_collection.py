"""Keeps Python's garbage collector away from objects that stay.

A collection looks through every object that the process has ever made. Large simulations and large
generations make hundreds of thousands of them and no cycles, so collections would take as long as
the work itself.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = (50_000, 20, 20)
"""Thresholds (``gc.set_threshold``) for a process that makes many small objects."""

_lock = threading.Lock()
_depth = 0


@contextmanager
def frozen(thresholds: tuple[int, int, int] | None = None) -> Iterator[None]:
    """Exempt all objects that exist now from collections, until the outermost block ends.

    Args:
        thresholds: how rarely to collect within the block; None leaves that as it is.
    """
    global _depth
    before = gc.get_threshold()
    with _lock:
        _depth += 1
        gc.freeze()
    if thresholds is not None:
        gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        if thresholds is not None:
            gc.set_threshold(*before)
        with _lock:
            _depth -= 1
            if _depth == 0:
                gc.unfreeze()
