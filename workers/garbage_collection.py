"""Keeps Python's garbage collector away from objects that stay.

A collection looks through every object that the process has ever made. Large simulations and large
generations make hundreds of thousands of them and no cycles, so collections would take as long as
the work itself.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

RARELY = (50_000, 20, 20)
"""Thresholds (``gc.set_threshold``) for a process that makes many small objects."""

Thresholds = tuple[int, int, int]


class _Blocks:
    """The blocks that are open in this process, nested or in several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open = 0
        self._thresholds: Thresholds = gc.get_threshold()
        self._freezes = True

    def enter(self, thresholds: Thresholds | None) -> None:
        with self._lock:
            if self._open == 0:
                self._thresholds = gc.get_threshold()
                self._freezes = gc.get_freeze_count() == 0  # else unfreezing would undo another's
            self._open += 1
            if self._freezes:
                gc.freeze()
            if thresholds is not None:
                gc.set_threshold(*thresholds)

    def leave(self) -> None:
        with self._lock:
            self._open -= 1
            if self._freezes:
                gc.unfreeze()
            if self._open == 0:
                gc.set_threshold(*self._thresholds)


_BLOCKS = _Blocks()


@contextmanager
def frozen(thresholds: Thresholds | None = None) -> Iterator[None]:
    """Exempt all objects that exist now from collections within the block.

    The end of an inner block ends the exemption of the outer one, too: what the inner one froze may
    be garbage by then, such as the network of a tile before. After the last open block the
    collector is as it was before the first. A program that had frozen objects of its own keeps them
    so, and nothing else is exempted.

    Args:
        thresholds: how rarely to collect until the last open block ends; None leaves that as it is.
    """
    _BLOCKS.enter(thresholds)
    try:
        yield
    finally:
        _BLOCKS.leave()
