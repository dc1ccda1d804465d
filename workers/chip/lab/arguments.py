"""What a user gives to a chip: as the chip takes it, or refused by one line with its name."""

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import BIASES, VOLTAGES, Codes
from spikeloop.workers.chip.lab.playback import Events, in_order
from spikeloop.workers.chip.limits import MAX_CODE_U10, MAX_LABEL_U6, N_NEURONS, N_ROWS

CODES = (*VOLTAGES, *BIASES, "large_capacitor")


def whole(name: str, value: int, low: int, high: int | None = None) -> None:
    """Refuses what is no integer in [low, high], with TypeError or ValueError."""
    bound = f"at least {low}" if high is None else f"in [{low}, {high}]"
    try:
        given = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer {bound}, got {value!r}") from None
    if given < low or (high is not None and given > high):
        raise ValueError(f"{name} must be {bound}, got {given}")


def real(name: str, value: object, low: float, high: float, *, above: bool = False) -> None:
    """Refuses what is no number in [low, high], or (low, high] if it must be above ``low``."""
    given = _number(name, value)
    if not low <= given <= high or (above and given == low):
        raise ValueError(f"{name} must be in {'(' if above else '['}{low}, {high}], got {given:g}")


def steps(name: str, time_s: object, step_s: float) -> int:
    """A time on the grid, at least one step."""
    given = _number(name, time_s)
    if not (math.isfinite(given) and round(given / step_s) >= 1):
        raise ValueError(f"{name} must be at least one step of {step_s:g} s, got {given:g}")
    return round(given / step_s)


def integers(
    name: str, values: ArrayLike, low: int, high: int, shape: tuple[int, ...] | None = None
) -> NDArray[np.int64]:
    """Whole numbers in [low, high]; of any shape, or repeated to the one that is given."""
    wanted = f"{name} must be integers in [{low}, {high}]"
    given = _array(wanted, values, "iu")
    outside = (given < low) | (given > high)
    if outside.any():
        place = np.argwhere(outside)[0].tolist()
        at = f" at {place}" if place else ""
        raise ValueError(f"{wanted}, got {given[tuple(place)]}{at}")
    whole_numbers = given.astype(np.int64)
    return whole_numbers if shape is None else stretched(name, whole_numbers, shape)


def booleans(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """Truth values, of any shape."""
    return _array(f"{name} must be True or False", values, "b")


def seconds(name: str, values: ArrayLike) -> FloatArray:
    """Finite times, of any shape with at least one axis."""
    given = _array(f"{name} must be numbers, in seconds", values, "iuf").astype(np.float64)
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite")
    return np.atleast_1d(given)


def neurons(name: str, values: int | Iterable[int]) -> NDArray[np.int64]:
    """(n,) numbers of neurons."""
    given = integers(
        name, list(values) if isinstance(values, Iterable) else [values], 0, N_NEURONS - 1
    )
    if given.ndim > 1:
        raise ValueError(f"{name} must be one number or a list of them, got shape {given.shape}")
    return given


def stretched(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Values repeated along missing axes, as NumPy does."""
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise ValueError(
            f"{name} must be one number or have shape {shape}, got shape {values.shape}"
        ) from None


def write(name: str, view: NDArray[Any], values: ArrayLike, low: int, high: int) -> None:
    """Overwrites memory whose cells hold integers in [low, high]."""
    view[:] = integers(name, values, low, high, view.shape)


def own_codes(codes: object) -> Codes:
    """The same codes in arrays that nobody can change behind the chip's back."""
    if not isinstance(codes, Codes):
        raise TypeError(
            f"codes must be Codes, as neuron_codes(Circuit(), 0) gives, got {type(codes).__name__}"
        )
    copies = {name: getattr(codes, name).copy() for name in CODES}
    for copy in copies.values():
        copy.setflags(write=False)
    return Codes(**copies)


def rewritten(codes: Codes, chosen: NDArray[np.int64], new: Mapping[str, ArrayLike]) -> Codes:
    """Codes with other values in some neurons.

    Args:
        codes: those to begin with.
        chosen: (n,) neurons.
        new: by the names of ``Codes``; one value for all that are chosen, or one each.
    """
    memory: dict[str, Any] = {}
    for name, values in new.items():
        if name not in CODES:
            raise ValueError(f"a code must be one of {', '.join(CODES)}, got {name}")
        if name == "v_reset_u10" and chosen.size < N_NEURONS:
            raise ValueError("v_reset_u10 is one cell for all neurons, so name none of them")
        memory[name] = getattr(codes, name).copy()
        memory[name][chosen] = (
            stretched(name, booleans(name, values), chosen.shape)
            if name == "large_capacitor"
            else integers(name, values, 0, MAX_CODE_U10, chosen.shape)
        )
    return replace(codes, **memory)


def events(times_s: ArrayLike, rows: ArrayLike, labels: ArrayLike, step_s: float) -> Events:
    """Spikes to send, from what ``Chip.send`` takes."""
    given = (
        seconds("times_s", times_s),
        integers("rows", rows, 0, N_ROWS - 1),
        integers("labels", labels, 0, MAX_LABEL_U6),
    )
    try:
        times, row, label = np.broadcast_arrays(*given)
    except ValueError:
        shapes = ", ".join(str(values.shape) for values in given)
        raise ValueError(
            f"times_s, rows and labels must be equally many, or one for all; got shapes {shapes}"
        ) from None
    step = np.rint(times.ravel() / step_s).astype(np.int64)
    return in_order(step, row.ravel(), label.ravel())


def _number(name: str, value: object) -> float:
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def _array(wanted: str, values: ArrayLike, kinds: str) -> NDArray[Any]:
    """An array whose type is of one of NumPy's kinds; an empty one may be of any."""
    try:
        given = np.asarray(values)
    except ValueError:
        raise ValueError(f"{wanted}, got lists of unequal lengths") from None
    if given.size and given.dtype.kind not in kinds:
        found = "text" if given.dtype.kind in "US" else given.dtype
        raise ValueError(f"{wanted}, got {found}")
    return given
