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

import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.analog import (
    DECAY_V,
    I_EXC,
    V_LEAK,
    V,
    analog_block,
)
from spikeloop.workers.chip.cadc import AdcSettings, adc
from spikeloop.workers.chip.capmem import BIASES, VOLTAGES, Codes
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import NO_ROW, new_core
from spikeloop.workers.chip.correlation import NEVER, Correlation
from spikeloop.workers.chip.correlation import sensors as new_sensors
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    MAX_LABEL_U6,
    MAX_PULSE_U5,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
    N_SYNAPSES,
    ROUTER_DELAY_CYCLES,
)
from spikeloop.workers.chip.mismatch import Mismatch, produced, synapse_gain
from spikeloop.workers.chip.playback import Events, Tape, play, read_sensors, record, reseed

TAPE_SPIKES = 1 << 16
"""Spikes recorded in one piece; a longer recording is put together from several."""

NO_CODES = np.zeros(N_SYNAPSES, dtype=np.uint8)


@dataclass(frozen=True)
class Recording:
    """What was seen of one run.

    Attributes:
        start_s: the chip's clock when the run began.
        stop_s: when it ended.
        spike_times_s: (n_spikes,) in order; a spike's time is the end of the step in which the
            membrane met the threshold, and its event arrives one router delay later.
        spike_neurons: (n_spikes,) the neurons they belong to.
        neurons: (n_traced,) neurons whose membranes were recorded.
        sample_times_s: (n_samples,) when.
        membrane_V: (n_samples, n_traced) float32.
    """

    start_s: float
    stop_s: float
    spike_times_s: FloatArray
    spike_neurons: NDArray[np.int64]
    neurons: NDArray[np.int64]
    sample_times_s: FloatArray
    membrane_V: NDArray[np.float32]

    @property
    def counts(self) -> NDArray[np.int64]:
        """(32,) spikes of each neuron."""
        return np.bincount(self.spike_neurons, minlength=N_NEURONS).astype(np.int64)

    @property
    def rates_Hz(self) -> FloatArray:
        """(32,) mean rate of each neuron during the run."""
        rates: FloatArray = self.counts / np.float64(self.stop_s - self.start_s)
        return rates

    def spikes_of(self, neuron: int) -> FloatArray:
        """The spike times of one neuron, s."""
        times_s: FloatArray = self.spike_times_s[self.spike_neurons == neuron]
        return times_s


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
        _require("number", number, 0, None)
        _require("seed", seed, 0, 2**64 - 1)
        _require("router_delay_cycles", router_delay_cycles, 1, None)
        if mismatch not in ("off", "uncalibrated", "calibrated"):
            raise ValueError(
                f"mismatch must be 'off', 'uncalibrated' or 'calibrated', got {mismatch!r}"
            )
        if not 0 < step_s <= 1e-6:
            raise ValueError(f"step_s must be in (0, 1e-06], got {step_s:g}")
        if not 0 <= noise_V <= 1:
            raise ValueError(f"noise_V must be in [0, 1], got {noise_V:g}")
        self.number = number
        self.mismatch: Mismatch = mismatch
        self.step_s = step_s
        self.noise_V = noise_V
        self._codes = _own(codes or neuron_codes(Circuit(), 0))
        pattern, calibrated = (None if mismatch == "off" else number), mismatch == "calibrated"
        settings = Correlation() if isinstance(sensors, bool) else sensors
        self.core = new_core(
            produced(self._codes, number, mismatch),
            step_s,
            noise_V=noise_V,
            router_delay_cycles=router_delay_cycles,
            gain=None if pattern is None else synapse_gain(pattern),
            sensors=None
            if sensors is False
            else new_sensors(settings, step_s, NO_CODES, pattern, calibrated=calibrated),
            adc=adc(AdcSettings(), pattern, calibrated=calibrated),
            strides=strides,
        )
        self.core.route_row[:] = NO_ROW
        reseed(self.core.lanes, np.uint64(seed))
        self._events = _no_events()

    # --- Memory -----------------------------------------------------------------------------------

    @property
    def weights(self) -> NDArray[np.uint8]:
        """(32, 32) 6-bit weights by row and neuron; a view to be written."""
        return self.core.weight_u6.reshape(N_ROWS, N_NEURONS)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        _write(self.weights, "weights", values, 0, MAX_WEIGHT_U6)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(32, 32) 6-bit labels; a synapse takes only events of its own label. A view."""
        return self.core.label_u6.reshape(N_ROWS, N_NEURONS)

    @labels.setter
    def labels(self, values: ArrayLike) -> None:
        _write(self.labels, "labels", values, 0, MAX_LABEL_U6)

    @property
    def row_signs(self) -> NDArray[np.int8]:
        """(32,) 1 for a row that excites, −1 for one that inhibits, 0 for one disabled. A view."""
        return self.core.row_sign

    @row_signs.setter
    def row_signs(self, values: ArrayLike) -> None:
        _write(self.row_signs, "row_signs", values, -1, 1)

    @property
    def pulse_lengths(self) -> NDArray[np.uint8]:
        """(32,) 5-bit pulse lengths of the rows, which multiply all their weights. A view."""
        return self.core.pulse_u5

    @pulse_lengths.setter
    def pulse_lengths(self, values: ArrayLike) -> None:
        _write(self.pulse_lengths, "pulse_lengths", values, 0, MAX_PULSE_U5)

    @property
    def codes(self) -> Codes:
        """The analog parameter memory. Its arrays are read-only: assign other codes."""
        return self._codes

    @codes.setter
    def codes(self, codes: Codes) -> None:
        """Membranes, synaptic inputs and refractory times stay as they are at this moment."""
        self._codes = _own(codes)
        cells = produced(codes, self.number, self.mismatch)
        block = analog_block(cells, self.step_s, self.noise_V)
        self.core.analog[DECAY_V:] = block[DECAY_V:]

    def set_codes(self, neurons: int | Iterable[int] | None = None, **codes: ArrayLike) -> None:
        """Writes some codes of some neurons, of all if none are named.

        Args:
            neurons: which; the reset potential is one shared cell, so it takes all.
            codes: by the names of ``Codes``, such as ``v_thresh_u10=600``.
        """
        chosen = _neurons(range(N_NEURONS) if neurons is None else neurons)
        memory: dict[str, Any] = {}
        for name, values in codes.items():
            if name not in (*VOLTAGES, *BIASES, "large_capacitor"):
                known = ", ".join((*VOLTAGES, *BIASES, "large_capacitor"))
                raise ValueError(f"a code must be one of {known}, got {name}")
            if name == "v_reset_u10" and chosen.size < N_NEURONS:
                raise ValueError("v_reset_u10 is one cell for all neurons, so name none of them")
            memory[name] = getattr(self._codes, name).copy()
            memory[name][chosen] = (
                values if name == "large_capacitor" else _integers(name, values, 0, MAX_CODE_U10)
            )
        self.codes = replace(self._codes, **memory)

    def route(self, neurons: int | Iterable[int], rows: ArrayLike, labels: ArrayLike = 0) -> None:
        """Sends the spikes of neurons, one router delay later, into a row each under a label.

        Args:
            neurons: whose spikes; what was set for them before is replaced.
            rows: one each, or one for all.
            labels: one each, or one for all.
        """
        chosen = _neurons(neurons)
        self.core.route_row[chosen] = _integers("rows", rows, 0, N_ROWS - 1)
        self.core.route_label_u6[chosen] = _integers("labels", labels, 0, MAX_LABEL_U6)

    def unroute(self, neurons: int | Iterable[int] | None = None) -> None:
        """Lets the router drop the spikes of some neurons, of all if none are named."""
        self.core.route_row[_neurons(range(N_NEURONS) if neurons is None else neurons)] = NO_ROW

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
        times, row, label = np.broadcast_arrays(
            np.atleast_1d(np.asarray(times_s, dtype=np.float64)),
            _integers("rows", rows, 0, N_ROWS - 1),
            _integers("labels", labels, 0, MAX_LABEL_U6),
        )
        if not np.isfinite(times).all():
            raise ValueError("times_s must be finite")
        step = np.rint(times.ravel() / self.step_s).astype(np.int64)
        if step.size and step.min() < self.core.clock[0]:
            raise ValueError(
                f"times_s must not lie before the chip's clock, {self.time_s:g} s, got "
                f"{times.min():g} s"
            )
        step = np.concatenate([self._events.step, step])
        order = np.argsort(step, kind="stable")
        self._events = Events(
            step[order],
            np.concatenate([self._events.row, row.ravel()])[order].astype(np.uint8),
            np.concatenate([self._events.label_u6, label.ravel()])[order].astype(np.uint8),
        )

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
        if not (np.isfinite(duration_s) and round(duration_s / self.step_s) >= 1):
            raise ValueError(
                f"duration_s must be at least one step of {self.step_s:g} s, got {duration_s:g}"
            )
        self._check_memory()
        traced = _neurons(range(N_NEURONS) if membrane == "all" else membrane)
        n_steps = round(duration_s / self.step_s)
        every = 1 if sample_s is None else max(1, round(sample_s / self.step_s))
        start = int(self.core.clock[0])
        end = start + n_steps
        found: tuple[NDArray[np.int64], NDArray[np.uint8]]
        found = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8)
        samples = np.zeros((n_steps // every if traced.size else 0, traced.size), np.float32)
        if spikes or traced.size:
            found = self._record(start, end, every, traced, samples)
        else:
            play(self.core, self._events, end)
            self._drop_sent()
        times = start + every * np.arange(1, samples.shape[0] + 1)
        return Recording(
            start_s=start * self.step_s,
            stop_s=end * self.step_s,
            spike_times_s=_seconds(found[0] + 1, self.step_s),
            spike_neurons=found[1].astype(np.int64),
            neurons=traced,
            sample_times_s=_seconds(times, self.step_s),
            membrane_V=samples,
        )

    def reset(self) -> None:
        """Brings all neurons to rest and forgets spikes on their way, counts and charges.

        The clock goes on, noise too, and what is in the memories stays.
        """
        core = self.core
        core.analog[V:I_EXC] = core.analog[V_LEAK : V_LEAK + N_NEURONS]
        core.analog[I_EXC:DECAY_V] = 0
        core.queue[:] = 0
        core.counters_u10[:] = 0
        self._events = _no_events()
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
        if not self.core.sensors.enabled:
            raise ValueError("this chip has no sensors: build it with sensors=True")
        causal, anticausal = np.zeros((2, N_ROWS, N_NEURONS), dtype=np.uint8)
        read_sensors(self.core, causal, anticausal)
        return causal, anticausal

    def reset_correlation(self) -> None:
        """Empties the capacitors of all correlation sensors."""
        self.core.sensors.causal[:] = 0
        self.core.sensors.anticausal[:] = 0

    # --- Within -----------------------------------------------------------------------------------

    def _record(
        self,
        start: int,
        end: int,
        every: int,
        traced: NDArray[np.int64],
        samples: NDArray[np.float32],
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Runs to ``end``, writes the samples and returns steps and neurons of the spikes."""
        capacity = min(TAPE_SPIKES, N_NEURONS * max(1, end - start))
        step = np.empty(capacity, dtype=np.int64)
        neuron = np.empty(capacity, dtype=np.uint8)
        steps, neurons = [step[:0]], [neuron[:0]]
        while self.core.clock[0] < end:
            length = np.zeros(1, dtype=np.int64)
            tape = Tape(length, step, neuron, traced, samples, start, every)
            record(self.core, self._events, end, tape)
            self._drop_sent()
            steps.append(step[: length[0]].copy())
            neurons.append(neuron[: length[0]].copy())
        return np.concatenate(steps), np.concatenate(neurons)

    def _drop_sent(self) -> None:
        """Forgets the events that have been sent."""
        left = int(np.searchsorted(self._events.step, self.core.clock[0]))
        step, row, label_u6 = self._events
        self._events = Events(step[left:], row[left:], label_u6[left:])

    def _check_memory(self) -> None:
        """Raises ValueError where a view was given a value that the memory cannot hold."""
        for name, low, high in (
            ("weights", 0, MAX_WEIGHT_U6),
            ("labels", 0, MAX_LABEL_U6),
            ("row_signs", -1, 1),
            ("pulse_lengths", 0, MAX_PULSE_U5),
        ):
            _integers(name, getattr(self, name), low, high)


