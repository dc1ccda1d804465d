"""The correlation sensors of a chip of the laboratory: calibration bits, readings and resets."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.correlation import (
    NEVER,
    Correlation,
    Sensors,
    disabled_sensors,
    new_sensors,
)
from spikeloop.workers.chip.lab.playback import read_sensors
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, N_SYNAPSES
from spikeloop.workers.chip.mismatch import Mismatch
from spikeloop.workers.chip.sensors import ANTICAUSAL, CAUSAL


class SensorBank:
    """The sensors of one particular chip, or none where ``correlation`` is None."""

    def __init__(
        self, correlation: Correlation | None, number: int, mismatch: Mismatch, step_s: float
    ) -> None:
        self._correlation, self._step_s = correlation, step_s
        self._number: int = number
        self._mismatch: Mismatch = mismatch
        self._calibration_u4 = np.zeros(N_SYNAPSES, dtype=np.uint8)
        self._in_force_u4 = self._calibration_u4.copy()

    @property
    def exists(self) -> bool:
        """Return whether the chip has sensors."""
        return self._correlation is not None

    def calibration_u4(self) -> NDArray[np.uint8]:
        """Return the (1024,) calibration codes; a write to them counts from the next run on."""
        self.require()
        return self._calibration_u4

    def sensors(self) -> Sensors:
        """Return the chip's empty sensors at its calibration codes."""
        if self._correlation is None:
            return disabled_sensors()
        return new_sensors(
            self._correlation, self._step_s, self._calibration_u4, self._number, self._mismatch
        )

    def put_codes_into_force(self, core: Core) -> None:
        """Let changed calibration codes act; charges stay as they are."""
        if not np.array_equal(self._calibration_u4, self._in_force_u4):
            new = self.sensors()
            core.sensors.amplitude[:], core.sensors.rate[:] = new.amplitude, new.rate
            self._in_force_u4[:] = self._calibration_u4

    def read(self, core: Core) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Read causal and anticausal charges through the column ADC, each (32, 32) 8-bit codes."""
        self.require()
        codes_u8 = np.zeros((2, N_ROWS, N_NEURONS), dtype=np.uint8)
        read_sensors(core, codes_u8)
        return codes_u8[CAUSAL], codes_u8[ANTICAUSAL]

    def forget(self, core: Core) -> None:
        """Empty the capacitors and forget all events and spikes."""
        core.sensors.charge[:] = 0
        core.sensors.last_pre[:] = NEVER
        core.sensors.last_post[:] = NEVER

    def require(self) -> None:
        """Raise ValueError where the chip has no sensors."""
        if not self.exists:
            raise ValueError("this chip has no sensors: build it with sensors=True")
