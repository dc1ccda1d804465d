"""A laboratory's calibration file as a setting of the agent: read once, then kept as numbers.

The configuration names a file; the settings hold what it says of the chip. So the record of a run
holds it too, and neither workers elsewhere nor a later look at the run need the file.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.calibration.published import KNOWN, read_codes
from spikeloop.workers.chip.limits import N_NEURONS


class MeasuredChip(Settings):
    """What a calibration file says of a chip."""

    file: str = Field(description="where the file was")
    deviations: dict[str, list[float]] = Field(
        description="of the 32 neurons, relative, by quantity"
    )

    @model_validator(mode="after")
    def _of_all_neurons(self) -> "MeasuredChip":
        for name, values in self.deviations.items():
            if name not in KNOWN:
                raise ValueError(f"deviations must be of {', '.join(KNOWN)}, got {name}")
            if len(values) != N_NEURONS or min(values) <= -1:
                raise ValueError(f"deviations of {name} must be {N_NEURONS} numbers above -1")
        return self

    def known(self) -> dict[str, FloatArray]:
        """Return the deviations, (32,) by the names of ``mismatch.NeuronSpread``."""
        return {name: np.array(values) for name, values in self.deviations.items()}


def _from_file(value: Any) -> Any:
    """Read the file that a configuration names; leave what a record holds as it is."""
    if not isinstance(value, str):
        return value
    try:
        lab = read_codes(Path(value).expanduser())
    except OSError as error:
        raise ValueError(f"{value}: cannot be read, {error.strerror}") from error
    known = lab.known()
    if not known:
        raise ValueError(f"{value}: has equal codes in all neurons, so it is of no one chip")
    return {"file": value, "deviations": {name: known[name].tolist() for name in known}}


CalibrationFile = Annotated[MeasuredChip | None, BeforeValidator(_from_file)]
"""The path of a file in a configuration, and what it said in a record of it."""
