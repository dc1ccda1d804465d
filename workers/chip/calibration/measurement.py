"""What an experimenter can find out about a chip's neurons from their membranes and spikes.

Nothing here looks at the values inside the emulator. All 32 neurons are measured at once, through
all rows in turn, so that a result holds for a column as a whole and not for one synapse of it. Runs
are repeated and averaged to get rid of the membranes' noise.

- Rest and membrane time constant: a neuron is made to fire and then decays from a deep reset to
  leak; a fit of an exponential to the mean decay.
- Synaptic inputs: the mean postsynaptic potential, with the threshold out of the way; a fit of the
  difference of exponentials whose membrane time constant is known by then.
- Refractory time: the interval between spikes under a drive that leaves no time to charge.
- Threshold: the highest membrane potential ever seen of a neuron that fires again and again. It is
  biased low by about what drive and noise add to a membrane in one step: a neuron that has met its
  threshold is at reset by the time it is seen.
- Rate: spikes in 2 ms of a drive that would lift the membrane to twice the threshold's gap.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.analog import peak_response
from spikeloop.workers.chip.calibration.measured import Measured
from spikeloop.workers.chip.capmem import CodeArray, Codes, physical
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    MAX_PULSE_U5,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
)
from spikeloop.workers.chip.mismatch import Mismatch

N_REPEATS = 20 * N_ROWS
"""Of decays and postsynaptic potentials; each row takes its turn equally often."""

# Heights of mean postsynaptic potentials. The threshold can be moved 0.9 V away from leak, in the
# neuron with the smallest gap 0.35 V; below leak there is more room.
EXCITATION_V = 0.15
INHIBITION_V = -0.40

RATE_DRIVE = 2.0
"""Standard drive: where it would lift the membrane to, in units of the threshold's gap."""

DRIVE_INTERVAL_S = 5e-7
RATE_DURATION_S = 2e-3
THRESHOLD_DURATION_S = 1e-3


@dataclass(frozen=True)
class Bench:
    """One chip on the bench: the same in each experiment, with other codes.

    Attributes:
        chip: number of the chip.
        mismatch: as in ``Chip``.
        codes: the codes whose effect is to be measured.
        nominal: what the experimenter expects, from which drives and durations are chosen.
        noise_V: the membranes' noise.
        seed: of the noise; each experiment adds its own number.
    """

    chip: int
    mismatch: Mismatch
    codes: Codes
    nominal: Codes
    noise_V: float
    seed: int

    def set_up(self, experiment: int, step_s: float = 1e-7, **codes: int | CodeArray) -> Chip:
        """The chip at rest with all rows excitatory, and some codes changed in all neurons."""
        memory: dict[str, Any] = {
            name: np.broadcast_to(values, N_NEURONS).astype(np.int64)
            for name, values in codes.items()
        }
        chip = Chip(
            self.chip,
            mismatch=self.mismatch,
            codes=replace(self.codes, **memory),
            noise_V=self.noise_V,
            step_s=step_s,
            seed=16 * self.seed + experiment,
        )
        chip.row_signs = 1
        return chip


def measure(bench: Bench) -> Measured:
    """All measurements of one chip."""
    rest_V, tau_mem_s = membranes(bench)
    exc_V, tau_exc_s = potentials(bench, tau_mem_s, EXCITATION_V)
    inh_V, tau_inh_s = potentials(bench, tau_mem_s, INHIBITION_V)
    return Measured(
        tau_mem_s=tau_mem_s,
        tau_exc_s=tau_exc_s,
        tau_inh_s=tau_inh_s,
        exc_V=exc_V,
        inh_V=inh_V,
        refractory_s=refractory_times(bench),
        gap_V=thresholds(bench) - rest_V,
        rate_Hz=rates(bench),
    )


