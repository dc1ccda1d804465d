"""One particular chip as it was made and set up, from which the laboratory's ``Chip`` is built."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.analog import DECAY_V, I_EXC, V_LEAK, V, analog_block
from spikeloop.workers.chip.cadc import AdcSettings, new_adc
from spikeloop.workers.chip.capmem import Codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.correlation import Correlation
from spikeloop.workers.chip.lab import arguments
from spikeloop.workers.chip.lab.sensor_bank import SensorBank
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6, N_NEURONS
from spikeloop.workers.chip.mismatch import (
    KnownDeviations,
    Mismatch,
    neurons_of_chip,
    require_known,
    synapse_gains,
)


@dataclass(frozen=True)
class Fabrication:
    """What stays as it is while a chip is used; the arguments of ``Chip`` say more.

    Raises:
        ValueError: a value is out of range.
        TypeError: a value is of another type.
    """

    number: int
    mismatch: Mismatch
    known: KnownDeviations | None
    noise_V: float
    step_s: float
    weight_offset_u6: int
    delay_cycles: int
    strides: bool

    def __post_init__(self) -> None:
        arguments.require_integer("number", self.number, 0)
        arguments.require_integer("weight_offset", self.weight_offset_u6, 0, MAX_WEIGHT_U6)
        arguments.require_integer("router_delay_cycles", self.delay_cycles, 1)
        arguments.require_number("step_s", self.step_s, 0, 1e-6, above=True)
        arguments.require_number("noise_V", self.noise_V, 0, 1)
        arguments.require_mismatch(self.mismatch)
        if self.known is not None:
            require_known(self.known)

    def sensor_bank(self, sensors: bool | Correlation) -> SensorBank:
        """Return the chip's correlation sensors, or a bank of none."""
        correlation = arguments.correlation(sensors)
        return SensorBank(correlation, self.number, self.mismatch, self.step_s)

    def core(self, codes: Codes, bank: SensorBank) -> Core:
        """Return the chip at rest, without synapses and without noise generators seeded."""
        return new_core(
            neurons_of_chip(codes, self.number, self.mismatch, self.known),
            self.step_s,
            noise_V=self.noise_V,
            router_delay_cycles=self.delay_cycles,
            gain=synapse_gains(self.number, self.mismatch),
            weight_offset_u6=self.weight_offset_u6,
            sensors=bank.sensors(),
            adc=new_adc(AdcSettings(), self.number, self.mismatch),
            strides=self.strides,
        )

    def analog(self, codes: Codes) -> NDArray[np.float32]:
        """Return the analog block of a chip at rest with other codes."""
        cells = neurons_of_chip(codes, self.number, self.mismatch, self.known)
        return analog_block(cells, self.step_s, self.noise_V)


def bring_to_rest(core: Core) -> None:
    """Bring all neurons to rest, and delete spikes in the router and counts."""
    core.analog[V:I_EXC] = core.analog[V_LEAK : V_LEAK + N_NEURONS]
    core.analog[I_EXC:DECAY_V] = 0
    core.queue[:] = 0
    core.counters_u10[:] = 0
