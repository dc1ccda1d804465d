"""Calibration files of laboratories: the codes of a real chip, and what they say of its neurons.

The repository Neuromorphic_Hardware_learns_to_learn keeps the codes of its chips as JSON files,
hardware/mdp/calibration_20.json and _22.json, hardware/mab/calibrations/calibration_24.json and
threshold_calibrated_20.json among them. None is part of this package: they are read from where the
user has them. Such a file has 24 cells for each of 32 neurons,

    {"global_params": {"v_reset": 340},
     "neuron_params": [{"v_leak": 458, "i_bias_leak": 62, "i_bias_syn_res_ex": 254, …}, …]}

and default files have one value for all neurons, {"vReset": 300, "vLeak": 400, "iBiasLeak": 200, …}
(hardware/mdp/cap_mem_07_chip_20.json).

What a file says of the chip. Codes that bring all neurons to equal behaviour undo the deviations.
Time constants go as 1/code, so a neuron that needs c times the mean code is c times as slow at
equal codes; a threshold that needs c times the mean distance from leak is 1/c times as far. The
reference of a synaptic input balances where it was set. A quantity whose codes are equal in all
neurons was not calibrated, and nothing is known of it; neither is of thresholds where only leak
codes differ, as for the stimulus neuron 31 of hardware/mab's calibration_20.json. The file gives no
seconds and volts: the mean codes are no absolute scale (``capmem``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.json_file import read_object, require_object
from spikeloop.workers.chip.capmem import CodeArray, Codes
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    N_NEURONS,
    V_SYN_EXC_U10,
    V_SYN_INH_U10,
)

CELLS = {
    "v_leak": "v_leak_u10",
    "v_thresh": "v_thresh_u10",
    "v_reset": "v_reset_u10",
    "v_syn_ex": "v_syn_exc_u10",
    "v_syn_in": "v_syn_inh_u10",
    "i_bias_leak": "leak_u10",
    "i_bias_syn_res_ex": "resistor_exc_u10",
    "i_bias_syn_res_in": "resistor_inh_u10",
    "i_refr": "refractory_u10",
    "i_bias_syn_gm_ex": "gm_exc_u10",
    "i_bias_syn_gm_in": "gm_inh_u10",
}
"""The cells of a file that the emulator models, by the name of ``Codes`` that holds them."""

# Time constants, by the bias whose codes show their deviations.
BIAS_OF = {
    "tau_mem": "leak_u10",
    "tau_exc": "resistor_exc_u10",
    "tau_inh": "resistor_inh_u10",
    "refractory": "refractory_u10",
}
KNOWN = (*BIAS_OF, "threshold_gap", "v_syn_exc", "v_syn_inh")
"""The quantities of ``mismatch.NeuronSpread`` that a file may tell."""


@dataclass(frozen=True)
class LabCodes:
    """The codes of a calibration file.

    Attributes:
        path: the file.
        codes: its parameter memory; the large capacitor is on, which no file says.
        unused: names of its cells that the emulator has no model for, sorted.
    """

    path: Path
    codes: Codes
    unused: tuple[str, ...]

    def known(self) -> dict[str, FloatArray]:
        """Return the deviations of the chip's neurons, (32,) by the names of ``NeuronSpread``."""
        codes, found = self.codes, {}
        for name, bias in BIAS_OF.items():
            needed = getattr(codes, bias).astype(np.float64)
            if np.ptp(needed) > 0:
                found[name] = needed / needed.mean() - 1
        if np.ptp(codes.v_thresh_u10) > 0:
            gap = (codes.v_thresh_u10 - codes.v_leak_u10).astype(np.float64)
            found["threshold_gap"] = 1 / gap / (1 / gap).mean() - 1
        for name, nominal in (("v_syn_exc", V_SYN_EXC_U10), ("v_syn_inh", V_SYN_INH_U10)):
            balanced = getattr(codes, f"{name}_u10").astype(np.float64)
            if np.ptp(balanced) > 0:
                found[name] = balanced / nominal - 1
        return found


def read_codes(path: Path) -> LabCodes:
    """Read a calibration file of a laboratory.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file; one line that names the file and what is wrong.
    """
    try:
        values = read_object(path)
        if "neuron_params" in values:
            cells = _of_each_neuron(values)
        else:
            cells = {_snake_case(name): [value] * N_NEURONS for name, value in values.items()}
        missing = [name for name in CELLS if name not in cells]
        if missing:
            raise ValueError(f"no {missing[0]}")
        memory: dict[str, Any] = {
            ours: _codes(name, cells.pop(name)) for name, ours in CELLS.items()
        }
        on = np.ones(N_NEURONS, dtype=np.bool_)
        codes = Codes(**memory, large_capacitor=on, small_capacitor=~on)
        if (codes.v_thresh_u10 <= codes.v_leak_u10).any():
            raise ValueError("v_thresh must be above v_leak in every neuron")
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not a calibration file of a laboratory: {reason}") from error
    return LabCodes(path, codes, tuple(sorted(cells)))


def _of_each_neuron(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the cells of a file with codes of their own for each neuron, by their names."""
    neurons = values["neuron_params"]
    if not isinstance(neurons, list) or len(neurons) != N_NEURONS:
        raise ValueError(f"neuron_params must be a list of {N_NEURONS} neurons")
    shared = require_object(values.get("global_params"), "global_params")
    cells: dict[str, list[Any]] = {name: [value] * N_NEURONS for name, value in shared.items()}
    for number, neuron in enumerate(neurons):
        for name in require_object(neuron, f"neuron {number}"):
            cells.setdefault(name, [None] * N_NEURONS)[number] = neuron[name]
    return cells


def _codes(name: str, values: list[Any]) -> CodeArray:
    """Return the (32,) codes of a cell, each a whole number that the memory can hold.

    A reference at 0 V is below every potential, so no input balances there.
    """
    least = int(name.startswith("v_syn"))
    for number, value in enumerate(values):
        if type(value) is not int or not least <= value <= MAX_CODE_U10:
            raise ValueError(
                f"{name} must be whole numbers in [{least}, {MAX_CODE_U10}], got {value!r} "
                f"in neuron {number}"
            )
    return np.array(values, dtype=np.int64)


def _snake_case(name: str) -> str:
    """Return a name of a default file, such as iBiasSynResEx, as calibrations write it."""
    return re.sub("([A-Z])", lambda letter: "_" + letter[0].lower(), name)
