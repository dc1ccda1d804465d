"""Measurements of a chip's neurons from their membranes and spikes, as an experimenter makes them.

No experiment uses the values inside the emulator. All 32 neurons are measured at once, through all
rows in turn, so that a result holds for a column as a whole and not for one synapse of it. Runs are
repeated and averaged to reduce the membranes' noise.

- Rest: the mean membrane of a neuron that is left alone, with both synaptic inputs switched off.
- Inputs' references: what an input at full strength adds to that; it should be nothing.
- Membrane time constant: a neuron is made to fire and then decays from a deep reset to leak; an
  exponential is fitted to the mean decay.
- Synaptic inputs: the mean postsynaptic potential with the threshold out of reach; the difference
  of exponentials is fitted, whose membrane time constant is known by then.
- Refractory time: the interval between spikes under a drive that leaves no time to charge.
- Threshold: the highest membrane potential observed in a neuron that fires repeatedly. It is biased
  low by about what drive and noise add to a membrane in one step: a neuron that has reached its
  threshold is at reset by the time it is sampled.
- Rate: spikes in 2 ms of a drive that would lift the membrane to twice the threshold's gap.
"""

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.bench import (
    DRIVE_INTERVAL_S,
    Bench,
    drive_steadily,
    mean_response,
    set_potential,
)
from spikeloop.workers.chip.calibration.fit import fit
from spikeloop.workers.chip.calibration.results import Measurements
from spikeloop.workers.chip.capmem import (
    GM_A_PER_CODE,
    INPUT_WEIGHT_PER_CODE,
    ideal_constants,
)
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    MAX_PULSE_U5,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
)

# Heights of mean postsynaptic potentials. The threshold can be moved 0.9 V away from leak, in the
# neuron with the smallest gap 0.35 V; below leak there is more room.
EXCITATION_V = 0.15
INHIBITION_V = -0.40

RATE_DRIVE = 2.0
"""Standard drive: where it would lift the membrane to, in units of the threshold's gap."""

REST_TAUS = 800
"""Duration of a measurement of rest, in membrane time constants."""

RATE_DURATION_S = 2e-3
THRESHOLD_DURATION_S = 1e-3


def measure(bench: Bench) -> Measurements:
    """Make all measurements of one chip."""
    rest_V = rests(bench)
    tau_mem_s = membranes(bench)
    exc_V, tau_exc_s = potentials(bench, tau_mem_s, EXCITATION_V)
    inh_V, tau_inh_s = potentials(bench, tau_mem_s, INHIBITION_V)
    return Measurements(
        tau_mem_s=tau_mem_s,
        tau_exc_s=tau_exc_s,
        tau_inh_s=tau_inh_s,
        exc_V=exc_V,
        inh_V=inh_V,
        refractory_s=refractory_times(bench),
        rest_V=rest_V,
        gap_V=thresholds(bench) - rest_V,
        rate_Hz=rates(bench),
    )


def rests(bench: Bench, gm_exc_u10: int = 0, gm_inh_u10: int = 0) -> FloatArray:
    """Measure the potentials at rest, V, with the synaptic inputs at some strength."""
    chip = bench.set_up(6, v_thresh_u10=MAX_CODE_U10, gm_exc_u10=gm_exc_u10, gm_inh_u10=gm_inh_u10)
    tau_s = float(ideal_constants(bench.nominal).tau_mem_s.max())
    recording = chip.run(REST_TAUS * tau_s, membrane="all", spikes=False, sample_s=tau_s)
    rest_V: FloatArray = recording.membrane_V.mean(axis=0, dtype=np.float64)
    return rest_V


def input_shifts(bench: Bench, rest_V: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Measure what the codes of v_syn_exc and v_syn_inh lack for inputs without a current.

    The experimenter expects the nominal effect of a code; a second round corrects what is left.
    """
    expected = ideal_constants(bench.nominal)
    slopes_V = (
        INPUT_WEIGHT_PER_CODE * GM_A_PER_CODE * MAX_CODE_U10
        * expected.tau_mem_s / expected.capacitor_F
    )  # fmt: skip
    exc = (rest_V - rests(bench, gm_exc_u10=MAX_CODE_U10)) / slopes_V
    inh = (rests(bench, gm_inh_u10=MAX_CODE_U10) - rest_V) / slopes_V
    return exc, inh


def membranes(bench: Bench) -> FloatArray:
    """Measure membrane time constants, s, from decays after a reset far below leak.

    The input of the kick and the refractory time end within 2 µs. Neurons do not leave their reset
    at the same time in each repeat, but a mean of exponentials that are shifted in time is an
    exponential with the same time constant.
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
    chip.weights, chip.pulse_length = MAX_WEIGHT_U6, MAX_PULSE_U5
    tau_s = ideal_constants(bench.nominal).tau_mem_s
    start_s, length_s = 2e-6, 9 * float(tau_s.max())
    times, mean_V = mean_response(chip, start_s + length_s, float(tau_s.min()) / 20, n_events=3)
    seen = times > start_s

    def decay(p: FloatArray, t: FloatArray) -> FloatArray:
        potential: FloatArray = p[:, :1] + p[:, 1:2] * np.exp(-t / np.exp(p[:, 2:3]))
        return potential

    first = np.stack([mean_V[:, -1], mean_V[:, seen][:, 0] - mean_V[:, -1], np.log(tau_s)], axis=1)
    fitted = fit(decay, first, times[seen] - start_s, mean_V[:, seen])
    tau_mem_s: FloatArray = np.exp(fitted[:, 2])
    return tau_mem_s


def potentials(
    bench: Bench, tau_mem_s: FloatArray, height_V: float
) -> tuple[FloatArray, FloatArray]:
    """Measure strength per weight code, V, and time constant, s, of one synaptic input.

    The peak of its postsynaptic potentials is about ``height_V``, negative for inhibition; the
    membrane time constants have been measured.
    """
    chip = bench.set_up(1 if height_V > 0 else 2, v_thresh_u10=MAX_CODE_U10)
    one = set_potential(chip, bench.nominal, height_V)
    tau_s = one.tau_s
    times, mean_V = mean_response(chip, 8 * one.slowest_s, float(tau_s.min()) / 10)

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
    """Measure refractory times, s: the mean interval between spikes under the strongest drive.

    The emulator rounds refractory times to its step, so this experiment takes a finer step.
    """
    expected_s = ideal_constants(bench.nominal).refractory_s
    step_s = float(np.clip(expected_s.min() / 100, 2e-9, 1e-7))
    chip = bench.set_up(3, step_s, gm_exc_u10=MAX_CODE_U10)
    chip.weights, chip.pulse_length = MAX_WEIGHT_U6, MAX_PULSE_U5
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
    """Measure thresholds, V: the highest potential of neurons that fire repeatedly."""
    chip = bench.set_up(4)
    drive_steadily(chip, bench.nominal, 2 * RATE_DRIVE, THRESHOLD_DURATION_S)
    recording = chip.run(THRESHOLD_DURATION_S, membrane="all")
    highest = recording.membrane_V.max(axis=0).astype(np.float64)
    return np.where(recording.counts > 0, highest, np.nan)


def rates(bench: Bench) -> FloatArray:
    """Measure rates, Hz, under the standard drive."""
    chip = bench.set_up(5)
    drive_steadily(chip, bench.nominal, RATE_DRIVE, RATE_DURATION_S)
    return chip.run(RATE_DURATION_S).rates_Hz
