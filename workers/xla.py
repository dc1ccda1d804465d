"""Imports JAX late and once, with one thread per program and full precision.

Results must not depend on how many cores a worker has. XLA cuts sums and matrix products into as
many pieces as it has threads, and with them the order of additions, so it gets one thread; a worker
with several cores runs several tiles at the same time. On graphics cards the memory is taken as it
is needed, because the workers of a machine may share one card.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from spikeloop.workers.base import Package, Unavailable
from spikeloop.workers.environment import environment

Precision = Literal["float32", "float64"]
"""Of everything inside a program."""

ENVIRONMENT = {
    "NPROC": "1",  # threads of XLA on the processor, which it asks for when it starts
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # On graphics cards: the same sums each time, and the same program on each of them.
    "XLA_FLAGS": "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0",
}
"""What JAX reads when it starts and that is not the user's to choose."""
PROCESSOR = "cpu"
"""What JAX calls it."""
JAX = Package("jax", "JAX", "lsnn")
_LOCK = threading.Lock()
_started = False


def jax(needed_by: str = "lsnn") -> Any:
    """Return the module ``jax``, imported and started on the first call.

    Where a program has started JAX before, its threads are that program's. ``needed_by`` begins
    the error message.

    Raises:
        Unavailable: it cannot be imported or started; one line that says what to do.
    """
    global _started
    with _LOCK:
        try:
            if not _started:
                _start()
                _started = True
            import jax as module
        except ImportError as error:
            cause = "" if error.name == "jax" else f" ({error})"
            raise Unavailable(
                f"{needed_by} needs JAX: pip install 'spikeloop[lsnn]'{cause}"
            ) from error
        except (RuntimeError, AssertionError) as error:
            asked = os.environ.get("JAX_PLATFORMS", "")
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            remedy = (
                f"; JAX_PLATFORMS asks for {asked!r}, unset it or install that" if asked else ""
            )
            raise Unavailable(
                f"{needed_by} needs JAX, which does not start ({reason}){remedy}"
            ) from error
    return module


def _start() -> None:
    """Import and start JAX, on the devices that ``JAX_PLATFORMS`` asks for.

    The processor is always among them, though not the first, because ``bptt`` makes its steps
    there.

    Raises:
        RuntimeError, AssertionError: a device is missing.
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} {ENVIRONMENT['XLA_FLAGS']}".strip()
    asked = os.environ.get("JAX_PLATFORMS", "")
    only_others = asked != "" and PROCESSOR not in asked.split(",")
    platforms = f"{asked},{PROCESSOR}" if only_others else asked
    with environment({**ENVIRONMENT, "XLA_FLAGS": flags, "JAX_PLATFORMS": platforms or None}):
        import jax

        jax.devices()
    if only_others and jax.default_backend() == PROCESSOR:
        raise RuntimeError("it finds no such device")


@contextmanager
def precision(wanted: Precision) -> Iterator[None]:
    """Use a precision in the programs that this thread traces and runs within the block.

    Matrix products of float32 are computed in float32, where graphics cards would round to fewer
    bits.
    """
    module = jax()
    with (
        module.enable_x64(wanted == "float64"),
        module.default_matmul_precision("highest"),
        module.threefry_partitionable(True),
    ):
        yield
