"""One emulated chip to experiment with, without an outer loop around it.

The chip runs on its own clock, which starts at 0 and continues from run to run:

    chip = Chip(20, noise_V=0.0)
    chip.row_signs[0] = 1                         # row 0 excites
    chip.weights[0, :] = 63                       # all neurons listen to it
    chip.send(np.arange(20) * 1e-6, rows=0)       # 20 spikes, 1 µs apart
    recording = chip.run(60e-6, membrane=[0, 1])

Reproducibility. The chip takes small steps throughout, so recording changes nothing: the same chip
with the same seed and the same spikes sent gives the same spikes whatever is recorded, and however
its time is divided into runs. ``strides=True`` takes periods in which nothing can happen at once,
which is several times faster. The noise is then drawn differently, and because recording needs the
small steps, a recorded run with noise no longer repeats an unrecorded one.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.workers.chip.analog import DECAY_V, I_EXC, V_LEAK, V, analog_block
from spikeloop.workers.chip.cadc import AdcSettings, new_adc
from spikeloop.workers.chip.capmem import Codes
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import new_core
from spikeloop.workers.chip.correlation import (
    MAX_CALIBRATION_U4,
    NEVER,
    Correlation,
    Sensors,
    new_sensors,
)
from spikeloop.workers.chip.lab import arguments, routing
from spikeloop.workers.chip.lab.digital_memory import DigitalMemory
from spikeloop.workers.chip.lab.playback import (
    EVENT,
    events_after,
    read_sensors,
    reseed,
    sorted_events,
)
from spikeloop.workers.chip.lab.recording import Recording, run_recorded
from spikeloop.workers.chip.limits import (
    MAX_LABEL_U6,
    MAX_PULSE_U5,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
    N_SYNAPSES,
    ROUTER_ADDRESS_U6,
    ROUTER_DELAY_CYCLES,
)
from spikeloop.workers.chip.mismatch import Mismatch, neurons_of_chip, synapse_gains
from spikeloop.workers.chip.sensors import ANTICAUSAL, CAUSAL

SYNAPSES = (N_ROWS, N_NEURONS)


class Chip:
    """A chip with its neurons, synapses, router and sensors.

    At first all weights and labels are 0, all rows disabled, pulses of length 1, and no spike is
    routed anywhere.

    Args:
        number: which chip, that is which mismatch pattern.
        mismatch: "uncalibrated" for the chip as it was made, to which the codes of a calibration
            belong; "calibrated" for one whose pattern is as small as a calibration would leave it
            at any codes; "off" for an ideal chip.
        codes: analog parameter memory; the nominal codes by default.
        noise_V: stationary standard deviation of the membranes' noise.
        step_s: integration step, the grid of all times.
        seed: of all noise.
        sensors: whether there are correlation sensors, or their settings.
        router_delay_cycles: FPGA cycles (96 MHz) from a routed spike to its event.
        strides: whether periods in which nothing can happen are taken at once.

    Attributes:
        weights: (32, 32) 6-bit weights by row and neuron.
        labels: (32, 32) 6-bit labels; a synapse takes only events of its own label.
        row_signs: (32,) 1 for a row that excites, −1 for one that inhibits, 0 for a disabled one.
        pulse_lengths: (32,) 5-bit pulse lengths of the rows, which multiply all their weights.
        calibration_bits: (32, 32) 4-bit codes of the sensors, in force from the next run on. The
            low two bits shorten the time constant and the high two lessen the amplitude of both
            branches, by the steps that ``Correlation`` names.

    Raises:
        ValueError: a value is out of range.
        TypeError: a value is of another type.
    """

    weights = DigitalMemory(lambda chip: chip.core.weight_u6, SYNAPSES, 0, MAX_WEIGHT_U6)
    labels = DigitalMemory(lambda chip: chip.core.label_u6, SYNAPSES, 0, MAX_LABEL_U6)
    row_signs = DigitalMemory(lambda chip: chip.core.row_sign, (N_ROWS,), -1, 1)
    pulse_lengths = DigitalMemory(lambda chip: chip.core.pulse_u5, (N_ROWS,), 0, MAX_PULSE_U5)
    calibration_bits = DigitalMemory(
        lambda chip: chip.calibration_u4(), SYNAPSES, 0, MAX_CALIBRATION_U4
    )

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
        arguments.require_integer("number", number, 0)
        arguments.require_integer("seed", seed, 0, 2**64 - 1)
        arguments.require_integer("router_delay_cycles", router_delay_cycles, 1)
        arguments.require_number("step_s", step_s, 0, 1e-6, above=True)
        arguments.require_number("noise_V", noise_V, 0, 1)
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
        self._codes = arguments.read_only_copy(
            neuron_codes(Circuit(), 0) if codes is None else codes
        )
        self._correlation = Correlation() if isinstance(sensors, bool) else sensors
        self._calibration_u4 = np.zeros(N_SYNAPSES, dtype=np.uint8)
        self._calibration_in_force_u4 = self._calibration_u4.copy()
        self.core = new_core(
            neurons_of_chip(self._codes, number, mismatch),
            step_s,
            noise_V=noise_V,
            router_delay_cycles=router_delay_cycles,
            gain=synapse_gains(number, mismatch),
            sensors=None if sensors is False else self._empty_sensors(),
            adc=new_adc(AdcSettings(), number, mismatch),
            strides=strides,
        )
        self.core.route_rows[:] = 0
        self._router_delay_cycles = router_delay_cycles
        reseed(self.core.lanes, np.uint64(seed))
        self._events = np.zeros(0, dtype=EVENT)

    @property
    def codes(self) -> Codes:
        """Return the analog parameter memory; its arrays are read-only, so assign other codes."""
        return self._codes

    @codes.setter
    def codes(self, codes: Codes) -> None:
        """Replace the codes; membranes, synaptic inputs and refractory times stay as they are."""
        self._codes = arguments.read_only_copy(codes)
        cells = neurons_of_chip(self._codes, self.number, self.mismatch)
        block = analog_block(cells, self.step_s, self.noise_V)
        self.core.analog[DECAY_V:] = block[DECAY_V:]

    def set_codes(self, neurons: int | Iterable[int] | None = None, **codes: ArrayLike) -> None:
        """Write some codes of some neurons, or of all if none are named.

        Codes go by the names of ``Codes``, such as ``v_thresh_u10=600``. The reset potential is one
        shared cell, so it is written for all neurons.
        """
        self.codes = arguments.with_codes(self._codes, self._chosen(neurons), codes)

    def route(
        self, neurons: int | Iterable[int], rows: int | Iterable[int], address: ArrayLike = 0
    ) -> None:
        """Send each spike of neurons, one router delay later, into all of the rows named.

        The address is one for each neuron, or one for all. Earlier routes of the neurons are
        replaced. This is haldls' ``set_neuron_route``, which squeeze mode does not allow.
        """
        routing.write_routes(self.core, arguments.neurons("neurons", neurons), rows, address)

    def squeeze(
        self,
        address: int = ROUTER_ADDRESS_U6,
        delay_cycles: int = ROUTER_DELAY_CYCLES,
        *,
        windows: bool = False,
    ) -> None:
        """Combine the spikes of an interval into one event for each row i whose neuron i fired.

        This is haldls' ``enable_squeeze_mode``, in which the published experiments ran.

        Args:
            address: of all events.
            delay_cycles: length of an interval, FPGA cycles (96 MHz).
            windows: whether intervals follow one another since the chip's start; otherwise each
                begins with the first spike after the last.
        """
        self.core = routing.squeezed(self.core, address, delay_cycles, self.step_s, windows=windows)

    def unroute(self, neurons: int | Iterable[int] | None = None) -> None:
        """Let the router drop the spikes of some neurons, or of all, as at first."""
        if neurons is None:
            self.core = routing.without_routes(self.core, self._router_delay_cycles, self.step_s)
        else:
            routing.write_routes(self.core, self._chosen(neurons), (), 0)

    @property
    def time_s(self) -> float:
        """Return the chip's clock."""
        return float(self.core.clock[0] * self.step_s)

    def send(self, times_s: ArrayLike, rows: ArrayLike, labels: ArrayLike = 0) -> None:
        """Put spikes on their way to rows of synapses; they arrive during later runs.

        Args:
            times_s: on the chip's clock, not in the past, in any order; rounded to the grid. All
                that fall on the same step arrive together.
            rows: one for each time, or one for all.
            labels: one for each time, or one for all.

        Raises:
            ValueError: a time lies in the past, or a row or label does not exist.
        """
        events = arguments.events(times_s, rows, labels, self.step_s)
        if events.size and events["step"][0] < self.core.clock[0]:
            raise ValueError(
                f"times_s must not lie before the chip's clock, {self.time_s:g} s, got "
                f"{np.min(times_s):g} s"
            )
        self._events = sorted_events(np.concatenate([self._events, events]))

    def run(
        self,
        duration_s: float,
        *,
        spikes: bool = True,
        membrane: int | Iterable[int] | Literal["all"] = (),
        sample_s: float | None = None,
    ) -> Recording:
        """Let the chip run and return what was to be recorded.

        Args:
            duration_s: rounded to the grid.
            spikes: whether to record spikes; counters count them in any case.
            membrane: neurons whose membranes to record.
            sample_s: time between samples, at least a step and rounded to the grid; one step by
                default.
        """
        traced = (
            self._chosen(None)
            if isinstance(membrane, str) and membrane == "all"
            else arguments.neurons("membrane", membrane)
        )
        n_steps = arguments.step_count("duration_s", duration_s, self.step_s)
        every = 1 if sample_s is None else arguments.step_count("sample_s", sample_s, self.step_s)
        self._check_memory()
        self._calibrate_sensors()
        recording = run_recorded(
            self.core, self._events, n_steps, self.step_s, traced, every, spikes=spikes
        )
        self._events = events_after(self._events, self.core)
        return recording

    def reset(self) -> None:
        """Bring all neurons to rest and delete spikes on their way, counts and charges.

        Clock, noise generators and memories stay as they are.
        """
        core = self.core
        core.analog[V:I_EXC] = core.analog[V_LEAK : V_LEAK + N_NEURONS]
        core.analog[I_EXC:DECAY_V] = 0
        core.queue[:] = 0
        core.counters_u10[:] = 0
        self._events = self._events[:0]
        self.reset_correlation()
        core.sensors.last_pre[:] = NEVER
        core.sensors.last_post[:] = NEVER

    @property
    def membrane_V(self) -> NDArray[np.float32]:
        """Return (32,) membrane potentials at this moment."""
        return self.core.analog[V : V + N_NEURONS].copy()

    def read_counters(self) -> NDArray[np.int64]:
        """Return (32,) spikes since the last reading, at most 1023, and clear the counters."""
        counts = self.core.counters_u10.copy()
        self.core.counters_u10[:] = 0
        return counts

    def read_correlation(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Read causal and anticausal charges through the column ADC, each (32, 32) 8-bit codes.

        Codes contain the channels' offsets and noise; subtract a reading after a reset.
        """
        self._require_sensors()
        codes_u8 = np.zeros((2, N_ROWS, N_NEURONS), dtype=np.uint8)
        read_sensors(self.core, codes_u8)
        return codes_u8[CAUSAL], codes_u8[ANTICAUSAL]

    def reset_correlation(self) -> None:
        """Empty the capacitors of all correlation sensors."""
        self.core.sensors.charge[:] = 0

    def calibration_u4(self) -> NDArray[np.uint8]:
        """Return the (1024,) calibration codes of the sensors, if the chip has sensors."""
        self._require_sensors()
        return self._calibration_u4

    def _chosen(self, neurons: int | Iterable[int] | None) -> NDArray[np.int64]:
        """Return the neurons named, or all of them."""
        return arguments.neurons("neurons", range(N_NEURONS) if neurons is None else neurons)

    def _check_memory(self) -> None:
        """Refuse values that were written to a view and that the memory cannot hold."""
        for name, memory in vars(Chip).items():
            if isinstance(memory, DigitalMemory) and (
                name != "calibration_bits" or self.core.sensors.enabled
            ):
                arguments.integers(name, getattr(self, name), memory.low, memory.high)

    def _calibrate_sensors(self) -> None:
        """Put changed calibration codes into force; charges stay as they are."""
        if not np.array_equal(self._calibration_u4, self._calibration_in_force_u4):
            new = self._empty_sensors()
            self.core.sensors.amplitude[:], self.core.sensors.rate[:] = new.amplitude, new.rate
            self._calibration_in_force_u4[:] = self._calibration_u4

    def _empty_sensors(self) -> Sensors:
        """Return this chip's sensors at its calibration codes."""
        return new_sensors(
            self._correlation, self.step_s, self._calibration_u4, self.number, self.mismatch
        )

    def _require_sensors(self) -> None:
        if not self.core.sensors.enabled:
            raise ValueError("this chip has no sensors: build it with sensors=True")