def membranes(bench: Bench) -> tuple[FloatArray, FloatArray]:
    """Rest, V, and time constant, s, from decays after a reset far below leak.

    The kick's input and the refractory time are over after 2 µs. Neurons do not leave their reset
    at quite the same time in each repeat; a mean of exponentials that are shifted in time is still
    one with the same time constant.
    """
    leak = bench.codes.v_leak_u10
    chip = bench.set_up(
        0,
        v_reset_u10=max(0, int(leak.min()) - 400),
        v_thresh_u10=np.minimum(leak + 150, MAX_CODE_U10),
        resistor_exc_u10=MAX_CODE_U10,
        gm_exc_u10=MAX_CODE_U10,
        refractory_u10=204,
    )
    chip.weights, chip.pulse_lengths = MAX_WEIGHT_U6, MAX_PULSE_U5
    tau_s = physical(bench.nominal).tau_mem_s
    start_s, length_s = 2e-6, 9 * float(tau_s.max())
    times, mean_V = _repeated(chip, start_s + length_s, float(tau_s.min()) / 20, n_events=3)
    seen = times > start_s

    def decay(p: FloatArray, t: FloatArray) -> FloatArray:
        potential: FloatArray = p[:, :1] + p[:, 1:2] * np.exp(-t / np.exp(p[:, 2:3]))
        return potential

    first = np.stack([mean_V[:, -1], mean_V[:, seen][:, 0] - mean_V[:, -1], np.log(tau_s)], axis=1)
    fitted = fit(decay, first, times[seen] - start_s, mean_V[:, seen])
    return fitted[:, 0], np.exp(fitted[:, 2])


def potentials(
    bench: Bench, tau_mem_s: FloatArray, height_V: float
) -> tuple[FloatArray, FloatArray]:
    """Strength per weight code, V, and time constant, s, of one synaptic input.

    Args:
        bench: the chip.
        tau_mem_s: (32,) membrane time constants as measured.
        height_V: about how high postsynaptic potentials are to be; negative ones are inhibitory.
    """
    chip = bench.set_up(1 if height_V > 0 else 2, v_thresh_u10=MAX_CODE_U10)
    one = set_potential(chip, bench.nominal, height_V)
    tau_s = one.tau_s
    times, mean_V = _repeated(chip, 8 * one.slowest_s, float(tau_s.min()) / 10)

    def response(p: FloatArray, t: FloatArray) -> FloatArray:
        tau = np.exp(p[:, 2:3])
        mem = tau_mem_s[:, None]
        x = t / mem - t / tau
        growth = np.divide(np.expm1(x), x, out=np.ones_like(x), where=np.abs(x) > 1e-9)
        potential: FloatArray = p[:, :1] + p[:, 1:2] * t / mem * np.exp(-t / mem) * growth
        return potential

    start_V = np.sign(height_V) * one.drive_V * one.sent
    fitted = fit(response, np.stack([mean_V[:, -1], start_V, np.log(tau_s)], axis=1), times, mean_V)
    return np.abs(fitted[:, 1]) / one.sent, np.exp(fitted[:, 2])


def refractory_times(bench: Bench) -> FloatArray:
    """Refractory times, s: the mean interval between spikes when all rows pull as hard as they can.

    The emulator rounds refractory times to its step, so this experiment takes a finer one.
    """
    expected_s = physical(bench.nominal).refractory_s
    step_s = float(np.clip(expected_s.min() / 100, 2e-9, 1e-7))
    chip = bench.set_up(3, step_s, gm_exc_u10=MAX_CODE_U10)
    chip.weights, chip.pulse_lengths = MAX_WEIGHT_U6, MAX_PULSE_U5
    times_s = np.arange(0, 12 * float(expected_s.max()), DRIVE_INTERVAL_S)
    chip.send(np.repeat(times_s, N_ROWS), np.tile(np.arange(N_ROWS), times_s.size))
    recording = chip.run(float(times_s[-1]))
    found = np.full(N_NEURONS, np.nan)
    for neuron in range(N_NEURONS):
        spikes_s = recording.spikes_of(neuron)
        if spikes_s.size > 1:
            found[neuron] = (spikes_s[-1] - spikes_s[0]) / (spikes_s.size - 1) - step_s
    return found


def thresholds(bench: Bench) -> FloatArray:
    """Thresholds, V: the highest potential of neurons that fire again and again."""
    chip = bench.set_up(4)
    _steady(chip, bench.nominal, 2 * RATE_DRIVE, THRESHOLD_DURATION_S)
    recording = chip.run(THRESHOLD_DURATION_S, membrane="all")
    highest = recording.membrane_V.max(axis=0).astype(np.float64)
    return np.where(recording.counts > 0, highest, np.nan)


def rates(bench: Bench) -> FloatArray:
    """Rates, Hz, under the standard drive."""
    chip = bench.set_up(5)
    _steady(chip, bench.nominal, RATE_DRIVE, RATE_DURATION_S)
    return chip.run(RATE_DURATION_S).rates_Hz


