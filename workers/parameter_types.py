"""The types of hyperparameters: numbers, whole numbers, choices, and arrays of weights.

Each converts its coordinates of a point to physical values. Bounded ones read a coordinate that is
folded into [0, 1] by reflection; 0 is the lower bound, 1 the upper one. Weights are unbounded and
read their coordinates times their scale.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, Literal, TypeAlias

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import exp, log

MIDDLE: Any = None
"""Stands for a default that the parameter itself chooses, as each class says."""


@dataclass(frozen=True)
class Real:
    """A real number between two bounds, searched on a linear or a logarithmic scale.

    ``low`` may be the name of an earlier real parameter, whose value then is the lower bound.
    Without a default it is the middle of the range on its scale: arithmetic or geometric.
    """

    low: float | str
    high: float
    default: float = MIDDLE
    unit: str = "1"
    scale: Literal["linear", "log"] = "linear"
    description: str = ""
    name: str = field(default="", kw_only=True)

    size = 1
    bounded = True

    def __post_init__(self) -> None:
        """Choose the default if there is none."""
        if self.default is not MIDDLE:
            return
        if isinstance(self.low, str):
            raise ValueError(f"default is missing, which low = {self.low!r}, a name, does not give")
        if self.scale == "log" and 0 < self.low <= self.high:
            middle = sqrt(self.low) * sqrt(self.high)
        else:
            middle = (self.low + self.high) / 2
        object.__setattr__(self, "default", middle)

    def check(self, earlier: Mapping[str, "Parameter"]) -> None:
        """Raise ValueError for wrong bounds; ``earlier`` are those before it in the space."""
        bound, lowest_default = self, self.low
        while isinstance(bound.low, str):
            named = earlier.get(bound.low)
            if not isinstance(named, Real) or named.high > self.high:
                raise ValueError(
                    f"{self.name}: low must name an earlier real parameter with high <= "
                    f"{self.high}, got {bound.low!r}"
                )
            if bound is self:
                lowest_default = named.default
            bound = named
        _check_bounds(self, bound.low, lowest_default)
        if self.scale == "log" and not bound.low > 0:
            raise ValueError(f"{self.name}: low must be > 0 on a log scale, got {bound.low}")

    def decode(self, coordinate: FloatArray, earlier: Mapping[str, FloatArray]) -> FloatArray:
        """Compute (n, 1) values of coordinates, beside the values of earlier parameters."""
        unit = reflect(coordinate)
        low = earlier[self.low] if isinstance(self.low, str) else self.low
        value: FloatArray
        if self.scale == "log":
            value = exp(log(low) + unit * log(self.high / low))
        else:
            value = low + unit * (self.high - low)
        return np.clip(value, low, self.high)  # rounding must not leave the bounds

    def default_point(self, earlier: Mapping[str, "Parameter"]) -> float:
        """Return the coordinate in [0, 1] of the default."""
        low: Any = earlier[self.low].default if isinstance(self.low, str) else self.low
        if self.high == low:
            return 0.5
        if self.scale == "log":
            return float(log(self.default / low) / log(self.high / low))
        return float((self.default - low) / (self.high - low))


@dataclass(frozen=True)
class Integer:
    """A whole number between two bounds, both included, each value equally wide.

    Also the type of quantised physical values, such as a chip's 6-bit weights. Without a default it
    is the middle of the range, rounded down.
    """

    low: int
    high: int
    default: int = MIDDLE
    unit: str = "1"
    description: str = ""
    name: str = field(default="", kw_only=True)

    size = 1
    bounded = True

    def __post_init__(self) -> None:
        """Choose the default if there is none."""
        if self.default is MIDDLE:
            object.__setattr__(self, "default", (self.low + self.high) // 2)

    def check(self, earlier: Mapping[str, "Parameter"]) -> None:
        """Raise ValueError for wrong bounds."""
        _check_bounds(self, self.low, self.low)

    def decode(self, coordinate: FloatArray, earlier: Mapping[str, FloatArray]) -> FloatArray:
        """Compute (n, 1) values of coordinates."""
        return self.low + _part(coordinate, self.high - self.low + 1)

    def default_point(self, earlier: Mapping[str, "Parameter"]) -> float:
        """Return the coordinate in [0, 1] of the default."""
        return _middle_of_part(self.default - self.low, self.high - self.low + 1)


@dataclass(frozen=True)
class Choice:
    """One of several named options, equally wide; its physical value is the option's index.

    Without a default it is the first option.
    """

    options: tuple[str, ...]
    default: str = MIDDLE
    unit: str = "1"
    description: str = ""
    name: str = field(default="", kw_only=True)

    size = 1
    bounded = True

    def __post_init__(self) -> None:
        """Choose the default if there is none."""
        object.__setattr__(self, "options", tuple(self.options))
        if self.default is MIDDLE and self.options:
            object.__setattr__(self, "default", self.options[0])

    def check(self, earlier: Mapping[str, "Parameter"]) -> None:
        """Raise ValueError if the default is no option."""
        if self.default not in self.options:
            raise ValueError(f"{self.name}: default must be an option, got {self.default!r}")

    def decode(self, coordinate: FloatArray, earlier: Mapping[str, FloatArray]) -> FloatArray:
        """Compute (n, 1) indices of options."""
        return _part(coordinate, len(self.options))

    def default_point(self, earlier: Mapping[str, "Parameter"]) -> float:
        """Return the coordinate in [0, 1] of the default."""
        return _middle_of_part(self.options.index(self.default), len(self.options))


@dataclass(frozen=True)
class Weights:
    """A whole array of unbounded weights; the initial law is normal with deviation ``scale``.

    By default all weights are zero, which is no deviation where they are deviations from something.
    A network whose weights are learned from nothing cannot begin at zero, where nothing tells its
    neurons apart: with a ``seed`` the default is one draw of the initial law, a function of seed,
    name and size.
    """

    shape: tuple[int, ...]
    scale: float
    unit: str = "1"
    description: str = ""
    seed: int | None = None
    name: str = field(default="", kw_only=True)

    bounded = False

    @property
    def size(self) -> int:
        """Number of weights."""
        return int(np.prod(self.shape))

    @property
    def default(self) -> FloatArray:
        """(*shape) default weights."""
        return self.default_point({}).reshape(self.shape) * self.scale

    def check(self, earlier: Mapping[str, "Parameter"]) -> None:
        """Raise ValueError for a wrong scale or seed."""
        if not 0 < self.scale < np.inf:
            raise ValueError(f"{self.name}: scale must be > 0 and finite, got {self.scale}")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"{self.name}: seed must be >= 0, got {self.seed}")

    def decode(self, coordinate: FloatArray, earlier: Mapping[str, FloatArray]) -> FloatArray:
        """Compute (n, size) weights of coordinates."""
        return coordinate * self.scale

    def default_point(self, earlier: Mapping[str, "Parameter"]) -> FloatArray:
        """Return the (size,) coordinates of the default weights."""
        if self.seed is None:
            return np.zeros(self.size)
        sequence = np.random.SeedSequence(self.seed, spawn_key=tuple(self.name.encode()))
        return np.random.Generator(np.random.Philox(sequence)).standard_normal(self.size)


Parameter: TypeAlias = Real | Integer | Choice | Weights


def reflect(coordinate: FloatArray) -> FloatArray:
    """Reflect the real line into [0, 1], leaving [0, 1] itself in place, to rounding."""
    folded: FloatArray = 1.0 - np.abs(1.0 - np.mod(coordinate, 2.0))
    return folded


def _part(coordinate: FloatArray, n_parts: int) -> FloatArray:
    """Return in which of so many equal parts of [0, 1] a folded coordinate lies, from 0."""
    part: FloatArray = np.minimum(np.floor(reflect(coordinate) * n_parts), n_parts - 1)
    return part


def _middle_of_part(index: int, n_parts: int) -> float:
    """Return the middle of one of so many equal parts of [0, 1]."""
    return (index + 0.5) / n_parts


def _check_bounds(parameter: Real | Integer, low: float, lowest_default: Any) -> None:
    name, high, default = parameter.name, parameter.high, parameter.default
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"{name}: bounds must be finite with low < high, got {low} and {high}")
    if not lowest_default <= default <= high:
        raise ValueError(f"{name}: default must be in [{lowest_default}, {high}], got {default}")
