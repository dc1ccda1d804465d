"""The emulated HICANN-DLS prototype: neurons, synapses, router and plasticity processor.

All times are chip time, in which everything runs 1000 times faster than in biology. ``Chip`` is the
whole chip for a script. Modules with kernels import numba; the package itself imports it when
``Chip`` is first used, and the modules of settings and of the command line (``limits``, ``capmem``,
``circuit``, ``analog``, ``mismatch``, ``network``, ``core``, ``correlation``, ``cadc``,
``mailbox``, ``memory``, ``calibration``) do without. Reading the configuration of a learner imports
numba all the same, because a plasticity program's settings and its rule are one file
(``plasticity.hooks``).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeloop.workers.chip.lab.chip import Chip
    from spikeloop.workers.chip.lab.recording import Recording

__all__ = ["Chip", "Recording"]


def __getattr__(name: str) -> Any:
    """Import ``Chip`` and ``Recording``, and numba with them, when they are first used."""
    if name in __all__:
        from spikeloop.workers.chip.lab import chip, recording

        return chip.Chip if name == "Chip" else recording.Recording
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
