"""Calibration: codes that compensate for a chip's mismatch, found by measuring it.

The routine is that of laboratories (electronicvisions/calix): measure all neurons, correct the
codes, measure again. The currents and conductances of the parameter memory are proportional to
their codes, so each correction is a secant through the origin,

    code ← code · measured time / wanted time,

and the same for strengths and for a threshold's distance from leak; the leak potential and the
references of the synaptic inputs are shifted. The first round leaves small errors; the second
measures near the target, where drives and durations are right.

What is left. On the emulator these measurements agree with the truth within about 1 %, and
a calibration would leave no more. Laboratories are left with some 5 %: time constants of calibrated
neurons deviate by "less than 5 %" (Wunderlich et al. 2019), because the readout has errors of its
own and because the parameter memory does not come back to the same values in each trial. How much
each contributes is not known, so one error stands for both: what each round measures of a neuron
has an error whose spread is that of a calibrated chip in ``mismatch``, ``TRIAL_ERRORS``, drawn anew
for each round. Errors of the last round stay in the codes. ``before`` and ``after`` stand for means
over many trials and have no such error. calix accepts a calibration that leaves at most 30 % of
the spread and brings 90 % of the rates within 0.9 to 1.15 of their target.

This module does not import numba; ``measurement`` does.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.results import (
    CORRECTED,
    SHIFTED,
    Calibration,
    Measurements,
)
from spikeloop.workers.chip.capmem import BIASES, Codes, ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    N_NEURONS,
    V_SYN_EXC_U10,
    V_SYN_INH_U10,
    VOLT_PER_CODE,
)
from spikeloop.workers.chip.mismatch import CALIBRATED_NEURONS, KnownDeviations, NeuronSpread

TRIAL_ERRORS = CALIBRATED_NEURONS
"""Spread of what one trial measures of a neuron about the truth."""


def calibrate(
    chip: int,
    nominal: Codes | None = None,
    *,
    known: KnownDeviations | None = None,
    noise_V: float = 0.02,
    seed: int = 0,
    n_rounds: int = 2,
    trial_errors: NeuronSpread | None = TRIAL_ERRORS,
) -> Calibration:
    """Calibrate an emulated chip as it was made; takes about a second.

    Args:
        chip: number of the chip.
        nominal: codes whose effect on an ideal chip is wanted; those of ``Circuit`` by default.
        known: deviations of its neurons that a laboratory has measured, as in ``Chip``.
        noise_V: noise of the membranes.
        seed: of all noise and errors; the same seed gives the same codes.
        n_rounds: number of corrections, at least one.
        trial_errors: spread of what a trial measures about the truth; None for none.
    """
    from spikeloop.workers.chip.calibration.bench import Bench
    from spikeloop.workers.chip.calibration.measurement import input_shifts, measure

    nominal = neuron_codes(Circuit(), 0) if nominal is None else nominal
    target = target_of(chip, nominal, noise_V, seed)
    factors: Mapping[str, FloatArray] = {name: np.ones(N_NEURONS) for name in CORRECTED}
    shifts: Mapping[str, FloatArray] = {name: np.zeros(N_NEURONS) for name in SHIFTED}
    codes = nominal
    rng = np.random.default_rng([chip, seed])
    found = []
    for attempt in range(n_rounds + 1):
        bench_seed = (n_rounds + 1) * seed + attempt
        bench = Bench(chip, "uncalibrated", codes, nominal, noise_V, bench_seed, known)
        found.append(measure(bench))
        if attempt < n_rounds:
            inputs = input_shifts(bench, found[-1].rest_V)
            seen = found[-1]
            if trial_errors is not None:
                seen, inputs = with_errors(seen, inputs, trial_errors, rng)
            factors = _corrected(factors, nominal, codes, seen, target)
            shifts = _shifted(shifts, seen, target, inputs)
            codes = _changed(nominal, factors, shifts)
    return Calibration(
        chip=chip,
        noise_V=noise_V,
        seed=seed,
        nominal=nominal,
        codes=codes,
        factors=factors,
        shifts=shifts,
        target=target,
        before=found[0],
        after=found[-1],
        known={} if known is None else known,
    )


def with_errors(
    found: Measurements,
    inputs: tuple[FloatArray, FloatArray],
    errors: NeuronSpread,
    rng: np.random.Generator,
) -> tuple[Measurements, tuple[FloatArray, FloatArray]]:
    """Return what one trial shows of the measurements and of the shifts of both inputs.

    A strength is measured over the same leak as the membrane time constant, whose error it shares.
    """
    e = {name: sd * rng.standard_normal(N_NEURONS) for name, sd in vars(errors).items()}
    seen = Measurements(
        tau_mem_s=found.tau_mem_s * (1 + e["tau_mem"]),
        tau_exc_s=found.tau_exc_s * (1 + e["tau_exc"]),
        tau_inh_s=found.tau_inh_s * (1 + e["tau_inh"]),
        exc_V=found.exc_V * (1 + e["tau_mem"]) * (1 + e["exc"]),
        inh_V=found.inh_V * (1 + e["tau_mem"]) * (1 + e["inh"]),
        refractory_s=found.refractory_s * (1 + e["refractory"]),
        rest_V=found.rest_V + e["leak_V"],
        gap_V=found.gap_V * (1 + e["threshold_gap"]),
        rate_Hz=found.rate_Hz,
    )
    exc, inh = inputs
    return seen, (exc + V_SYN_EXC_U10 * e["v_syn_exc"], inh + V_SYN_INH_U10 * e["v_syn_inh"])


def target_of(chip: int, nominal: Codes, noise_V: float, seed: int) -> Measurements:
    """Return the properties of an ideal chip at some codes; rates are measured with noise."""
    from spikeloop.workers.chip.calibration.bench import Bench
    from spikeloop.workers.chip.calibration.measurement import rates

    ideal = ideal_constants(nominal)
    same = ("tau_mem_s", "tau_exc_s", "tau_inh_s", "exc_V", "inh_V", "refractory_s")
    return Measurements(
        **{name: getattr(ideal, name) for name in same},
        rest_V=VOLT_PER_CODE * nominal.v_leak_u10.astype(np.float64),
        gap_V=ideal.v_thresh_V - ideal.v_leak_V,
        rate_Hz=rates(Bench(chip, "off", nominal, nominal, noise_V, seed)),
    )


def calibrated_codes(calibration: Calibration, codes: Codes) -> Codes:
    """Translate the codes that an ideal chip would need into those of the calibrated chip.

    The effect of a bias is proportional to its code, so the factors found at one code hold at all
    codes; the same is true of a threshold's distance from leak, and of shifts. Codes are clipped to
    the memory's range.
    """
    return _changed(codes, calibration.factors, calibration.shifts)


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


def _shifted(
    shifts: Mapping[str, FloatArray],
    found: Measurements,
    target: Measurements,
    inputs: tuple[FloatArray, FloatArray],
) -> dict[str, FloatArray]:
    """Return the shifts after one more correction."""
    leak = (target.rest_V - found.rest_V) / VOLT_PER_CODE
    return {name: shifts[name] + more for name, more in zip(SHIFTED, (leak, *inputs), strict=True)}


def _changed(
    codes: Codes, factors: Mapping[str, FloatArray], shifts: Mapping[str, FloatArray]
) -> Codes:
    """Multiply biases by factors, shift voltages, round, and clip to the memory's range."""
    memory: dict[str, Any] = {}
    for name, shift in shifts.items():
        memory[name] = np.clip(np.rint(getattr(codes, name) + shift), 0, MAX_CODE_U10)
    for name in BIASES:
        least = 0 if name.startswith("gm") else 1
        memory[name] = np.clip(np.rint(getattr(codes, name) * factors[name]), least, MAX_CODE_U10)
    gap = np.rint((codes.v_thresh_u10 - codes.v_leak_u10) * factors["gap"])
    memory["v_thresh_u10"] = np.clip(memory["v_leak_u10"] + gap, 0, MAX_CODE_U10)
    return replace(codes, **{name: values.astype(np.int64) for name, values in memory.items()})
