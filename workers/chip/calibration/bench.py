"""One chip as it is set up for an experiment, and the drives that experiments apply."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.analog import peak_response
from spikeloop.workers.chip.capmem import CodeArray, Codes, ideal_constants
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.limits import MAX_PULSE_U5, MAX_WEIGHT_U6, N_NEURONS, N_ROWS
from spikeloop.workers.chip.mismatch import KnownDeviations, Mismatch

N_REPEATS = 20 * N_ROWS
"""Repeats of decays and postsynaptic potentials; each row takes its turn equally often."""

DRIVE_INTERVAL_S = 5e-7


@dataclass(frozen=True)
class Bench:
    """One chip in the laboratory; experiments set it up with different codes.

    Attributes:
        chip: number of the chip.
        mismatch: as in ``Chip``.
        codes: the codes whose effect is measured.
        nominal: the codes that the experimenter expects, which set drives and durations.
        noise_V: the membranes' noise.
        seed: of the noise; each experiment adds its own number.
        known: measured deviations of the chip, as in ``Chip``.
    """

    chip: int
    mismatch: Mismatch
    codes: Codes
    nominal: Codes
    noise_V: float
    seed: int
    known: KnownDeviations | None = None

    def set_up(self, experiment: int, step_s: float = 1e-7, **codes: int | CodeArray) -> Chip:
        """Return the chip at rest, all rows excitatory, with some codes changed in all neurons."""
        memory: dict[str, Any] = {
            name: np.broadcast_to(values, N_NEURONS).astype(np.int64)
            for name, values in codes.items()
        }
        chip = Chip(
            self.chip,
            mismatch=self.mismatch,
            known=self.known,
            codes=replace(self.codes, **memory),
            noise_V=self.noise_V,
            step_s=step_s,
            seed=16 * self.seed + experiment,
        )
        chip.row_signs = 1
        return chip


@dataclass(frozen=True)
class Potential:
    """What the experimenter expects of the potential that an event evokes.

    Attributes:
        sent: (32,) weight times pulse length of an event.
        drive_V: (32,) strength per weight code.
        tau_s: (32,) time constant of the synaptic input.
        slowest_s: longest time constant, membranes included.
    """

    sent: NDArray[np.int64]
    drive_V: FloatArray
    tau_s: FloatArray
    slowest_s: float


def set_potential(chip: Chip, nominal: Codes, height_V: float) -> Potential:
    """Set all rows so that an event evokes a potential with about the given peak.

    A negative peak is inhibitory; ``nominal`` are the codes that the experimenter expects.
    """
    expected = ideal_constants(nominal)
    excites = height_V > 0
    drive_V = expected.exc_V if excites else expected.inh_V
    tau_s = expected.tau_exc_s if excites else expected.tau_inh_s
    peaks = peak_response(expected.tau_mem_s, tau_s)
    chip.row_signs = 1 if excites else -1
    sent = set_drive(chip, abs(height_V) / (np.maximum(drive_V, 1e-6) * peaks))
    return Potential(sent, drive_V, tau_s, float(max(expected.tau_mem_s.max(), tau_s.max())))


def set_drive(chip: Chip, codes: FloatArray) -> NDArray[np.int64]:
    """Set weights and pulse length so that events have about the given strength on any row.

    That is a column's weight times pulse length, (32,) as wanted and, returned, as set.
    """
    pulse = int(np.clip(np.ceil(codes.max() / MAX_WEIGHT_U6), 1, MAX_PULSE_U5))
    weights = np.clip(np.rint(codes / pulse), 1, MAX_WEIGHT_U6).astype(np.int64)
    chip.weights, chip.pulse_length = np.tile(weights, (N_ROWS, 1)), pulse
    return weights * pulse


def mean_response(
    chip: Chip, period_s: float, sample_s: float, n_events: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Return times after an event and the mean membranes (32, n_times) over all repeats.

    Repeats are ``period_s`` apart and samples about ``sample_s``; ``n_events`` rows send at once.
    """
    every = max(1, round(sample_s / chip.step_s))
    n_samples = int(np.ceil(period_s / (every * chip.step_s)))
    sample_s = every * chip.step_s
    period_s = n_samples * sample_s
    repeats = np.arange(N_REPEATS)
    for i in range(n_events):
        chip.send(chip.time_s + repeats * period_s, (repeats + i) % N_ROWS)
    recording = chip.run(N_REPEATS * period_s, membrane="all", spikes=False, sample_s=sample_s)
    traces = recording.membrane_V.reshape(N_REPEATS, n_samples, N_NEURONS)
    # The first repeat starts from rest, the others from what the one before has left.
    mean_V: FloatArray = traces.mean(axis=0, dtype=np.float64).T
    return sample_s * np.arange(1, n_samples + 1, dtype=np.float64), mean_V


def drive_steadily(chip: Chip, nominal: Codes, drive: float, duration_s: float) -> None:
    """Send events, row after row, whose mean current is a drive in units of the threshold gap."""
    expected = ideal_constants(nominal)
    gap_V = np.maximum(expected.v_thresh_V - expected.v_leak_V, 0)
    charge_V = np.maximum(expected.exc_V * expected.tau_exc_s, 1e-15) / DRIVE_INTERVAL_S
    set_drive(chip, drive * gap_V / charge_V)
    times_s = np.arange(0, duration_s, DRIVE_INTERVAL_S)
    chip.send(chip.time_s + times_s, np.arange(times_s.size) % N_ROWS)
