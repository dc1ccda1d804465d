"""A new chip is at rest, and a clone shares no memory that changes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.chip_recording import ideal_neurons

from spikeloop.workers.chip.analog import I_EXC, V, stride_steps
from spikeloop.workers.chip.core import Core, clone, cycles_to_steps, new_core
from spikeloop.workers.chip.limits import (
    FPGA_HZ,
    N_NEURONS,
    N_SYNAPSES,
    PPU_HZ,
    ROUTER_ADDRESS_U6,
)
from spikeloop.workers.chip.network import connect
from spikeloop.workers.chip.router import advance, send


def memories(core: Core) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every array of a chip but the ADC's constants, with its name."""
    for part in (core, core.sensors):
        for name, value in part._asdict().items():
            if isinstance(value, np.ndarray):
                yield name, value


def busy() -> Core:
    """A chip in the middle of something."""
    core = new_core(ideal_neurons(6), noise_V=0.02)
    connect(core, 6, 8, inhibition_u6=40)
    send(core, 1, 0)
    advance(core, 37)
    assert core.counters_u10.sum() > 0
    return core


def test_a_clone_is_equal_and_shares_no_memory_that_changes() -> None:
    core = busy()
    copy = clone(core)
    ours, theirs = dict(memories(core)), dict(memories(copy))
    assert ours.keys() == theirs.keys()
    assert len(ours) > 20
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
        assert array.dtype == theirs[name].dtype
        for other in theirs.values():
            assert not np.shares_memory(array, other), name
    assert (core.stride, core.sensors.enabled) == (copy.stride, copy.sensors.enabled)


def test_a_new_chip_is_at_rest_without_synapses_and_routed_row_by_row() -> None:
    cells = ideal_neurons(6)
    core = new_core(cells)
    np.testing.assert_array_equal(core.analog[V : V + N_NEURONS], np.float32(cells.v_leak_V))
    assert not core.analog[I_EXC : I_EXC + 2 * N_NEURONS].any()
    for silent in (core.weight_u6, core.row_sign, core.queue, core.counters_u10, core.clock):
        assert not silent.any()
    np.testing.assert_array_equal(core.gain, np.ones(N_SYNAPSES))
    assert core.route_rows.tolist() == [1 << row for row in range(N_NEURONS)]
    assert (core.route_label_u6 == ROUTER_ADDRESS_U6).all()
    assert (core.pulse_u5 == 1).all()
    assert core.lanes.all()  # a lane of 0 would stay 0 for ever
    assert not core.sensors.enabled


@pytest.mark.parametrize(
    ("delay_cycles", "step_s", "expected"),
    [(100, 1e-7, 10), (96, 1e-7, 10), (200, 1e-7, 21), (100, 5e-7, 2), (10, 1e-6, 1)],
)
def test_the_routers_delay_counts_fpga_cycles_and_lasts_a_step_or_more(
    delay_cycles: int, step_s: float, expected: int
) -> None:
    assert cycles_to_steps(delay_cycles, step_s, FPGA_HZ) == expected
    assert new_core(ideal_neurons(), step_s, router_delay_cycles=delay_cycles).delay == expected


def test_steps_count_processor_cycles_unless_said_otherwise() -> None:
    assert cycles_to_steps(2000, 1e-7) == round(2000 / PPU_HZ / 1e-7) == 200
    assert cycles_to_steps(1, 1e-6) == 1


def test_strides_are_one_microsecond_and_can_be_forbidden() -> None:
    for step_s, expected in ((1e-7, 10), (2e-7, 5), (1e-6, 1)):
        assert stride_steps(step_s) == expected
        assert new_core(ideal_neurons(), step_s).stride == expected
        assert new_core(ideal_neurons(), step_s, strides=False).stride == 1
