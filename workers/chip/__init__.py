"""The emulated HICANN-DLS prototype: neurons, synapses, router and plasticity processor.

All times are chip time, in which everything runs 1000 times faster than in biology. ``Chip`` is the
whole of it for a script. Modules with kernels import numba; ``limits``, ``capmem``, ``circuit``,
``analog``, ``mismatch``, ``network``, ``environment`` and ``calibration`` do not, so that settings
can be read without it; neither does this package until its ``Chip`` is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeloop.workers.chip.chip import Chip, Recording

__all__ = ["Chip", "Recording"]


def __getattr__(name: str) -> Any:
    """Imports ``Chip`` and ``Recording``, and numba with them, when they are first used."""
    if name in __all__:
        from spikeloop.workers.chip import chip

        return getattr(chip, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
