"""A laboratory's calibration file as a setting of the agent: read once, then kept as numbers.

The configuration names a file; the settings hold what it says of the chip, and not where it was.
So the record of a run holds it too, and neither workers elsewhere nor a later look at the run need
the file.
"""

import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from spikeloop.workers.chip.calibration.published import read_codes
from spikeloop.workers.chip.mismatch import KnownDeviations, require_known

Deviations = dict[str, list[float]]


def _from_file(value: Any, info: ValidationInfo) -> Any:
    """Read the file that a configuration names; leave what a record holds as it is.

    A relative path begins at the folder of the configuration (``context`` of the validation), or
    else at the current one. A configuration without a folder, a record, names no file.
    """
    if not isinstance(value, str):
        return value
    folder = (info.context or {}).get("folder", Path())
    if folder is None:
        raise ValueError(f"must be the numbers of a file in the record of a run, got {value!r}")
    try:
        lab = read_codes(folder / os.path.expanduser(value))
    except OSError as error:
        raise ValueError(f"{value}: cannot be read, {error.strerror}") from error
    known = lab.known()
    if not known:
        raise ValueError(f"{value}: has equal codes in all neurons, so it is of no one chip")
    return {name: known[name].tolist() for name in known}


def _checked(deviations: Deviations | None) -> Deviations | None:
    if deviations is not None:
        require_known(deviations)
    return deviations


CalibrationFile = Annotated[
    Deviations | None, BeforeValidator(_from_file), AfterValidator(_checked)
]
"""The path of a file in a configuration, and what it said in the settings and in a record.

That is deviations of the 32 neurons by the names of ``mismatch.NeuronSpread``.
"""


def known_deviations(found: Mapping[str, list[float]] | None) -> KnownDeviations | None:
    """Return what a file said as arrays, (32,) each; None without a file."""
    return None if found is None else {name: np.array(values) for name, values in found.items()}
