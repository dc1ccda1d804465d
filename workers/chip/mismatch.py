"""Fixed-pattern mismatch: the number of a chip decides how its neurons deviate.

Magnitudes. Uncalibrated spreads are those that the bias codes of three chips had to compensate to
bring their 32 neurons to equal behaviour (calibration files in
Neuromorphic_Hardware_learns_to_learn: leak 18 to 29 %, excitatory τ 15 to 17 %, inhibitory τ 17 to
28 %, refractory 8 to 10 %, threshold 22 % of its gap to leak, references of the synaptic inputs
2.4 to 2.9 %); no direct figure is known for the strengths, and 15 % per column and input is within
the 10 to 20 % usually assumed. Calibrated time constants deviate by less than 5 % (Wunderlich et
al. 2019); the other calibrated spreads follow calix' acceptance rule, at most 30 % of the spread
before. Leak and reset potentials: our choice. The leak's amplifier is given the offset that the
published references of the synaptic inputs show, 17 codes, and the reset, a switch to one shared
cell, 5 codes, which no calibration can compensate because there is one cell for all neurons. Single
synapses differ by another 5 % (our choice), which no cell of the memory could compensate either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import (
    Codes,
    NeuronConstants,
    ideal_constants,
    with_input_currents,
)
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    N_NEURONS,
    N_SYNAPSES,
    V_MAX_V,
    V_SYN_EXC_U10,
    V_SYN_INH_U10,
    VOLT_PER_CODE,
)

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
    POTENTIALS = 5


@dataclass(frozen=True)
class NeuronSpread:
    """Standard deviations over the neurons of a chip.

    They are relative ones but for ``leak_V`` and ``reset_V``; those of the references of the
    synaptic inputs are relative to their nominal codes.
    """

    tau_mem: float
    tau_exc: float
    tau_inh: float
    refractory: float
    threshold_gap: float
    exc: float
    inh: float
    leak_V: float
    reset_V: float
    v_syn_exc: float
    v_syn_inh: float


UNCALIBRATED_NEURONS = NeuronSpread(
    tau_mem=0.24,
    tau_exc=0.16,
    tau_inh=0.22,
    refractory=0.09,
    threshold_gap=0.20,
    exc=0.15,
    inh=0.15,
    leak_V=17 * VOLT_PER_CODE,
    reset_V=5 * VOLT_PER_CODE,
    v_syn_exc=0.026,
    v_syn_inh=0.026,
)
CALIBRATED_NEURONS = NeuronSpread(
    tau_mem=0.05,
    tau_exc=0.05,
    tau_inh=0.05,
    refractory=0.03,
    threshold_gap=0.05,
    exc=0.05,
    inh=0.05,
    leak_V=5 * VOLT_PER_CODE,
    reset_V=5 * VOLT_PER_CODE,
    v_syn_exc=0.008,
    v_syn_inh=0.008,
)

SYNAPSE_SPREAD = 0.05
"""Relative standard deviation of a synapse's strength within its column."""

# The quantities of a neuron in the order of their random numbers.
DRAWN_FIRST = ("tau_mem", "tau_exc", "tau_inh", "refractory", "threshold_gap", "exc")
DRAWN_LATER = ("inh", "leak_V", "reset_V", "v_syn_exc", "v_syn_inh")

KnownDeviations = Mapping[str, FloatArray]
"""Deviations of a chip's neurons that were measured, (32,) by the names of ``NeuronSpread``.

Those of quantities without a unit are relative to the mean of the chip.
"""


def require_known(known: object) -> None:
    """Raise unless these are deviations of 32 neurons that a chip can have.

    A deviation comes from a ratio of 10-bit codes, or of one neuron's to the mean of 32, which is
    at least 1/1023 and at most 32. One in volts is within the supply.

    Raises:
        ValueError: a name is none of ``NeuronSpread``, or a value is out of range.
        TypeError: they are no mapping.
    """
    if not isinstance(known, Mapping):
        raise TypeError(f"known deviations must be arrays by name, got {known!r}")
    for name, values in known.items():
        if name not in (*DRAWN_FIRST, *DRAWN_LATER):
            names = ", ".join((*DRAWN_FIRST, *DRAWN_LATER))
            raise ValueError(f"known deviations must be of {names}, got {name}")
        in_volts = name.endswith("_V")
        least, most = (-V_MAX_V, V_MAX_V) if in_volts else (1 / MAX_CODE_U10 - 1, N_NEURONS - 1)
        given = np.asarray(values, dtype=np.float64)
        if given.shape != (N_NEURONS,) or not ((given >= least) & (given <= most)).all():
            raise ValueError(
                f"known deviations of {name} must be {N_NEURONS} numbers in "
                f"[{least:.4g}, {most:.4g}]"
            )