def _no_events() -> Events:
    return Events(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.uint8))


def _seconds(steps: NDArray[np.int64], step_s: float) -> FloatArray:
    return steps.astype(np.float64) * step_s


def _own(codes: Codes) -> Codes:
    """The same codes in arrays that nobody can change behind the chip's back."""
    copies = {}
    for name in (*VOLTAGES, *BIASES, "large_capacitor"):
        copies[name] = getattr(codes, name).copy()
        copies[name].setflags(write=False)
    return Codes(**copies)


def _integers(name: str, values: ArrayLike, low: int, high: int) -> NDArray[np.int64]:
    """Whole numbers in [low, high], or one line that says what was wrong."""
    given = np.asarray(values)
    if given.size and given.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers in [{low}, {high}], got {given.dtype}")
    if given.size and (given.min() < low or given.max() > high):
        raise ValueError(
            f"{name} must be integers in [{low}, {high}], got {given.min()} to {given.max()}"
        )
    return given.astype(np.int64)


def _neurons(neurons: int | Iterable[int]) -> NDArray[np.int64]:
    """Numbers of neurons as an array."""
    given = np.asarray(list(neurons) if isinstance(neurons, Iterable) else [neurons])
    return _integers("neurons", given, 0, N_NEURONS - 1)


def _write(view: NDArray[Any], name: str, values: ArrayLike, low: int, high: int) -> None:
    view[:] = _integers(name, values, low, high)


def _require(name: str, value: int, low: int, high: int | None) -> None:
    bound = f"at least {low}" if high is None else f"in [{low}, {high}]"
    try:
        whole = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer {bound}, got {value!r}") from None
    if whole < low or (high is not None and whole > high):
        raise ValueError(f"{name} must be {bound}, got {whole}")
