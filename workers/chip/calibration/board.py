"""Board files of laboratories: the 12-bit voltages outside the chip, and the sensors that they set.

Fifteen channels of two converters on the base board supply the chip (haldls, include/haldls/v2/
board.h and dac.h). The repository Neuromorphic_Hardware_learns_to_learn keeps their codes as JSON
files, hardware/mdp/dac_07_chip_20.json and hardware/mab/calibrations/dac_default.json among them,
which are read from where the user has them:

    {"syn_vramp": 1175, "syn_vstore": 1200, "syn_vreset": 3700, "cadc_ramp_slope": 1350, …}

Two of them are modelled, those of the correlation sensors. ``syn_vramp`` sets the time constant and
``syn_vstore`` the amplitude; at the full code 4095 the time constant is shortest and the amplitude
zero (haldls). In between no curve is known. Ours is straight, through 5 µs and 0.5 LSB, calix'
targets, at the codes 819 and 1024 of the published default file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from spikeloop.workers.chip.calibration.json_file import read_object
from spikeloop.workers.chip.correlation import Correlation

MAX_CODE_U12 = 4095
V_RAMP_U12, V_STORE_U12 = 819, 1024


@dataclass(frozen=True)
class Board:
    """The codes of a board by the names of its file, each in [0, 4095]."""

    codes_u12: Mapping[str, int]

    def correlation(self) -> Correlation:
        """Return the settings of the correlation sensors that this board gives to a chip.

        Raises:
            ValueError: the codes leave the range of the sensors.
        """
        nominal = Correlation()

        def part(name: str, at: int) -> float:
            return (MAX_CODE_U12 - self.codes_u12[name]) / (MAX_CODE_U12 - at)

        try:
            return Correlation(
                tau_s=nominal.tau_s * part("syn_vramp", V_RAMP_U12),
                amplitude_lsb=nominal.amplitude_lsb * part("syn_vstore", V_STORE_U12),
            )
        except ValidationError as error:
            found = error.errors()[0]
            raise ValueError(
                f"syn_vramp {self.codes_u12['syn_vramp']} and syn_vstore "
                f"{self.codes_u12['syn_vstore']} leave the sensors' range: "
                f"{found['loc'][0]} {found['input']:g}"
            ) from None


def read_board(path: Path) -> Board:
    """Read the file of a board.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file; one line that names the file and what is wrong.
    """
    try:
        values = read_object(path)
        for name in ("syn_vramp", "syn_vstore"):
            if name not in values:
                raise ValueError(f"no {name}")
        for name, code in values.items():
            if type(code) is not int or not 0 <= code <= MAX_CODE_U12:
                raise ValueError(f"{name} must be in [0, {MAX_CODE_U12}], got {code!r}")
        board = Board(values)
        board.correlation()
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not the file of a board: {reason}") from error
    return board
