"""The neurons' equations integrated numerically in steps of 10 ns, without the emulator's methods.

    C dV/dt = −(C/τ_m) (V − E) + a_exc I_exc − a_inh I_inh,    dI/dt = −I/τ

Classical Runge-Kutta steps of fourth order, and threshold crossings interpolated within their step.
Only the constants of the neurons are taken from the emulator, never its coefficients, its grid or
its order of operations.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.limits import V_MAX_V

FINE_S = 1e-8


class Kick(NamedTuple):
    """What arrives at one moment, in weight codes for each neuron, and whether the probe fires."""

    exc: FloatArray | float = 0.0
    inh: FloatArray | float = 0.0
    probe: bool = False


class Probe(NamedTuple):
    """One row of sensors, both branches (2, n): causal first. Each pair of neighbours counts once.

    Attributes:
        tau_s: time constants of their windows.
        amplitude_lsb: charge of a pair without distance.
    """

    tau_s: FloatArray
    amplitude_lsb: FloatArray


class FineRun(NamedTuple):
    """Membranes (n_samples, n) every ``sample_s``; spikes' times and neurons; charges (2, n)."""

    membrane_V: FloatArray
    spike_times_s: FloatArray
    spike_neurons: NDArray[np.int64]
    charge_lsb: FloatArray


def slopes(cells: NeuronConstants, state: FloatArray) -> FloatArray:
    """Time derivatives of (V, I_exc, I_inh), (3, n)."""
    v, i_exc, i_inh = state
    current_A = cells.exc_A * i_exc - cells.inh_A * i_inh
    leak_V_per_s = (cells.v_leak_V - v) / cells.tau_mem_s
    return np.array(
        [
            leak_V_per_s + current_A / cells.capacitor_F,
            -i_exc / cells.tau_exc_s,
            -i_inh / cells.tau_inh_s,
        ]
    )


def runge_kutta(cells: NeuronConstants, state: FloatArray) -> FloatArray:
    """The state one fine step later."""
    first = slopes(cells, state)
    second = slopes(cells, state + FINE_S / 2 * first)
    third = slopes(cells, state + FINE_S / 2 * second)
    fourth = slopes(cells, state + FINE_S * third)
    return state + FINE_S / 6 * (first + 2 * second + 2 * third + fourth)


def fine_step(cells: NeuronConstants) -> tuple[FloatArray, FloatArray]:
    """(3, 3, n) and (3, n): a Runge-Kutta step takes a state to matrix · state + offset.

    The equations are linear, so what it does to three states and to none says it all.
    """
    n = cells.v_leak_V.size
    offset = runge_kutta(cells, np.zeros((3, n)))
    units = np.broadcast_to(np.eye(3)[:, :, None], (3, 3, n))
    columns = [runge_kutta(cells, unit) - offset for unit in units]
    return np.stack(columns, axis=1), offset


def integrate_finely(
    cells: NeuronConstants,
    kicks: Mapping[int, Kick],
    n_samples: int,
    *,
    sample_s: float = 1e-7,
    probe: Probe | None = None,
) -> FineRun:
    """Neurons from rest; ``kicks`` stand under the number of samples taken before they arrive."""
    n = cells.v_leak_V.size
    state = np.array([cells.v_leak_V, np.zeros(n), np.zeros(n)])
    held_until_s = np.zeros(n)
    trace, charge_lsb = np.zeros((2, n)), np.zeros((2, n))
    matrix, offset = fine_step(cells)
    fade = np.ones((2, n)) if probe is None else np.exp(-FINE_S / probe.tau_s)
    amplitude_lsb = np.zeros((2, n)) if probe is None else probe.amplitude_lsb
    membrane_V, times_s, neurons = np.empty((n_samples, n)), [], []
    per_sample = round(sample_s / FINE_S)
    for sample in range(n_samples):
        kick = kicks.get(sample, Kick())
        state[1] += kick.exc
        state[2] += kick.inh
        if kick.probe:
            charge_lsb[1] += amplitude_lsb[1] * trace[1]
            trace[0], trace[1] = 1.0, 0.0
        for fine in range(per_sample):
            time_s = (sample * per_sample + fine) * FINE_S
            before = state[0]
            state = np.einsum("cin,in->cn", matrix, state) + offset
            state[0] = np.clip(state[0], 0.0, V_MAX_V)
            state[0] = np.where(time_s < held_until_s, cells.v_reset_V, state[0])
            trace *= fade
            for j in np.flatnonzero(state[0] >= cells.v_thresh_V):
                part = (cells.v_thresh_V[j] - before[j]) / (state[0, j] - before[j])
                times_s.append(time_s + part * FINE_S)
                neurons.append(j)
                state[0, j] = cells.v_reset_V[j]
                held_until_s[j] = times_s[-1] + cells.refractory_s[j]
                charge_lsb[0, j] += amplitude_lsb[0, j] * trace[0, j]
                trace[0, j], trace[1, j] = 0.0, 1.0
        membrane_V[sample] = state[0]
    return FineRun(membrane_V, np.array(times_s), np.array(neurons, dtype=np.int64), charge_lsb)
