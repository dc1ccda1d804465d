"""Calibration: codes that compensate for a chip's mismatch, found by measuring it.

The routine is that of laboratories (electronicvisions/calix): measure all neurons, correct the
codes, measure again. The currents and conductances of the parameter memory are proportional to
their codes, so each correction is a secant through the origin,

    code ← code · measured time / wanted time,

and the same for strengths and for a threshold's distance from leak. The first round leaves small
errors; the second measures near the target, where drives and durations are right. calix accepts a
calibration that leaves at most 30 % of the spread and brings 90 % of the rates within 0.9 to 1.15
of their target; time constants of calibrated neurons deviate by less than 5 % (Wunderlich et al.
2019).

This module does not import numba; ``measurement`` does.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.results import CORRECTED, Calibration, Measurements
from spikeloop.workers.chip.capmem import BIASES, Codes, ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.limits import MAX_CODE_U10, N_NEURONS


def calibrate(
    chip: int,
    nominal: Codes | None = None,
    *,
    noise_V: float = 0.02,
    seed: int = 0,
    n_rounds: int = 2,
) -> Calibration:
    """Calibrate an emulated chip as it was made; takes less than a second.

    Args:
        chip: number of the chip.
        nominal: codes whose effect on an ideal chip is wanted; those of ``Circuit`` by default.
        noise_V: noise of the membranes.
        seed: of that noise; the same seed gives the same codes.
        n_rounds: number of corrections, at least one.
    """
    from spikeloop.workers.chip.calibration.bench import Bench
    from spikeloop.workers.chip.calibration.measurement import measure

    nominal = neuron_codes(Circuit(), 0) if nominal is None else nominal
    target = target_of(chip, nominal, noise_V, seed)
    factors: Mapping[str, FloatArray] = {name: np.ones(N_NEURONS) for name in CORRECTED}
    codes = nominal
    found = []
    for attempt in range(n_rounds + 1):
        bench = Bench(
            chip, "uncalibrated", codes, nominal, noise_V, (n_rounds + 1) * seed + attempt
        )
        found.append(measure(bench))
        if attempt < n_rounds:
            factors = _corrected(factors, nominal, codes, found[-1], target)
            codes = _multiplied(nominal, factors)
    return Calibration(
        chip, noise_V, seed, nominal, codes, factors, target, before=found[0], after=found[-1]
    )


def target_of(chip: int, nominal: Codes, noise_V: float, seed: int) -> Measurements:
    """Return the properties of an ideal chip at some codes; rates are measured with noise."""
    from spikeloop.workers.chip.calibration.bench import Bench
    from spikeloop.workers.chip.calibration.measurement import rates

    ideal = ideal_constants(nominal)
    same = ("tau_mem_s", "tau_exc_s", "tau_inh_s", "exc_V", "inh_V", "refractory_s")
    return Measurements(
        **{name: getattr(ideal, name) for name in same},
        gap_V=ideal.v_thresh_V - ideal.v_leak_V,
        rate_Hz=rates(Bench(chip, "off", nominal, nominal, noise_V, seed)),
    )


def calibrated_codes(calibration: Calibration, codes: Codes) -> Codes:
    """Translate the codes that an ideal chip would need into those of the calibrated chip.

    The effect of a bias is proportional to its code, so the factors found at one code hold at all
    codes; the same is true of a threshold's distance from leak. Codes are clipped to the memory's
    range.
    """
    return _multiplied(codes, calibration.factors)


def _corrected(
    factors: Mapping[str, FloatArray],
    nominal: Codes,
    codes: Codes,
    found: Measurements,
    target: Measurements,
) -> dict[str, FloatArray]:
    """Return the factors after one secant step; neurons that showed nothing keep theirs.

    A strength is measured as a voltage, that is as a current over a leak. The leak is corrected by
    its own factor, so the current is compared here.
    """
    ratios = {
        "leak_u10": found.tau_mem_s / target.tau_mem_s,
        "resistor_exc_u10": found.tau_exc_s / target.tau_exc_s,
        "resistor_inh_u10": found.tau_inh_s / target.tau_inh_s,
        "refractory_u10": found.refractory_s / target.refractory_s,
        "gm_exc_u10": target.exc_V / target.tau_mem_s / (found.exc_V / found.tau_mem_s),
        "gm_inh_u10": target.inh_V / target.tau_mem_s / (found.inh_V / found.tau_mem_s),
        "gap": target.gap_V / found.gap_V,
    }
    corrected = {}
    for name, ratio in ratios.items():
        if name == "gap":
            used = codes.v_thresh_u10 - codes.v_leak_u10
            wanted = nominal.v_thresh_u10 - nominal.v_leak_u10
            # Where no spike was seen, the threshold may be above the supply: try a lower one.
            ratio = np.where(np.isnan(found.gap_V), 0.7, ratio)
        else:
            used, wanted = getattr(codes, name), getattr(nominal, name)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = used / wanted * ratio
        corrected[name] = np.where(np.isfinite(new) & (new > 0), new, factors[name])
    return corrected


def _multiplied(codes: Codes, factors: Mapping[str, FloatArray]) -> Codes:
    """Multiply codes by factors, round, and clip to the memory's range."""
    memory: dict[str, Any] = {}
    for name in BIASES:
        least = 0 if name.startswith("gm") else 1
        memory[name] = np.clip(np.rint(getattr(codes, name) * factors[name]), least, MAX_CODE_U10)
    gap = np.rint((codes.v_thresh_u10 - codes.v_leak_u10) * factors["gap"])
    memory["v_thresh_u10"] = np.clip(codes.v_leak_u10 + gap, 0, MAX_CODE_U10)
    return replace(codes, **{name: values.astype(np.int64) for name, values in memory.items()})
