"""What a calibration measures and finds, and the JSON file that keeps it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.json_file import read_object, require_object
from spikeloop.workers.chip.calibration.sensor_calibration import SensorCalibration
from spikeloop.workers.chip.capmem import BIASES, CAPACITORS, VOLTAGES, Codes
from spikeloop.workers.chip.limits import MAX_CODE_U10, N_NEURONS
from spikeloop.workers.chip.mismatch import require_known

FORMAT, VERSION = "spikeloop calibration", 2

RATES_WITHIN = (0.9, 1.15)
"""Range in which calix wants 90 % of the rates, relative to their target."""

CORRECTED = (*BIASES, "gap")
"""What a calibration has factors for: the biases, and the threshold's distance from leak."""

SHIFTED = ("v_leak_u10", "v_syn_exc_u10", "v_syn_inh_u10")
"""The voltages that a calibration shifts."""


@dataclass(frozen=True)
class Measurements:
    """Measured properties of 32 neurons, each (32,); nan where nothing could be observed.

    ``rest_V`` is the potential of a neuron that is left alone, its inputs switched off. A steady
    excitatory input of weight code 1 lifts the membrane by ``exc_V`` above leak, an inhibitory one
    pulls it by ``inh_V`` below. ``gap_V`` is the threshold above leak, and ``rate_Hz`` the rate
    under the standard drive.
    """

    tau_mem_s: FloatArray
    tau_exc_s: FloatArray
    tau_inh_s: FloatArray
    exc_V: FloatArray
    inh_V: FloatArray
    refractory_s: FloatArray
    rest_V: FloatArray
    gap_V: FloatArray
    rate_Hz: FloatArray


QUANTITIES = tuple(field.name for field in fields(Measurements))


@dataclass(frozen=True)
class Calibration:
    """The result of the calibration of one chip.

    Attributes:
        chip: number of the chip.
        noise_V: noise of the membranes while they were measured.
        seed: of that noise.
        nominal: the codes that an ideal chip would need.
        codes: the codes that this chip needs.
        factors: (32,) code that this chip needs over nominal code, by the names of ``CORRECTED``.
        shifts: (32,) codes that this chip needs beyond the nominal, by the names of ``SHIFTED``.
        target: the wanted properties.
        before: properties at the nominal codes.
        after: properties at the calibrated codes.
        known: deviations of the chip that a laboratory had measured, (32,) by their names.
        sensors: bits of the correlation sensors, where they were calibrated too.
    """

    chip: int
    noise_V: float
    seed: int
    nominal: Codes
    codes: Codes
    factors: Mapping[str, FloatArray]
    shifts: Mapping[str, FloatArray]
    target: Measurements
    before: Measurements
    after: Measurements
    known: Mapping[str, FloatArray]
    sensors: SensorCalibration | None = None

    def values(self) -> dict[str, Any]:
        """Return all fields as JSON values; nan becomes null."""
        content: dict[str, Any] = {"format": FORMAT, "version": VERSION}
        for name, value in vars(self).items():
            if name == "sensors":
                content[name] = None if self.sensors is None else self.sensors.values()
                continue
            arrays = value if isinstance(value, Mapping) else getattr(value, "__dict__", None)
            content[name] = value if arrays is None else _lists(arrays)
        return content

    def save(self, path: Path) -> None:
        """Write a JSON file."""
        path.write_text(json.dumps(self.values(), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "Calibration":
        """Read a JSON file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not the file of a calibration; one line.
        """
        try:
            values = read_object(path)
            if (values["format"], values["version"]) != (FORMAT, VERSION):
                raise ValueError(f"version {values['version']} of {values['format']}")
            if (chip := int(values["chip"])) < 0:
                raise ValueError(f"chip must be at least 0, got {chip}")
            return Calibration(
                chip=chip,
                noise_V=float(values["noise_V"]),
                seed=int(values["seed"]),
                nominal=_codes(values["nominal"]),
                codes=_codes(values["codes"]),
                factors=_arrays(values["factors"], CORRECTED),
                shifts=_arrays(values["shifts"], SHIFTED),
                target=Measurements(**_arrays(values["target"], QUANTITIES)),
                before=Measurements(**_arrays(values["before"], QUANTITIES)),
                after=Measurements(**_arrays(values["after"], QUANTITIES)),
                known=_known(values["known"]),
                sensors=SensorCalibration.of_values(values["sensors"])
                if values["sensors"] is not None
                else None,
            )
        except KeyError as error:
            raise ValueError(f"{path}: not a calibration of a chip: no {error}") from error
        except (TypeError, ValueError, OverflowError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: not a calibration of a chip: {reason}") from error


def saturated_codes(codes: Codes) -> dict[str, int]:
    """Count the neurons whose code is the memory's largest, so that they may need a larger one."""
    full = {n: int((getattr(codes, n) == MAX_CODE_U10).sum()) for n in ("v_thresh_u10", *BIASES)}
    return {name: n for name, n in full.items() if n}


def share_of_rates_within(measured: Measurements, target: Measurements) -> float:
    """Return the share of neurons whose rate is within 0.9 to 1.15 of its target."""
    low, high = (limit * target.rate_Hz for limit in RATES_WITHIN)
    return float(((measured.rate_Hz >= low) & (measured.rate_Hz <= high)).mean())


def _lists(arrays: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [None if x != x else x for x in values.tolist()] for name, values in arrays.items()
    }


def _arrays(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, FloatArray]:
    """Return (32,) arrays of the names wanted; null becomes nan."""
    arrays = {}
    for name in names:
        given = np.array(values[name], dtype=np.float64)
        if given.shape != (N_NEURONS,):
            raise ValueError(f"arrays must have {N_NEURONS} numbers, got shape {given.shape}")
        arrays[name] = given
    return arrays


def _known(values: Any) -> dict[str, FloatArray]:
    found = _arrays(require_object(values, "known"), tuple(values))
    require_known(found)
    return found


def _codes(values: Mapping[str, Any]) -> Codes:
    memory: dict[str, Any] = {}
    for name, codes in _arrays(values, (*VOLTAGES, *BIASES)).items():
        if not (codes == np.rint(codes)).all():
            raise ValueError(f"{name} must be whole numbers")
        memory[name] = codes.astype(np.int64)
    switches = _arrays(values, CAPACITORS)
    return Codes(**memory, **{name: on != 0 for name, on in switches.items()})
