"""Digital memory of a chip as attributes that check what is written to them."""

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike, NDArray

from spikeloop.workers.chip.lab import arguments


class DigitalMemory:
    """A part of the chip's digital memory, as an attribute of ``Chip``.

    Reading gives a view that may be written in place; assigning overwrites all cells, with one
    value or an array. Assigned values are checked at once, those of a view at the next run.

    ``array`` gives the array of a chip that holds it, and ``shape`` is that of the view; values of
    cells are in [low, high].
    """

    def __init__(
        self,
        array: Callable[[Any], NDArray[Any]],
        shape: tuple[int, ...],
        low: int,
        high: int,
    ) -> None:
        self.array, self.shape, self.low, self.high = array, shape, low, high

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, chip: Any, owner: type | None = None) -> NDArray[Any]:
        return self.array(chip).reshape(self.shape)

    def __set__(self, chip: Any, values: ArrayLike) -> None:
        checked = arguments.integers(self.name, values, self.low, self.high, self.shape)
        self.array(chip).reshape(self.shape)[:] = checked


def check_written(chip: Any) -> None:
    """Refuse values that were written to a view of a chip's memory and that it cannot hold."""
    for name, memory in vars(type(chip)).items():
        if isinstance(memory, DigitalMemory) and (
            name != "calibration_bits" or chip.sensors.exists
        ):
            arguments.integers(name, getattr(chip, name), memory.low, memory.high)