def fit(
    model: Callable[[FloatArray, FloatArray], FloatArray],
    first: FloatArray,
    times_s: FloatArray,
    values: FloatArray,
    n_rounds: int = 30,
) -> FloatArray:
    """Least squares by Levenberg and Marquardt's method, of all neurons at once.

    Args:
        model: from (32, n_parameters) and (n_times,) to (32, n_times).
        first: (32, n_parameters) where to start.
        times_s: (n_times,).
        values: (32, n_times).
        n_rounds: attempts to improve.

    Returns:
        (32, n_parameters).
    """
    found = first.copy()
    n = first.shape[1]
    error = ((model(found, times_s) - values) ** 2).sum(axis=1)
    damping = np.full(len(first), 1e-3)
    for _ in range(n_rounds):
        here = model(found, times_s)
        slopes = []
        for i in range(n):
            moved = found.copy()
            nudge = 1e-5 * np.maximum(np.abs(found[:, i]), 1e-3)
            moved[:, i] += nudge
            slopes.append((model(moved, times_s) - here) / nudge[:, None])
        jacobian = np.stack(slopes, axis=2)
        squares = np.einsum("nti,ntj->nij", jacobian, jacobian)
        downhill = np.einsum("nti,nt->ni", jacobian, values - here)
        scale = np.einsum("nii->ni", squares)[:, :, None] * np.eye(n) + 1e-30 * np.eye(n)
        step = np.linalg.solve(squares + damping[:, None, None] * scale, downhill[:, :, None])
        trial = found + np.clip(step[:, :, 0], -1, 1)
        trial_error = ((model(trial, times_s) - values) ** 2).sum(axis=1)
        better = trial_error <= error
        found = np.where(better[:, None], trial, found)
        error = np.where(better, trial_error, error)
        damping = np.where(better, damping / 10, damping * 10).clip(1e-9, 1e9)
    return found


@dataclass(frozen=True)
class Potential:
    """What is expected of the potential that an event evokes.

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
    """Sets all rows so that an event evokes a potential of about some height.

    Args:
        chip: the chip.
        nominal: what the experimenter expects of it.
        height_V: the peak; a negative one is inhibitory.
    """
    expected = physical(nominal)
    excites = height_V > 0
    drive_V = expected.exc_V if excites else expected.inh_V
    tau_s = expected.tau_exc_s if excites else expected.tau_inh_s
    peaks = peak_response(expected.tau_mem_s, tau_s)
    chip.row_signs = 1 if excites else -1
    sent = set_drive(chip, abs(height_V) / (np.maximum(drive_V, 1e-6) * peaks))
    return Potential(sent, drive_V, tau_s, float(max(expected.tau_mem_s.max(), tau_s.max())))


def set_drive(chip: Chip, codes: FloatArray) -> NDArray[np.int64]:
    """Sets weights and pulse length so that an event on any row has about so many weight codes.

    Args:
        chip: the chip.
        codes: (32,) weight times pulse length that is wanted in each column.

    Returns:
        (32,) weight times pulse length that was set.
    """
    pulse = int(np.clip(np.ceil(codes.max() / MAX_WEIGHT_U6), 1, MAX_PULSE_U5))
    weights = np.clip(np.rint(codes / pulse), 1, MAX_WEIGHT_U6).astype(np.int64)
    chip.weights, chip.pulse_lengths = np.tile(weights, (N_ROWS, 1)), pulse
    return weights * pulse


def _repeated(
    chip: Chip, period_s: float, sample_s: float, n_events: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Times after an event, and the mean membranes (32, n_times), over all repeats.

    Args:
        chip: the chip; weights and drivers are set.
        period_s: from one repeat to the next.
        sample_s: about the time between samples.
        n_events: how many rows send an event at once.
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


def _steady(chip: Chip, nominal: Codes, drive: float, duration_s: float) -> None:
    """Sends events, row after row, whose mean current is a steady drive in units of the gap."""
    expected = physical(nominal)
    gap_V = np.maximum(expected.v_thresh_V - expected.v_leak_V, 0)
    charge_V = np.maximum(expected.exc_V * expected.tau_exc_s, 1e-15) / DRIVE_INTERVAL_S
    set_drive(chip, drive * gap_V / charge_V)
    times_s = np.arange(0, duration_s, DRIVE_INTERVAL_S)
    chip.send(chip.time_s + times_s, np.arange(times_s.size) % N_ROWS)
