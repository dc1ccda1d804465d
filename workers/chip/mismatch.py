"""Fixed-pattern mismatch: which chip it is decides how its neurons deviate.

Magnitudes. Uncalibrated spreads are those that the bias codes of three chips had to make up for to
bring their 32 neurons to equal behaviour (calibration files in
Neuromorphic_Hardware_learns_to_learn: leak 18 to 29 %, excitatory τ 15 to 17 %, inhibitory τ 17 to
28 %, refractory 8 to 10 %, threshold 22 % of its gap to leak); no direct figure is known for the
weights, and 15 % per column is within the 10 to 20 % usually assumed. Calibrated time constants
deviate by less than 5 % (Wunderlich et al. 2019); the other calibrated spreads follow calix'
acceptance rule, at most 30 % of the spread before. Single synapses differ by another 5 % (our
choice); no cell of the parameter memory could make up for that.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import Codes, NeuronConstants, ideal_neurons
from spikeloop.workers.chip.limits import N_NEURONS, N_SYNAPSES

Mismatch = Literal["off", "uncalibrated", "calibrated"]
"""An ideal chip, one as it was made, or one whose pattern is what a calibration leaves over."""

LARGEST_DEVIATION_SD = 3.0
"""Draws beyond are cut, so that no time constant is near zero or below."""


@dataclass(frozen=True)
class NeuronSpread:
    """Relative standard deviations over the neurons of a chip."""

    tau_mem: float
    tau_exc: float
    tau_inh: float
    refractory: float
    threshold_gap: float
    weight: float


UNCALIBRATED = NeuronSpread(
    tau_mem=0.24, tau_exc=0.16, tau_inh=0.22, refractory=0.09, threshold_gap=0.20, weight=0.15
)
CALIBRATED = NeuronSpread(
    tau_mem=0.05, tau_exc=0.05, tau_inh=0.05, refractory=0.03, threshold_gap=0.05, weight=0.05
)

SYNAPSE_SPREAD = 0.05
"""Relative standard deviation of a synapse's strength within its column."""


def neuron_deviations(chip: int) -> FloatArray:
    """(6, 32) standard normal draws of a chip, cut at three; always the same ones for a chip."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(chip)))
    draws = rng.standard_normal((6, N_NEURONS))
    return np.clip(draws, -LARGEST_DEVIATION_SD, LARGEST_DEVIATION_SD)


def neurons_of_chip(codes: Codes, chip: int, mismatch: Mismatch) -> NeuronConstants:
    """What one particular chip makes of codes of its parameter memory.

    A chip is a pattern of factors on what the codes do: on the time that a bias gives, on the
    current that a transconductance gives, on a threshold's distance from leak. Leak and reset
    potentials come out as they are set. So what a code misses by can be made up for by another
    code, which is what ``calibration`` does.
    """
    ideal = ideal_neurons(codes)
    if mismatch == "off":
        return ideal
    return mismatched(ideal, chip, calibrated=mismatch == "calibrated")


def mismatched(ideal: NeuronConstants, chip: int, *, calibrated: bool) -> NeuronConstants:
    """The neurons of one particular chip.

    Calibration shrinks a chip's pattern, it does not draw another. A column's weight gain scales
    excitation and inhibition alike. A longer membrane time constant is a weaker leak, so it leaves
    synaptic currents as they are.

    Args:
        ideal: neurons without mismatch.
        chip: number of the chip, non-negative.
        calibrated: whether its neurons have been brought to a common target.
    """
    return deviated(ideal, chip, CALIBRATED if calibrated else UNCALIBRATED)


def deviated(ideal: NeuronConstants, chip: int, spread: NeuronSpread) -> NeuronConstants:
    """The neurons of a chip whose pattern has the given standard deviations."""
    mem, exc, inh, refractory, gap, weight = neuron_deviations(chip)
    return replace(
        ideal,
        tau_mem_s=ideal.tau_mem_s * (1 + spread.tau_mem * mem),
        tau_exc_s=ideal.tau_exc_s * (1 + spread.tau_exc * exc),
        tau_inh_s=ideal.tau_inh_s * (1 + spread.tau_inh * inh),
        refractory_s=ideal.refractory_s * (1 + spread.refractory * refractory),
        v_thresh_V=ideal.v_leak_V
        + (ideal.v_thresh_V - ideal.v_leak_V) * (1 + spread.threshold_gap * gap),
        exc_A=ideal.exc_A * (1 + spread.weight * weight),
        inh_A=ideal.inh_A * (1 + spread.weight * weight),
    )


def synapse_gains(chip: int) -> NDArray[np.float32]:
    """(1024,) strength of a chip's synapses relative to their column's, calibrated or not."""
    sequence = np.random.SeedSequence(chip, spawn_key=(2,))
    draws = np.random.Generator(np.random.Philox(sequence)).standard_normal(N_SYNAPSES)
    cut = np.clip(draws, -LARGEST_DEVIATION_SD, LARGEST_DEVIATION_SD)
    return (1 + SYNAPSE_SPREAD * cut).astype(np.float32)
