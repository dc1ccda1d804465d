"""Checks of what a user gives to a chip; each refusal is one line that begins with the name."""

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.workers.chip.capmem import BIASES, CAPACITORS, VOLTAGES, Codes
from spikeloop.workers.chip.correlation import Correlation
from spikeloop.workers.chip.lab.playback import EVENT, Events, sorted_events
from spikeloop.workers.chip.limits import MAX_CODE_U10, MAX_LABEL_U6, N_NEURONS, N_ROWS

CODES = (*VOLTAGES, *BIASES, *CAPACITORS)


def require_integer(name: str, value: int, low: int, high: int | None = None) -> None:
    """Raise TypeError or ValueError unless a value is an integer in [low, high]."""
    bound = f"at least {low}" if high is None else f"in [{low}, {high}]"
    try:
        given = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer {bound}, got {value!r}") from None
    if given < low or (high is not None and given > high):
        raise ValueError(f"{name} must be {bound}, got {given}")


def require_number(
    name: str, value: object, low: float, high: float, *, above: bool = False
) -> None:
    """Raise unless a value is a number in [low, high], or in (low, high] where ``above`` is set."""
    given = _number(name, value)
    if not low <= given <= high or (above and given == low):
        raise ValueError(f"{name} must be in {'(' if above else '['}{low}, {high}], got {given:g}")


def require_mismatch(mismatch: object) -> None:
    """Raise unless a value names a state of mismatch."""
    if mismatch not in ("off", "uncalibrated", "calibrated"):
        raise ValueError(
            f"mismatch must be 'off', 'uncalibrated' or 'calibrated', got {mismatch!r}"
        )


def correlation(sensors: object) -> Correlation | None:
    """Return the settings of the sensors that a chip shall have, or None for none."""
    if isinstance(sensors, bool):
        return Correlation() if sensors else None
    if not isinstance(sensors, Correlation):
        raise TypeError(f"sensors must be True, False or a Correlation, got {sensors!r}")
    return sensors


def step_count(name: str, time_s: object, step_s: float) -> int:
    """Round a time to the grid of steps; it must be at least one step."""
    given = _number(name, time_s)
    if not (math.isfinite(given) and round(given / step_s) >= 1):
        raise ValueError(f"{name} must be at least one step of {step_s:g} s, got {given:g}")
    return round(given / step_s)


def integers(
    name: str, values: ArrayLike, low: int, high: int, shape: tuple[int, ...] | None = None
) -> NDArray[np.int64]:
    """Return integers in [low, high], broadcast to a shape if one is given."""
    wanted = f"{name} must be integers in [{low}, {high}]"
    given = _array(wanted, values, "iu")
    outside = (given < low) | (given > high)
    if outside.any():
        place = np.argwhere(outside)[0].tolist()
        at = f" at {place}" if place else ""
        raise ValueError(f"{wanted}, got {given[tuple(place)]}{at}")
    checked = given.astype(np.int64)
    return checked if shape is None else broadcast(name, checked, shape)


def neurons(name: str, values: int | Iterable[int] | None) -> NDArray[np.int64]:
    """Return (n,) numbers of neurons; None stands for all of them."""
    chosen = range(N_NEURONS) if values is None else values
    listed = list(chosen) if isinstance(chosen, Iterable) else [chosen]
    given = integers(name, listed, 0, N_NEURONS - 1)
    if given.ndim > 1:
        raise ValueError(f"{name} must be one number or a list of them, got shape {given.shape}")
    return given


def traced(membrane: int | Iterable[int] | Literal["all"]) -> NDArray[np.int64]:
    """Return (n,) numbers of the neurons whose membranes to record."""
    if isinstance(membrane, str) and membrane == "all":
        return neurons("membrane", None)
    return neurons("membrane", membrane)


def broadcast(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Broadcast values to a shape as NumPy does."""
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise ValueError(
            f"{name} must be one number or have shape {shape}, got shape {values.shape}"
        ) from None


def read_only_copy(codes: object) -> Codes:
    """Copy codes into read-only arrays, so that they change by assignment only."""
    if not isinstance(codes, Codes):
        raise TypeError(
            f"codes must be Codes, as neuron_codes(Circuit(), 0) gives, got {type(codes).__name__}"
        )
    copies = {name: getattr(codes, name).copy() for name in CODES}
    for copy in copies.values():
        copy.setflags(write=False)
    return Codes(**copies)


def with_codes(codes: Codes, chosen: NDArray[np.int64], new: Mapping[str, ArrayLike]) -> Codes:
    """Return codes with new values, by their names, in the (n,) chosen neurons.

    A value is one for all of them, or one each.
    """
    memory: dict[str, Any] = {}
    for name, values in new.items():
        if name not in CODES:
            raise ValueError(f"a code must be one of {', '.join(CODES)}, got {name}")
        if name == "v_reset_u10" and chosen.size < N_NEURONS:
            raise ValueError("v_reset_u10 is one cell for all neurons, so name none of them")
        memory[name] = getattr(codes, name).copy()
        memory[name][chosen] = (
            broadcast(name, _array(f"{name} must be True or False", values, "b"), chosen.shape)
            if name in CAPACITORS
            else integers(name, values, 0, MAX_CODE_U10, chosen.shape)
        )
    return replace(codes, **memory)


def events(
    times_s: ArrayLike, rows: ArrayLike, labels: ArrayLike, step_s: float, clock: int
) -> Events:
    """Return the spikes to send, from the arguments of ``Chip.send``; none before the clock."""
    times = _array("times_s must be numbers, in seconds", times_s, "iuf").astype(np.float64)
    if not np.isfinite(times).all():
        raise ValueError("times_s must be finite")
    given = (
        np.atleast_1d(times),
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
    found = np.zeros(times.size, dtype=EVENT)
    found["step"] = np.rint(times.ravel() / step_s)
    found["row"], found["label_u6"] = row.ravel(), label.ravel()
    if found.size and found["step"].min() < clock:
        raise ValueError(
            f"times_s must not lie before the chip's clock, {clock * step_s:g} s, got "
            f"{times.min():g} s"
        )
    return sorted_events(found)


def _number(name: str, value: object) -> float:
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def _array(wanted: str, values: ArrayLike, kinds: str) -> NDArray[Any]:
    """Return an array whose dtype is of one of NumPy's kinds, or an empty one of any."""
    try:
        given = np.asarray(values)
    except ValueError:
        raise ValueError(f"{wanted}, got lists of unequal lengths") from None
    if given.size and given.dtype.kind not in kinds:
        found = "text" if given.dtype.kind in "US" else given.dtype
        raise ValueError(f"{wanted}, got {found}")
    return given