def deviations(
    chip: int, mismatch: Mismatch, pattern: Pattern, shape: tuple[int, ...]
) -> FloatArray:
    """Return standard normal draws of a chip, cut at three deviations; zeros without mismatch."""
    if mismatch == "off":
        return np.zeros(shape)
    key = () if pattern is Pattern.NEURONS else (int(pattern),)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(chip, spawn_key=key)))
    return np.clip(rng.standard_normal(shape), -LARGEST_DEVIATION_SD, LARGEST_DEVIATION_SD)


def neuron_deviations(
    chip: int, mismatch: Mismatch, known: KnownDeviations | None = None
) -> dict[str, FloatArray]:
    """Return (32,) deviations of a chip's neurons by the names of ``NeuronSpread``.

    Calibration shrinks a chip's pattern, it does not draw another. ``known`` deviations take the
    place of drawn ones, and shrink as they do.
    """
    spread = CALIBRATED_NEURONS if mismatch == "calibrated" else UNCALIBRATED_NEURONS
    first = deviations(chip, mismatch, Pattern.NEURONS, (len(DRAWN_FIRST), N_NEURONS))
    later = deviations(chip, mismatch, Pattern.POTENTIALS, (len(DRAWN_LATER), N_NEURONS))
    drawn = dict(zip((*DRAWN_FIRST, *DRAWN_LATER), (*first, *later), strict=True))
    found = {name: getattr(spread, name) * values for name, values in drawn.items()}
    if known is not None and mismatch != "off":
        for name, values in known.items():
            found[name] = values * (getattr(spread, name) / getattr(UNCALIBRATED_NEURONS, name))
    return found


def neurons_of_chip(
    codes: Codes, chip: int, mismatch: Mismatch, known: KnownDeviations | None = None
) -> NeuronConstants:
    """Return the neurons that codes of the parameter memory give on one particular chip.

    A chip is a pattern of factors on the effects of the codes: on the time that a bias gives, on
    the current that a transconductance gives, on a threshold's distance from leak. Leak and reset
    potentials are shifted, and the references of the synaptic inputs balance at codes of their own.
    So a deviation can be compensated by another code, which is what ``calibration`` does.

    A threshold's distance is from the leak potential as it is on this chip, without currents of the
    synaptic inputs. A longer membrane time constant is a weaker leak, so it leaves synaptic
    currents as they are.

    Args:
        codes: the analog parameter memory.
        chip: number of the chip, which decides what is not known.
        mismatch: whether and how much neurons deviate.
        known: measured deviations (``calibration.published``).
    """
    ideal = ideal_constants(codes)
    if mismatch == "off":
        return ideal
    d = neuron_deviations(chip, mismatch, known)
    v_leak_V = VOLT_PER_CODE * codes.v_leak_u10.astype(np.float64) + d["leak_V"]
    gap_V = VOLT_PER_CODE * (codes.v_thresh_u10 - codes.v_leak_u10).astype(np.float64)
    cells = replace(
        ideal,
        tau_mem_s=ideal.tau_mem_s * (1 + d["tau_mem"]),
        tau_exc_s=ideal.tau_exc_s * (1 + d["tau_exc"]),
        tau_inh_s=ideal.tau_inh_s * (1 + d["tau_inh"]),
        refractory_s=ideal.refractory_s * (1 + d["refractory"]),
        v_leak_V=v_leak_V,
        v_thresh_V=v_leak_V + gap_V * (1 + d["threshold_gap"]),
        v_reset_V=ideal.v_reset_V + d["reset_V"],
        exc_A=ideal.exc_A * (1 + d["exc"]),
        inh_A=ideal.inh_A * (1 + d["inh"]),
    )
    balance = V_SYN_EXC_U10 * (1 + d["v_syn_exc"]), V_SYN_INH_U10 * (1 + d["v_syn_inh"])
    return with_input_currents(cells, codes, *balance)


def synapse_gains(chip: int, mismatch: Mismatch) -> NDArray[np.float32]:
    """Return (1024,) strengths of a chip's synapses relative to their column's."""
    draws = deviations(chip, mismatch, Pattern.SYNAPSES, (N_SYNAPSES,))
    return (1 + SYNAPSE_SPREAD * draws).astype(np.float32)
