"""Keeps Python's garbage collector away from objects that stay.

A collection looks through every object that the process has ever made. Large simulations and large
generations make hundreds of thousands of them and no cycles, so collections would take as long as
the work itself.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = (50_000, 20, 20)
"""Thresholds (``gc.set_threshold``) for a process that makes many small objects."""


@contextmanager
def frozen(thresholds: tuple[int, int, int] | None = None) -> Iterator[None]:
    """Exempt all objects that exist now from collections within the block.

    The end of an inner block ends the exemption of the outer one, too: what the inner one froze may
    be garbage by then, such as the network of a tile before.

    Args:
        thresholds: how rarely to collect within the block; None leaves that as it is.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*(thresholds or before))
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
