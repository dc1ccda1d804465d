"""One emulated chip to experiment with, without an outer loop around it.

The chip runs on its own clock, which starts at 0 and goes on from run to run:

    chip = Chip(20, noise_V=0.0)
    chip.row_signs[0] = 1                         # row 0 excites
    chip.weights[0, :] = 63                       # all neurons listen to it
    chip.send(np.arange(20) * 1e-6, rows=0)       # 20 spikes, 1 µs apart
    recording = chip.run(60e-6, membrane=[0, 1])

Reproducibility. The chip takes small steps throughout, so recording changes nothing: the same chip
with the same seed and the same spikes sent gives the same spikes whatever is recorded, and however
its time is cut into runs. ``strides=True`` lets it take stretches in which nothing can happen at
once, which is several times faster. The noise is then drawn differently, and as recording needs the
small steps, a recorded run with noise no longer repeats an unrecorded one.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.workers.chip.analog import DECAY_V, I_EXC, V_LEAK, V, analog_block
from spikeloop.workers.chip.cadc import AdcSettings, adc
from spikeloop.workers.chip.capmem import Codes
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import NO_ROW, new_core
from spikeloop.workers.chip.correlation import MAX_CALIBRATION_U4, NEVER, Correlation, Sensors
from spikeloop.workers.chip.correlation import sensors as new_sensors
from spikeloop.workers.chip.lab import arguments
from spikeloop.workers.chip.lab.playback import later, merged, no_events, play, read_sensors, reseed
from spikeloop.workers.chip.lab.recording import Recording, recorded, unrecorded
from spikeloop.workers.chip.limits import (
    MAX_LABEL_U6,
    MAX_PULSE_U5,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
    N_SYNAPSES,
    ROUTER_DELAY_CYCLES,
)
from spikeloop.workers.chip.mismatch import Mismatch, produced, synapse_gain

SENSOR_CONSTANTS = ("amplitude_causal", "amplitude_anticausal", "rate_causal", "rate_anticausal")
"""What the calibration bits of the synapses set."""


class Chip:
    """A chip with its neurons, synapses, router and sensors.

    At first all weights and labels are 0, all rows disabled, pulses of length 1, and no spike is
    routed anywhere. The views on the synapse array are written in place and checked at each run.

    Args:
        number: which chip, that is which mismatch pattern.
        mismatch: "uncalibrated" for the chip as it was made, to which the codes of a calibration
            belong; "calibrated" for one whose pattern is as small as a calibration would leave it
            at any codes; "off" for an ideal chip.
        codes: analog parameter memory; the nominal ones by default.
        noise_V: stationary standard deviation of the membranes' noise.
        step_s: integration step, the grid of all times.
        seed: of all noise.
        sensors: correlation sensors, with their settings if others than the nominal ones.
        router_delay_cycles: FPGA cycles (96 MHz) from a spike to its event.
        strides: whether stretches in which nothing can happen are taken at once.

    Raises:
        ValueError: a value is out of range.
        TypeError: a value is of another type.
    """

    def __init__(
        self,
        number: int = 20,
        *,
        mismatch: Mismatch = "uncalibrated",
        codes: Codes | None = None,
        noise_V: float = 0.02,
        step_s: float = 1e-7,
        seed: int = 0,
        sensors: bool | Correlation = False,
        router_delay_cycles: int = ROUTER_DELAY_CYCLES,
        strides: bool = False,
    ) -> None:
        arguments.whole("number", number, 0)
        arguments.whole("seed", seed, 0, 2**64 - 1)
        arguments.whole("router_delay_cycles", router_delay_cycles, 1)
        arguments.real("step_s", step_s, 0, 1e-6, above=True)
        arguments.real("noise_V", noise_V, 0, 1)
        if mismatch not in ("off", "uncalibrated", "calibrated"):
            raise ValueError(
                f"mismatch must be 'off', 'uncalibrated' or 'calibrated', got {mismatch!r}"
            )
        if not isinstance(sensors, bool | Correlation):
            raise TypeError(f"sensors must be True, False or a Correlation, got {sensors!r}")
        self.number = number
        self.mismatch: Mismatch = mismatch
        self.step_s = step_s
        self.noise_V = noise_V
        self._codes = arguments.own_codes(neuron_codes(Circuit(), 0) if codes is None else codes)
        self._correlation = Correlation() if isinstance(sensors, bool) else sensors
        self._bits_u4 = np.zeros(N_SYNAPSES, dtype=np.uint8)
        self._bits_in_force_u4 = self._bits_u4.copy()
        pattern = None if mismatch == "off" else number
        self.core = new_core(
            produced(self._codes, number, mismatch),
            step_s,
            noise_V=noise_V,
            router_delay_cycles=router_delay_cycles,
            gain=None if pattern is None else synapse_gain(pattern),
            sensors=None if sensors is False else self._empty_sensors(),
            adc=adc(AdcSettings(), pattern, calibrated=mismatch == "calibrated"),
            strides=strides,
        )
        self.core.route_row[:] = NO_ROW
        reseed(self.core.lanes, np.uint64(seed))
        self._events = no_events()

    # --- Memory -----------------------------------------------------------------------------------

    @property
    def weights(self) -> NDArray[np.uint8]:
        """(32, 32) 6-bit weights by row and neuron; a view to be written."""
        return self.core.weight_u6.reshape(N_ROWS, N_NEURONS)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        arguments.write("weights", self.weights, values, 0, MAX_WEIGHT_U6)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(32, 32) 6-bit labels; a synapse takes only events of its own label. A view."""
        return self.core.label_u6.reshape(N_ROWS, N_NEURONS)

    @labels.setter
    def labels(self, values: ArrayLike) -> None:
        arguments.write("labels", self.labels, values, 0, MAX_LABEL_U6)

    @property
    def row_signs(self) -> NDArray[np.int8]:
        """(32,) 1 for a row that excites, −1 for one that inhibits, 0 for one disabled. A view."""
        return self.core.row_sign

    @row_signs.setter
    def row_signs(self, values: ArrayLike) -> None:
        arguments.write("row_signs", self.row_signs, values, -1, 1)

    @property
    def pulse_lengths(self) -> NDArray[np.uint8]:
        """(32,) 5-bit pulse lengths of the rows, which multiply all their weights. A view."""
        return self.core.pulse_u5

    @pulse_lengths.setter
    def pulse_lengths(self, values: ArrayLike) -> None:
        arguments.write("pulse_lengths", self.pulse_lengths, values, 0, MAX_PULSE_U5)

    @property
    def calibration_bits(self) -> NDArray[np.uint8]:
        """(32, 32) 4-bit codes of the sensors, by row and neuron, in force from the next run on.

        The low two bits shorten the time constant and the high two lessen the amplitude of both
        branches, by the steps that ``Correlation`` names. A view.
        """
        self._require_sensors()
        return self._bits_u4.reshape(N_ROWS, N_NEURONS)

    @calibration_bits.setter
    def calibration_bits(self, values: ArrayLike) -> None:
        arguments.write("calibration_bits", self.calibration_bits, values, 0, MAX_CALIBRATION_U4)

    @property
    def codes(self) -> Codes:
        """The analog parameter memory. Its arrays are read-only: assign other codes."""
        return self._codes

    @codes.setter
    def codes(self, codes: Codes) -> None:
        """Membranes, synaptic inputs and refractory times stay as they are at this moment."""
        self._codes = arguments.own_codes(codes)
        cells = produced(self._codes, self.number, self.mismatch)
        block = analog_block(cells, self.step_s, self.noise_V)
        self.core.analog[DECAY_V:] = block[DECAY_V:]

    def set_codes(self, neurons: int | Iterable[int] | None = None, **codes: ArrayLike) -> None:
        """Writes some codes of some neurons, of all if none are named.

        Args:
            neurons: which; the reset potential is one shared cell, so it takes all.
            codes: by the names of ``Codes``, such as ``v_thresh_u10=600``.
        """
        self.codes = arguments.rewritten(self._codes, self._chosen(neurons), codes)

    def route(self, neurons: int | Iterable[int], rows: ArrayLike, labels: ArrayLike = 0) -> None:
        """Sends the spikes of neurons, one router delay later, into a row each under a label.

        Args:
            neurons: whose spikes; what was set for them before is replaced.
            rows: one each, or one for all.
            labels: one each, or one for all.
        """
        chosen = arguments.neurons("neurons", neurons)
        row = arguments.integers("rows", rows, 0, N_ROWS - 1, chosen.shape)
        label_u6 = arguments.integers("labels", labels, 0, MAX_LABEL_U6, chosen.shape)
        self.core.route_row[chosen], self.core.route_label_u6[chosen] = row, label_u6

    def unroute(self, neurons: int | Iterable[int] | None = None) -> None:
        """Lets the router drop the spikes of some neurons, of all if none are named."""
        self.core.route_row[self._chosen(neurons)] = NO_ROW

    # --- Running ----------------------------------------------------------------------------------

    @property
    def time_s(self) -> float:
        """The chip's clock."""
        return float(self.core.clock[0] * self.step_s)

    def send(self, times_s: ArrayLike, rows: ArrayLike, labels: ArrayLike = 0) -> None:
        """Puts spikes on their way to rows of synapses; they arrive during the runs to come.

        Args:
            times_s: on the chip's clock, now or later, in any order; rounded to the grid. All that
                fall on the same step arrive together.
            rows: one each, or one for all.
            labels: one each, or one for all.

        Raises:
            ValueError: a time lies in the past, or a row or label does not exist.
        """
        events = arguments.events(times_s, rows, labels, self.step_s)
        if events.step.size and events.step[0] < self.core.clock[0]:
            raise ValueError(
                f"times_s must not lie before the chip's clock, {self.time_s:g} s, got "
                f"{np.min(times_s):g} s"
            )
        self._events = merged(self._events, events)

    def run(
        self,
        duration_s: float,
        *,
        spikes: bool = True,
        membrane: int | Iterable[int] | Literal["all"] = (),
        sample_s: float | None = None,
    ) -> Recording:
        """Lets the chip run, and gives what was to be recorded.

        Args:
            duration_s: rounded to the grid.
            spikes: whether to record spikes; counters count them in any case.
            membrane: neurons whose membranes to record.
            sample_s: time between samples, at least a step and rounded to the grid; one step by
                default.
        """
        traced = (
            np.arange(N_NEURONS)
            if isinstance(membrane, str) and membrane == "all"
            else arguments.neurons("membrane", membrane)
        )
        n_steps = arguments.steps("duration_s", duration_s, self.step_s)
        every = 1 if sample_s is None else arguments.steps("sample_s", sample_s, self.step_s)
        self._check_memory()
        self._calibrate_sensors()
        if spikes or traced.size:
            recording = recorded(self.core, self._events, n_steps, self.step_s, traced, every)
        else:
            recording = unrecorded(int(self.core.clock[0]), n_steps, self.step_s)
            play(self.core, self._events, int(self.core.clock[0]) + n_steps)
        self._events = later(self._events, self.core)
        return recording

    def reset(self) -> None:
        """Brings all neurons to rest and forgets spikes on their way, counts and charges.

        The clock goes on, noise too, and what is in the memories stays.
        """
        core = self.core
        core.analog[V:I_EXC] = core.analog[V_LEAK : V_LEAK + N_NEURONS]
        core.analog[I_EXC:DECAY_V] = 0
        core.queue[:] = 0
        core.counters_u10[:] = 0
        self._events = no_events()
        self.reset_correlation()
        core.sensors.last_pre[:] = NEVER
        core.sensors.last_post[:] = NEVER

    # --- Reading ----------------------------------------------------------------------------------

    @property
    def membrane_V(self) -> NDArray[np.float32]:
        """(32,) the membranes at this moment."""
        return self.core.analog[V : V + N_NEURONS].copy()

    def read_counters(self) -> NDArray[np.int64]:
        """(32,) spikes since the last reading, 1023 at most; reading clears the counters."""
        counts = self.core.counters_u10.copy()
        self.core.counters_u10[:] = 0
        return counts

    def read_correlation(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Causal and anticausal charges of all synapses through the column ADC, each (32, 32).

        8-bit codes with the channels' offsets and noise; subtract a reading after a reset.
        """
        self._require_sensors()
        causal, anticausal = np.zeros((2, N_ROWS, N_NEURONS), dtype=np.uint8)
        read_sensors(self.core, causal, anticausal)
        return causal, anticausal

    def reset_correlation(self) -> None:
        """Empties the capacitors of all correlation sensors."""
        self.core.sensors.causal[:] = 0
        self.core.sensors.anticausal[:] = 0

    # --- Within -----------------------------------------------------------------------------------

    def _chosen(self, neurons: int | Iterable[int] | None) -> NDArray[np.int64]:
        """The neurons named, or all of them."""
        return arguments.neurons("neurons", range(N_NEURONS) if neurons is None else neurons)

    def _check_memory(self) -> None:
        """Refuses values that a view was given and the memory cannot hold."""
        for name, cells, low, high in (
            ("weights", self.weights, 0, MAX_WEIGHT_U6),
            ("labels", self.labels, 0, MAX_LABEL_U6),
            ("row_signs", self.row_signs, -1, 1),
            ("pulse_lengths", self.pulse_lengths, 0, MAX_PULSE_U5),
            ("calibration_bits", self._bits_u4.reshape(N_ROWS, N_NEURONS), 0, MAX_CALIBRATION_U4),
        ):
            arguments.integers(name, cells, low, high)

    def _calibrate_sensors(self) -> None:
        """Brings calibration bits that have changed into force; charges stay as they are."""
        if not np.array_equal(self._bits_u4, self._bits_in_force_u4):
            new = self._empty_sensors()
            for name in SENSOR_CONSTANTS:
                getattr(self.core.sensors, name)[:] = getattr(new, name)
            self._bits_in_force_u4[:] = self._bits_u4

    def _empty_sensors(self) -> Sensors:
        """This chip's sensors at its calibration bits."""
        return new_sensors(
            self._correlation,
            self.step_s,
            self._bits_u4,
            None if self.mismatch == "off" else self.number,
            calibrated=self.mismatch == "calibrated",
        )

    def _require_sensors(self) -> None:
        if not self.core.sensors.enabled:
            raise ValueError("this chip has no sensors: build it with sensors=True")
