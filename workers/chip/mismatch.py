"""Fixed-pattern mismatch: the number of a chip decides how its neurons deviate.

Magnitudes. Uncalibrated spreads are those that the bias codes of three chips had to compensate to
bring their 32 neurons to equal behaviour (calibration files in
Neuromorphic_Hardware_learns_to_learn: leak 18 to 29 %, excitatory τ 15 to 17 %, inhibitory τ 17 to
28 %, refractory 8 to 10 %, threshold 22 % of its gap to leak); no direct figure is known for the
weights, and 15 % per column is within the 10 to 20 % usually assumed. Calibrated time constants
deviate by less than 5 % (Wunderlich et al. 2019); the other calibrated spreads follow calix'
acceptance rule, at most 30 % of the spread before. Single synapses differ by another 5 % (our
choice), which no cell of the parameter memory could compensate.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import Codes, NeuronConstants, ideal_constants
from spikeloop.workers.chip.limits import N_NEURONS, N_SYNAPSES

Mismatch = Literal["off", "uncalibrated", "calibrated"]
"""An ideal chip, a chip as it was made, or one with the pattern that a calibration leaves."""

LARGEST_DEVIATION_SD = 3.0
"""Limit at which draws are cut, so that no time constant is near zero or below."""


class Pattern(IntEnum):
    """What deviates from chip to chip; each has random numbers of its own."""

    NEURONS = 0
    SYNAPSES = 2
    SENSORS = 3
    ADC = 4


@dataclass(frozen=True)
class NeuronSpread:
    """Relative standard deviations over the neurons of a chip."""

    tau_mem: float
    tau_exc: float
    tau_inh: float
    refractory: float
    threshold_gap: float
    weight: float


UNCALIBRATED_NEURONS = NeuronSpread(
    tau_mem=0.24, tau_exc=0.16, tau_inh=0.22, refractory=0.09, threshold_gap=0.20, weight=0.15
)
CALIBRATED_NEURONS = NeuronSpread(
    tau_mem=0.05, tau_exc=0.05, tau_inh=0.05, refractory=0.03, threshold_gap=0.05, weight=0.05
)

SYNAPSE_SPREAD = 0.05
"""Relative standard deviation of a synapse's strength within its column."""


def deviations(
    chip: int, mismatch: Mismatch, pattern: Pattern, shape: tuple[int, ...]
) -> FloatArray:
    """Return standard normal draws of a chip, cut at three deviations; zeros without mismatch."""
    if mismatch == "off":
        return np.zeros(shape)
    key = () if pattern is Pattern.NEURONS else (int(pattern),)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(chip, spawn_key=key)))
    return np.clip(rng.standard_normal(shape), -LARGEST_DEVIATION_SD, LARGEST_DEVIATION_SD)


def neurons_of_chip(codes: Codes, chip: int, mismatch: Mismatch) -> NeuronConstants:
    """Return the neurons that codes of the parameter memory give on one particular chip.

    A chip is a pattern of factors on the effects of the codes: on the time that a bias gives, on
    the current that a transconductance gives, on a threshold's distance from leak. Leak and reset
    potentials come out as they are set. So a deviation can be compensated by another code, which is
    what ``calibration`` does.

    Calibration shrinks a chip's pattern, it does not draw another. A column's weight gain scales
    excitation and inhibition alike. A longer membrane time constant is a weaker leak, so it leaves
    synaptic currents as they are.
    """
    ideal = ideal_constants(codes)
    if mismatch == "off":
        return ideal
    spread = CALIBRATED_NEURONS if mismatch == "calibrated" else UNCALIBRATED_NEURONS
    draws = deviations(chip, mismatch, Pattern.NEURONS, (6, N_NEURONS))
    mem, exc, inh, refractory, gap, weight = draws
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


def synapse_gains(chip: int, mismatch: Mismatch) -> NDArray[np.float32]:
    """Return (1024,) strengths of a chip's synapses relative to their column's."""
    draws = deviations(chip, mismatch, Pattern.SYNAPSES, (N_SYNAPSES,))
    return (1 + SYNAPSE_SPREAD * draws).astype(np.float32)
