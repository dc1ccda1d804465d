"""Recordings of a run: spikes and membranes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.lab.playback import (
    Events,
    RecordingBuffer,
    events_after,
    play,
    record,
)
from spikeloop.workers.chip.limits import N_NEURONS

BUFFER_SPIKES = 1 << 16
"""Capacity of the buffer for spikes; a longer recording is put together from several."""


@dataclass(frozen=True)
class Recording:
    """What was recorded in one run.

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
        """Return (32,) spike counts."""
        return np.bincount(self.spike_neurons, minlength=N_NEURONS).astype(np.int64)

    @property
    def rates_Hz(self) -> FloatArray:
        """Return (32,) mean rates during the run."""
        rates: FloatArray = self.counts / np.float64(self.stop_s - self.start_s)
        return rates

    def spikes_of(self, neuron: int) -> FloatArray:
        """Return the spike times of one neuron, s."""
        times_s: FloatArray = self.spike_times_s[self.spike_neurons == neuron]
        return times_s


def joined(recordings: list[Recording]) -> Recording:
    """Return the spikes of runs that followed one another as one recording, without membranes."""
    first, last = recordings[0], recordings[-1]
    return Recording(
        start_s=first.start_s,
        stop_s=last.stop_s,
        spike_times_s=np.concatenate([r.spike_times_s for r in recordings]),
        spike_neurons=np.concatenate([r.spike_neurons for r in recordings]),
        neurons=np.zeros(0, dtype=np.int64),
        sample_times_s=np.zeros(0),
        membrane_V=np.zeros((0, 0), dtype=np.float32),
    )


def run_recorded(
    core: Core,
    events: Events,
    n_steps: int,
    step_s: float,
    traced: NDArray[np.int64],
    every: int,
    *,
    spikes: bool = True,
) -> Recording:
    """Advance a chip by ``n_steps`` steps and return the recording.

    No event lies before the chip's clock. Membranes of ``traced`` neurons are sampled ``every`` so
    many steps; beside them, spikes are recorded in any case.
    """
    start = int(core.clock[0])
    end = start + n_steps
    if not (spikes or traced.size):
        play(core, events, end)
    samples = np.zeros((n_steps // every if traced.size else 0, traced.size), np.float32)
    capacity = min(BUFFER_SPIKES, N_NEURONS * n_steps)
    step, neuron = np.empty(capacity, dtype=np.int64), np.empty(capacity, dtype=np.uint8)
    steps, neurons = [step[:0]], [neuron[:0]]
    while core.clock[0] < end:
        length = np.zeros(1, dtype=np.int64)
        record(
            core, events, end, RecordingBuffer(length, step, neuron, traced, samples, start, every)
        )
        events = events_after(events, core)
        steps.append(step[: length[0]].copy())
        neurons.append(neuron[: length[0]].copy())
    sampled = start + every * np.arange(1, samples.shape[0] + 1)
    return Recording(
        start_s=start * step_s,
        stop_s=end * step_s,
        spike_times_s=(np.concatenate(steps) + 1).astype(np.float64) * step_s,
        spike_neurons=np.concatenate(neurons).astype(np.int64),
        neurons=traced,
        sample_times_s=sampled.astype(np.float64) * step_s,
        membrane_V=samples,
    )
