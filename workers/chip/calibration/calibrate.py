"""Calibration: codes that make up for a chip's mismatch, found by measuring it.

A routine as laboratories run it (electronicvisions/calix): measure all neurons, correct the codes,
measure again. The currents and conductances of the parameter memory are proportional to their
codes, so each correction is a secant through the origin,

    code ← code · measured time / wanted time,

and likewise for strengths and for a threshold's distance from leak. One round leaves little; the
second measures near the target, where drives and durations are right. calix accepts a calibration
that leaves at most 30 % of the spread and brings 90 % of the rates within 0.9 to 1.15 of their
target; time constants of calibrated neurons deviate by less than 5 % (Wunderlich et al. 2019).

The measurements are in ``measurement``; this module does not import numba.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.measured import QUANTITIES, Measured
from spikeloop.workers.chip.capmem import BIASES, VOLTAGES, Codes, physical
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.limits import MAX_CODE_U10, N_NEURONS

VERSION = 1
RATES_WITHIN = (0.9, 1.15)
"""Where calix wants 90 % of the rates, relative to their target."""


CORRECTED = (*BIASES, "gap")
"""What a calibration has factors for: the biases, and the threshold's distance from leak."""


@dataclass(frozen=True)
class Calibration:
    """What a calibration of one chip found.

    Attributes:
        chip: number of the chip.
        noise_V: noise of the membranes while they were measured.
        seed: of that noise.
        nominal: the codes that an ideal chip would need.
        codes: the codes that this chip needs.
        factors: (32,) code that this chip needs over nominal code, by the names of ``CORRECTED``.
        target: what was wanted.
        before: what the nominal codes gave.
        after: what the calibrated codes gave.
    """

    chip: int
    noise_V: float
    seed: int
    nominal: Codes
    codes: Codes
    factors: dict[str, FloatArray]
    target: Measured
    before: Measured
    after: Measured

    def values(self) -> dict[str, Any]:
        """All of it as JSON takes it; what could not be seen is null."""
        return {
            "format": "spikeloop calibration",
            "version": VERSION,
            "chip": self.chip,
            "noise_V": self.noise_V,
            "seed": self.seed,
            "nominal": _lists(vars(self.nominal)),
            "codes": _lists(vars(self.codes)),
            "factors": _lists(self.factors),
            "target": _lists(vars(self.target)),
            "before": _lists(vars(self.before)),
            "after": _lists(vars(self.after)),
        }

    def save(self, path: Path) -> None:
        """Writes a JSON file."""
        path.write_text(json.dumps(self.values(), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "Calibration":
        """Reads a JSON file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not the file of a calibration; one line.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if (values["format"], values["version"]) != ("spikeloop calibration", VERSION):
                raise ValueError(f"version {values['version']} of {values['format']}")
            chip = int(values["chip"])
            if chip < 0:
                raise ValueError(f"chip must be at least 0, got {chip}")
            return Calibration(
                chip=chip,
                noise_V=float(values["noise_V"]),
                seed=int(values["seed"]),
                nominal=_codes(values["nominal"]),
                codes=_codes(values["codes"]),
                factors={name: _floats(values["factors"][name]) for name in CORRECTED},
                target=_measured(values["target"]),
                before=_measured(values["before"]),
                after=_measured(values["after"]),
            )
        except KeyError as error:
            raise ValueError(f"{path}: not a calibration of a chip: no {error}") from error
        except (TypeError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: not a calibration of a chip: {reason}") from error


def calibrate(
    chip: int,
    nominal: Codes | None = None,
    *,
    noise_V: float = 0.02,
    seed: int = 0,
    n_rounds: int = 2,
) -> Calibration:
    """Calibrates an emulated chip as it was made; takes less than a second.

    Args:
        chip: number of the chip.
        nominal: codes whose effect on an ideal chip is wanted; those of ``Circuit`` by default.
        noise_V: noise of the membranes.
        seed: of that noise; the same seed gives the same codes.
        n_rounds: how often to correct the codes, at least once.
    """
    from spikeloop.workers.chip.calibration.measurement import Bench, measure

    nominal = neuron_codes(Circuit(), 0) if nominal is None else nominal
    target = target_of(chip, nominal, noise_V, seed)
    factors = {name: np.ones(N_NEURONS) for name in CORRECTED}
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


def target_of(chip: int, nominal: Codes, noise_V: float, seed: int) -> Measured:
    """What codes would give on an ideal chip; its rates are measured with the same noise."""
    from spikeloop.workers.chip.calibration.measurement import Bench, rates

    ideal = physical(nominal)
    return Measured(
        tau_mem_s=ideal.tau_mem_s,
        tau_exc_s=ideal.tau_exc_s,
        tau_inh_s=ideal.tau_inh_s,
        exc_V=ideal.exc_V,
        inh_V=ideal.inh_V,
        refractory_s=ideal.refractory_s,
        gap_V=ideal.v_thresh_V - ideal.v_leak_V,
        rate_Hz=rates(Bench(chip, "off", nominal, nominal, noise_V, seed)),
    )


def calibrated_codes(calibration: Calibration, codes: Codes) -> Codes:
    """What other codes become on the chip that was calibrated.

    The effect of a bias is proportional to its code, so the factors found at one code hold at all;
    the same is true of a threshold's distance from leak. Codes beyond the memory's range become its
    nearest end.

    Args:
        calibration: of the chip.
        codes: those that an ideal chip would need.
    """
    return _multiplied(codes, calibration.factors)


def at_the_end(codes: Codes) -> dict[str, int]:
    """How many neurons have a code at the memory's upper end and may need more than that."""
    full = {n: int((getattr(codes, n) == MAX_CODE_U10).sum()) for n in ("v_thresh_u10", *BIASES)}
    return {name: n for name, n in full.items() if n}


def rates_within(measured: Measured, target: Measured) -> float:
    """The part of the neurons whose rate is within 0.9 to 1.15 of its target."""
    low, high = RATES_WITHIN
    within = (measured.rate_Hz >= low * target.rate_Hz) & (
        measured.rate_Hz <= high * target.rate_Hz
    )
    return float(within.mean())


def _corrected(
    factors: dict[str, FloatArray],
    nominal: Codes,
    codes: Codes,
    found: Measured,
    target: Measured,
) -> dict[str, FloatArray]:
    """Factors after one secant step from what ``codes`` gave; unseen neurons keep theirs.

    A strength is seen as a voltage, that is as a current over a leak; the leak is corrected by its
    own factor, so the current is what counts here.
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
            # Where no spike was seen, the threshold may be above the supply: look lower.
            ratio = np.where(np.isnan(found.gap_V), 0.7, ratio)
        else:
            used, wanted = getattr(codes, name), getattr(nominal, name)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = used / wanted * ratio
        corrected[name] = np.where(np.isfinite(new) & (new > 0), new, factors[name])
    return corrected


def _multiplied(codes: Codes, factors: dict[str, FloatArray]) -> Codes:
    """Codes times factors, rounded and kept within the memory's range."""
    memory: dict[str, Any] = {}
    for name in BIASES:
        least = 0 if name.startswith("gm") else 1
        memory[name] = np.clip(np.rint(getattr(codes, name) * factors[name]), least, MAX_CODE_U10)
    gap = np.rint((codes.v_thresh_u10 - codes.v_leak_u10) * factors["gap"])
    memory["v_thresh_u10"] = np.clip(codes.v_leak_u10 + gap, 0, MAX_CODE_U10)
    return replace(codes, **{name: values.astype(np.int64) for name, values in memory.items()})


def _lists(arrays: dict[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [None if x != x else x for x in values.tolist()] for name, values in arrays.items()
    }


def _floats(values: Any) -> FloatArray:
    given = np.array(values, dtype=np.float64)  # null becomes nan
    if given.shape != (N_NEURONS,):
        raise ValueError(f"arrays must have {N_NEURONS} numbers, got shape {given.shape}")
    return given


def _measured(values: dict[str, Any]) -> Measured:
    return Measured(**{name: _floats(values[name]) for name in QUANTITIES})


def _codes(values: dict[str, Any]) -> Codes:
    memory: dict[str, Any] = {}
    for name in (*VOLTAGES, *BIASES):
        codes = _floats(values[name])
        if not (codes == np.rint(codes)).all():
            raise ValueError(f"{name} must be whole numbers")
        memory[name] = codes.astype(np.int64)
    large = _floats(values["large_capacitor"])
    return Codes(**memory, large_capacitor=large != 0)
