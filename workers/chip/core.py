"""All memory of one emulated chip, analog and digital, as arguments of kernels."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.analog import analog_block, stationary_noise_V, stride_steps
from spikeloop.workers.chip.cadc import Adc, AdcSettings, new_adc
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.correlation import Sensors, disabled_sensors
from spikeloop.workers.chip.limits import (
    FPGA_HZ,
    N_NEURONS,
    N_ROWS,
    N_SYNAPSES,
    PPU_HZ,
    ROUTER_ADDRESS_U6,
    ROUTER_DELAY_CYCLES,
)

Router = Literal["squeeze", "squeeze_windows", "delay_line"]
ROUTERS: tuple[Router, ...] = ("squeeze", "squeeze_windows", "delay_line")
"""How the spike router treats spikes, see ``router``; a ``Core`` has the index."""


class Core(NamedTuple):
    """The state of one chip. A synapse's index is row · 32 + column.

    Attributes:
        analog: (28 · 32,) float32, see ``analog``.
        lanes: (34,) uint32: a noise generator per neuron, the processor's seed, and the noise
            generator of the column ADC.
        weight_u6: (1024,) uint8.
        label_u6: (1024,) uint8, the address to which a synapse answers.
        gain: (1024,) float32, mismatch of the synapses' strength, 1 for ideal ones.
        row_sign: (32,) int8 synapse drivers: 1 excitatory, −1 inhibitory, 0 disabled.
        pulse_u5: (1,) uint8 pulse length of all synapse drivers; strength is proportional to it.
        weight_offset_u6: weight codes that a synapse of nonzero weight has beyond its weight.
        route_rows: (32,) uint32, rows into which the router sends a neuron's spikes, a bit each.
        route_label_u6: (32,) uint8, the address under which it sends them.
        in_flight: (delay + 1,) uint32 packets in the router: their spikes, a bit per neuron.
        due: (delay + 1,) int64, the steps before which they arrive.
        queue: (2,) int64, the index of the first of them, and their number.
        counters_u10: (32,) int64 spike counters.
        first_spike: (32,) int64, the step of a neuron's first spike since its counter was read.
        clock: (1,) int64, steps that the chip has run.
        random: (1,) int64, the plasticity processor's 32-bit random generator.
        delay: steps from the end of the step of a packet's first spike to its events; of
            ``squeeze_windows``, steps of an interval.
        router: index into ``ROUTERS``.
        stride: steps in a stride; 1 forbids strides.
        n_advanced: neurons, from the first, that are advanced; the others rest.
        sensors: correlation sensors.
        adc: the column ADC that reads them.
    """

    analog: NDArray[np.float32]
    lanes: NDArray[np.uint32]
    weight_u6: NDArray[np.uint8]
    label_u6: NDArray[np.uint8]
    gain: NDArray[np.float32]
    row_sign: NDArray[np.int8]
    pulse_u5: NDArray[np.uint8]
    weight_offset_u6: int
    route_rows: NDArray[np.uint32]
    route_label_u6: NDArray[np.uint8]
    in_flight: NDArray[np.uint32]
    due: NDArray[np.int64]
    queue: NDArray[np.int64]
    counters_u10: NDArray[np.int64]
    first_spike: NDArray[np.int64]
    clock: NDArray[np.int64]
    random: NDArray[np.int64]
    delay: int
    router: int
    stride: int
    n_advanced: int
    sensors: Sensors
    adc: Adc


SEED_LANE, ADC_LANE = N_NEURONS, N_NEURONS + 1


def cycles_to_steps(cycles: int, step_s: float, clock_hz: float = PPU_HZ) -> int:
    """Return the integration steps in a number of clock cycles, at least 1."""
    return max(1, round(cycles / clock_hz / step_s))


def new_core(
    cells: NeuronConstants,
    step_s: float = 1e-7,
    *,
    noise_V: float = 0.0,
    router: Router = "delay_line",
    router_delay_cycles: int = ROUTER_DELAY_CYCLES,
    gain: NDArray[np.float32] | None = None,
    weight_offset_u6: int = 0,
    sensors: Sensors | None = None,
    adc: Adc | None = None,
    strides: bool = True,
    n_connected: int = N_NEURONS,
) -> Core:
    """Return a chip at rest whose synapses have weight 0, with spikes routed back row by row.

    Args:
        cells: the neurons, mismatch included.
        step_s: integration step.
        noise_V: stationary standard deviation of the membranes at rest.
        router: how the router treats spikes.
        router_delay_cycles: FPGA cycles from a packet's first spike to its events, at least 1 step.
        gain: (1024,) strength of the synapses, 1 for ideal ones.
        weight_offset_u6: what a nonzero weight acts beyond its code.
        sensors: correlation sensors; none are kept up to date by default.
        adc: their ADC, an ideal one by default.
        strides: whether the chip may take strides where nothing can happen.
        n_connected: neurons, from the first, that have synapses or are listened to; all by default.
            The others are advanced only if noise could make them fire.
    """
    delay = cycles_to_steps(router_delay_cycles, step_s, FPGA_HZ)
    return Core(
        analog=aligned(analog_block(cells, step_s, noise_V)),
        lanes=aligned(np.ones(N_NEURONS + 2, dtype=np.uint32)),
        weight_u6=np.zeros(N_SYNAPSES, dtype=np.uint8),
        label_u6=np.zeros(N_SYNAPSES, dtype=np.uint8),
        gain=np.ones(N_SYNAPSES, dtype=np.float32) if gain is None else gain,
        row_sign=np.zeros(N_ROWS, dtype=np.int8),
        pulse_u5=np.ones(1, dtype=np.uint8),
        weight_offset_u6=weight_offset_u6,
        route_rows=row_by_row(),
        route_label_u6=np.full(N_NEURONS, ROUTER_ADDRESS_U6, dtype=np.uint8),
        in_flight=np.zeros(delay + 1, dtype=np.uint32),
        due=np.zeros(delay + 1, dtype=np.int64),
        queue=np.zeros(2, dtype=np.int64),
        counters_u10=np.zeros(N_NEURONS, dtype=np.int64),
        first_spike=np.zeros(N_NEURONS, dtype=np.int64),
        clock=np.zeros(1, dtype=np.int64),
        random=np.zeros(1, dtype=np.int64),
        delay=delay,
        router=ROUTERS.index(router),
        stride=stride_steps(step_s) if strides else 1,
        n_advanced=N_NEURONS if fires_alone(cells, noise_V, n_connected) else n_connected,
        sensors=disabled_sensors() if sensors is None else sensors,
        adc=new_adc(AdcSettings(), 0, "off") if adc is None else adc,
    )


def fires_alone(cells: NeuronConstants, noise_V: float, first: int) -> bool:
    """Tell whether neurons from ``first`` on could fire, though no event reaches them.

    Where eight standard deviations of noise are between leak and threshold, a neuron would fire
    once in years of chip time, and is taken not to.
    """
    distance_V = cells.v_thresh_V - cells.v_leak_V
    return bool((distance_V <= 8 * stationary_noise_V(cells, noise_V))[first:].any())


def row_by_row() -> NDArray[np.uint32]:
    """Return (32,) masks that send the spikes of neuron i into row i."""
    return np.uint32(1) << np.arange(N_NEURONS, dtype=np.uint32)


CACHE_LINE = 64


def aligned(array: NDArray[Any]) -> NDArray[Any]:
    """Copy an array to the start of a cache line, since vectors that straddle two are slow."""
    spare = CACHE_LINE // array.itemsize
    room = np.empty(array.size + spare, dtype=array.dtype)
    first = -room.ctypes.data % CACHE_LINE // array.itemsize
    copy = room[first : first + array.size].reshape(array.shape)
    copy[:] = array
    return copy


def clone(core: Core) -> Core:
    """Copy a chip in its present state; only the ADC's constants are shared."""
    sensors = Sensors._make(_copied(value) for value in core.sensors)
    return Core._make(_copied(value) for value in core)._replace(sensors=sensors)


def _copied(value: Any) -> Any:
    return aligned(value) if isinstance(value, np.ndarray) else value
