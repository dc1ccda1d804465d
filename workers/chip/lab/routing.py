"""Settings of the spike router of a lab's chip, in haldls' words (include/haldls/v2/fpga.h).

Routes and squeeze mode exclude each other, as on the FPGA; ``router`` says what they do.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.workers.chip.core import ROUTERS, Core, cycles_to_steps, row_by_row
from spikeloop.workers.chip.lab import arguments
from spikeloop.workers.chip.limits import FPGA_HZ, MAX_LABEL_U6, MAX_ROUTER_DELAY_CYCLES, N_ROWS

DELAY_LINE = ROUTERS.index("delay_line")


def write_routes(
    core: Core, neurons: NDArray[np.int64], rows: int | Iterable[int], address: ArrayLike
) -> None:
    """Send the spikes of (n,) neurons into all of some rows, under one address or one for each.

    Raises:
        ValueError: the chip is in squeeze mode, or a row or an address does not exist.
    """
    require_routed_mode(core)
    listed = list(rows) if isinstance(rows, Iterable) else [rows]
    row = arguments.integers("rows", listed, 0, N_ROWS - 1)
    label_u6 = arguments.integers("address", address, 0, MAX_LABEL_U6, neurons.shape)
    core.route_rows[neurons] = np.bitwise_or.reduce(row_by_row()[row], initial=0)
    core.route_label_u6[neurons] = label_u6


def require_routed_mode(core: Core) -> None:
    """Raise ValueError in squeeze mode, whose rows are fixed."""
    if core.router != DELAY_LINE:
        raise ValueError("routes cannot be set in squeeze mode, which unroute() ends")


def squeezed(core: Core, address: int, delay_cycles: int, step_s: float, *, windows: bool) -> Core:
    """Return the core with its router in squeeze mode; spikes on their way are dropped."""
    arguments.require_integer("address", address, 0, MAX_LABEL_U6)
    arguments.require_integer("delay_cycles", delay_cycles, 1, MAX_ROUTER_DELAY_CYCLES)
    core.route_rows[:] = row_by_row()
    core.route_label_u6[:] = address
    return _with_router(
        core,
        ROUTERS.index("squeeze_windows" if windows else "squeeze"),
        cycles_to_steps(delay_cycles, step_s, FPGA_HZ),
    )


def without_routes(core: Core, delay_cycles: int, step_s: float) -> Core:
    """Return the core with its router in the routed mode, in which it drops every spike so far."""
    core.route_rows[:] = 0
    return _with_router(core, DELAY_LINE, cycles_to_steps(delay_cycles, step_s, FPGA_HZ))


def _with_router(core: Core, router: int, delay: int) -> Core:
    core.queue[:] = 0
    return core._replace(
        router=router,
        delay=delay,
        in_flight=np.zeros(delay + 1, dtype=np.uint32),
        due=np.zeros(delay + 1, dtype=np.int64),
    )
