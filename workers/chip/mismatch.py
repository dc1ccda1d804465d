"""Fixed-pattern mismatch: which chip it is decides how its neurons deviate.

Magnitudes. Uncalibrated spreads are those that the bias codes of three chips had to make up for to
bring their 32 neurons to equal behaviour (calibration files in
Neuromorphic_Hardware_learns_to_learn: leak 18 to 29 %, excitatory τ 15 to 17 %, inhibitory τ 17 to
28 %, refractory 8 to 10 %, threshold 22 % of its gap to leak); no direct figure is known for the
weights, and 15 % per column is within the 10 to 20 % usually assumed. Calibrated time constants
deviate by less than 5 % (Wunderlich et al. 2019); the other calibrated spreads follow calix'
acceptance rule, at most 30 % of the spread before.
"""

from dataclasses import dataclass, replace

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.analog import Neurons
from spikeloop.workers.chip.limits import N_NEURONS

LARGEST_DEVIATION_SD = 3.0
"""Draws beyond are cut, so that no time constant is near zero or below."""


@dataclass(frozen=True)
class Spread:
    """Relative standard deviations over the neurons of a chip."""

    tau_mem: float
    tau_exc: float
    tau_inh: float
    refractory: float
    threshold_gap: float
    weight: float


UNCALIBRATED = Spread(
    tau_mem=0.24, tau_exc=0.16, tau_inh=0.22, refractory=0.09, threshold_gap=0.20, weight=0.15
)
CALIBRATED = Spread(
    tau_mem=0.05, tau_exc=0.05, tau_inh=0.05, refractory=0.03, threshold_gap=0.05, weight=0.05
)


def deviations(chip: int) -> FloatArray:
    """(6, 32) standard normal draws of a chip, cut at three; always the same ones for a chip."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(chip)))
    draws = rng.standard_normal((6, N_NEURONS))
    return np.clip(draws, -LARGEST_DEVIATION_SD, LARGEST_DEVIATION_SD)


def mismatched(ideal: Neurons, chip: int, *, calibrated: bool) -> Neurons:
    """The neurons of one particular chip.

    Calibration shrinks a chip's pattern, it does not draw another. A column's weight gain scales
    excitation and inhibition alike.

    Args:
        ideal: neurons without mismatch.
        chip: number of the chip, non-negative.
        calibrated: whether its neurons have been brought to a common target.
    """
    spread = CALIBRATED if calibrated else UNCALIBRATED
    mem, exc, inh, refractory, gap, weight = deviations(chip)
    return replace(
        ideal,
        tau_mem_s=ideal.tau_mem_s * (1 + spread.tau_mem * mem),
        tau_exc_s=ideal.tau_exc_s * (1 + spread.tau_exc * exc),
        tau_inh_s=ideal.tau_inh_s * (1 + spread.tau_inh * inh),
        refractory_s=ideal.refractory_s * (1 + spread.refractory * refractory),
        v_thresh_V=ideal.v_leak_V
        + (ideal.v_thresh_V - ideal.v_leak_V) * (1 + spread.threshold_gap * gap),
        exc_V=ideal.exc_V * (1 + spread.weight * weight),
        inh_V=ideal.inh_V * (1 + spread.weight * weight),
    )
