"""One emulated chip to experiment with, without an outer loop around it.

The chip runs on its own clock, which starts at 0 and continues from run to run.
docs/how-to/chip_as_object.md has an example; ``program`` has programs that are written beforehand.

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

from spikeloop.workers.chip.analog import DECAY_V, V
from spikeloop.workers.chip.capmem import Codes
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.correlation import MAX_CALIBRATION_U4, Correlation
from spikeloop.workers.chip.lab import arguments, routing
from spikeloop.workers.chip.lab.digital_memory import DigitalMemory, check_written
from spikeloop.workers.chip.lab.fabrication import Fabrication, bring_to_rest
from spikeloop.workers.chip.lab.playback import (
    EVENT,
    Events,
    deliver_events,
    events_after,
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
    ROUTER_ADDRESS_U6,
    ROUTER_DELAY_CYCLES,
)
from spikeloop.workers.chip.mismatch import KnownDeviations, Mismatch

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
        known: deviations of its neurons that were measured, as a laboratory's file has them
            (``calibration.published``); the chip's number decides the others.
        codes: analog parameter memory; the nominal codes by default.
        noise_V: standard deviation of the membranes' noise at rest, at 10 µs and 2.36 pF.
        step_s: integration step, the grid of all times.
        seed: of all noise.
        sensors: whether there are correlation sensors, or their settings.
        weight_offset: codes by which a nonzero weight is stronger; 32 in Pong's model.
        router_delay_cycles: FPGA cycles (96 MHz) from a routed spike to its event.
        strides: whether periods in which nothing can happen are taken at once.

    Attributes:
        weights: (32, 32) 6-bit weights by row and neuron.
        labels: (32, 32) 6-bit labels; a synapse takes only events of its own label.
        row_signs: (32,) 1 for a row that excites, −1 for one that inhibits, 0 for a disabled one.
        pulse_length: (1,) 5-bit pulse length of all rows, which multiplies all weights.
        calibration_bits: (32, 32) 4-bit codes of the sensors, in force from the next run on. The
            low two bits shorten the time constant and the high two lessen the amplitude of both
            branches, by the steps that ``Correlation`` names.

    Raises:
        ValueError, TypeError: a value is out of range or of another type.
    """

    weights = DigitalMemory(lambda chip: chip.core.weight_u6, SYNAPSES, 0, MAX_WEIGHT_U6)
    labels = DigitalMemory(lambda chip: chip.core.label_u6, SYNAPSES, 0, MAX_LABEL_U6)
    row_signs = DigitalMemory(lambda chip: chip.core.row_sign, (N_ROWS,), -1, 1)
    pulse_length = DigitalMemory(lambda chip: chip.core.pulse_u5, (1,), 0, MAX_PULSE_U5)
    calibration_bits = DigitalMemory(
        lambda chip: chip.sensors.calibration_u4(), SYNAPSES, 0, MAX_CALIBRATION_U4
    )

    def __init__(
        self,
        number: int = 20,
        *,
        mismatch: Mismatch = "uncalibrated",
        known: KnownDeviations | None = None,
        codes: Codes | None = None,
        noise_V: float = 0.02,
        step_s: float = 1e-7,
        seed: int = 0,
        sensors: bool | Correlation = False,
        weight_offset: int = 0,
        router_delay_cycles: int = ROUTER_DELAY_CYCLES,
        strides: bool = False,
    ) -> None:
        arguments.require_integer("seed", seed, 0, 2**64 - 1)
        self.step_s = step_s
        self._made = Fabrication(
            number, mismatch, known, noise_V, step_s, weight_offset, router_delay_cycles, strides
        )
        nominal = neuron_codes(Circuit(), 0)
        self._codes = arguments.read_only_copy(nominal if codes is None else codes)
        self.sensors = self._made.sensor_bank(sensors)
        self.core = self._made.core(self._codes, self.sensors)
        self.core.route_rows[:] = 0
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
        self.core.analog[DECAY_V:] = self._made.analog(codes)[DECAY_V:]

    def set_codes(self, neurons: int | Iterable[int] | None = None, **codes: ArrayLike) -> None:
        """Write some codes of some neurons, or of all if none are named.

        Codes go by the names of ``Codes``, such as ``v_thresh_u10=600``. The reset potential is one
        shared cell, so it is written for all neurons.
        """
        self.codes = arguments.with_codes(self._codes, arguments.neurons("neurons", neurons), codes)

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
        delay_cycles: int | None = None,
        *,
        windows: bool = False,
    ) -> None:
        """Combine the spikes of an interval into one event for each row i whose neuron i fired.

        This is haldls' ``enable_squeeze_mode``, in which the published experiments ran.

        Args:
            address: of all events.
            delay_cycles: length of an interval, FPGA cycles (96 MHz); by default the chip's
                ``router_delay_cycles``.
            windows: whether intervals follow one another since the chip's start; otherwise each
                begins with the first spike after the last packet.
        """
        delay = self._made.delay_cycles if delay_cycles is None else delay_cycles
        self.core = routing.squeezed(self.core, address, delay, self.step_s, windows=windows)

    def unroute(self, neurons: int | Iterable[int] | None = None) -> None:
        """Let the router drop the spikes of some neurons, or of all, as at first."""
        if neurons is None:
            self.core = routing.without_routes(self.core, self._made.delay_cycles, self.step_s)
        else:
            routing.write_routes(self.core, arguments.neurons("neurons", neurons), (), 0)

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
        clock = int(self.core.clock[0])
        self.add_events(arguments.events(times_s, rows, labels, self.step_s, clock))

    def add_events(self, events: Events) -> None:
        """Put events on their way, none of them in the past; those of a step keep their order."""
        self._events = sorted_events(np.concatenate([self._events, events]))

    def deliver_due(self) -> None:
        """Deliver the events of this very moment, which the next run would do first."""
        n_due = int(np.count_nonzero(self._events["step"] == self.core.clock[0]))
        if n_due:
            self._put_memory_into_force()
            deliver_events(self.core, self._events)
            self._events = self._events[n_due:]

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
        traced = arguments.traced(membrane)
        n_steps = arguments.step_count("duration_s", duration_s, self.step_s)
        every = 1 if sample_s is None else arguments.step_count("sample_s", sample_s, self.step_s)
        self._put_memory_into_force()
        recording = run_recorded(
            self.core, self._events, n_steps, self.step_s, traced, every, spikes=spikes
        )
        self._events = events_after(self._events, self.core)
        return recording

    def reset(self) -> None:
        """Bring all neurons to rest and delete spikes on their way, counts and charges.

        Clock, noise generators and memories stay as they are.
        """
        bring_to_rest(self.core)
        self._events = self._events[:0]
        self.sensors.forget(self.core)

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
        return self.sensors.read(self.core)

    def reset_correlation(self) -> None:
        """Empty the capacitors of all correlation sensors."""
        self.sensors.require()
        self.core.sensors.charge[:] = 0

    def _put_memory_into_force(self) -> None:
        check_written(self)
        self.sensors.put_codes_into_force(self.core)
