"""The typed space of hyperparameters Θ: it converts points to physical values.

A strategy sees a *point*, a vector of reals without bounds. Bounded parameters read their
coordinate folded into [0, 1] by reflection, so that every coordinate means something, a search
distribution keeps its width at a bound, and no mass piles up there as it does under clipping;
0 is the lower bound, 1 the upper one. Weight arrays are unbounded and read their coordinates times
their scale. What a learner receives are ``Parameters``: physical values, by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

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

    def __post_init__(self) -> None:
        """Choose the default if there is none."""
        if self.default is MIDDLE:
            object.__setattr__(self, "default", (self.low + self.high) // 2)


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

    def __post_init__(self) -> None:
        """Choose the default if there is none."""
        object.__setattr__(self, "options", tuple(self.options))
        if self.default is MIDDLE and self.options:
            object.__setattr__(self, "default", self.options[0])


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

    @property
    def size(self) -> int:
        """Number of weights."""
        return int(np.prod(self.shape))

    @property
    def default(self) -> FloatArray:
        """(*shape) default weights."""
        return self.default_point().reshape(self.shape) * self.scale

    def default_point(self) -> FloatArray:
        """(size,) coordinates of the default weights."""
        if self.seed is None:
            return np.zeros(self.size)
        sequence = np.random.SeedSequence(self.seed, spawn_key=tuple(self.name.encode()))
        return np.random.Generator(np.random.Philox(sequence)).standard_normal(self.size)


Parameter: TypeAlias = Real | Integer | Choice | Weights


@dataclass(frozen=True)
class ParameterSpace:
    """An ordered set of parameters, one coordinate each, or one per weight of an array.

    >>> space = ParameterSpace.of({"tau": Real(1, 100, unit="ms", scale="log")})
    >>> space.decode(np.array([[0.0], [0.5], [1.0]]))["tau"].round(3)
    array([  1.,  10., 100.])
    """

    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Parameter]) -> Self:
        """Make a space of parameters by name, in the order of the dictionary.

        Raises:
            ValueError: a parameter is none, has another name already, or is wrong in itself.
        """
        for name, parameter in parameters.items():
            if not isinstance(parameter, Real | Integer | Choice | Weights):
                raise ValueError(
                    f"{name} must be a Real, an Integer, a Choice or Weights, got {parameter!r}"
                )
            if parameter.name not in ("", name):
                raise ValueError(f"{name}: the parameter has the name {parameter.name!r} already")
        return cls(tuple(replace(p, name=name) for name, p in parameters.items()))

    def __post_init__(self) -> None:
        """Check names, bounds and defaults, so that a mistake shows where it was made."""
        earlier: dict[str, Parameter] = {}
        for parameter in self.parameters:
            if parameter.name in earlier:
                raise ValueError(f"parameter names must be unique, got {parameter.name!r} twice")
            _check(parameter, earlier)
            earlier[parameter.name] = parameter

    @property
    def n_dim(self) -> int:
        """Length of a point."""
        return sum(parameter.size for parameter in self.parameters)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the coordinates; weights are numbered in C order."""
        return tuple(
            name
            for parameter in self.parameters
            for name in (
                [f"{parameter.name}_{i}" for i in range(parameter.size)]
                if isinstance(parameter, Weights)
                else [parameter.name]
            )
        )

    def slices(self) -> Iterator[tuple[Parameter, slice]]:
        """Yield each parameter with its slice of a point."""
        start = 0
        for parameter in self.parameters:
            yield parameter, slice(start, start + parameter.size)
            start += parameter.size

    def decode(self, points: FloatArray) -> "Parameters":
        """Compute the physical values of (n_candidates, n_dim) unbounded points."""
        if points.ndim != 2 or points.shape[1] != self.n_dim:
            raise ValueError(f"points must have shape (n, {self.n_dim}), got {points.shape}")
        values = np.empty(points.shape)
        decoded: dict[str, FloatArray] = {}
        for parameter, columns in self.slices():
            values[:, columns] = _decode(parameter, points[:, columns], decoded)
            decoded[parameter.name] = values[:, columns]
        return Parameters(self, values)

    def default_point(self) -> FloatArray:
        """Return the (n_dim,) point whose physical values are the defaults."""
        point = np.empty(self.n_dim)
        defaults = {p.name: p.default for p in self.parameters if isinstance(p, Real)}
        for parameter, columns in self.slices():
            if isinstance(parameter, Real):
                low = defaults[parameter.low] if isinstance(parameter.low, str) else parameter.low
                point[columns] = _unit(parameter, low)
            elif isinstance(parameter, Integer):
                point[columns] = _bin(
                    parameter.default - parameter.low, parameter.high - parameter.low + 1
                )
            elif isinstance(parameter, Choice):
                point[columns] = _bin(
                    parameter.options.index(parameter.default), len(parameter.options)
                )
            else:
                point[columns] = parameter.default_point()
        return point

    def bounded(self) -> NDArray[np.bool_]:
        """(n_dim,) whether a coordinate is folded into [0, 1]; those of weights are not."""
        bounded = np.ones(self.n_dim, dtype=np.bool_)
        for parameter, columns in self.slices():
            bounded[columns] = not isinstance(parameter, Weights)
        return bounded

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw (n, n_dim) points of the initial law: uniform within bounds, normal for weights."""
        points = np.empty((n, self.n_dim))
        for parameter, columns in self.slices():
            if isinstance(parameter, Weights):
                points[:, columns] = rng.standard_normal((n, parameter.size))
            else:
                points[:, columns] = rng.random((n, 1))
        return points


@dataclass(frozen=True)
class Parameters:
    """The physical values of candidates.

    Attributes:
        space: what the columns mean, with units.
        values: (n_candidates, n_dim) physical values; choices as the index of their option.
    """

    space: ParameterSpace
    values: FloatArray

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return len(self.values)

    def __getitem__(self, name: str) -> FloatArray:
        """Return a parameter's (n_candidates,) values, of weights (n_candidates, *shape)."""
        for parameter, columns in self.space.slices():
            if parameter.name == name:
                if isinstance(parameter, Weights):
                    return self.values[:, columns].reshape(self.n_candidates, *parameter.shape)
                return self.values[:, columns.start]
        raise KeyError(f"no parameter {name!r}; there are {', '.join(self.space.columns[:20])}")

    def rows(self, candidates: slice) -> "Parameters":
        """Return the values of some of the candidates."""
        return Parameters(self.space, self.values[candidates])


def fold(points: FloatArray, bounded: NDArray[np.bool_]) -> FloatArray:
    """Reflect bounded coordinates of points into [0, 1]; they decode to the same values.

    A strategy that averages or recombines points needs them folded: a coordinate of 1.1 and one of
    0.9 mean the same value. Points are (..., n_dim); ``bounded`` is ``ParameterSpace.bounded()``.
    """
    return np.where(bounded, _fold(points), points)


def _fold(coordinate: FloatArray) -> FloatArray:
    """Reflect the real line into [0, 1], leaving [0, 1] itself in place, to rounding."""
    folded: FloatArray = 1.0 - np.abs(1.0 - np.mod(coordinate, 2.0))
    return folded


def _decode(
    parameter: Parameter, coordinate: FloatArray, decoded: dict[str, FloatArray]
) -> FloatArray:
    if isinstance(parameter, Weights):
        return coordinate * parameter.scale
    unit = _fold(coordinate)
    value: FloatArray
    if isinstance(parameter, Real):
        low = decoded[parameter.low] if isinstance(parameter.low, str) else parameter.low
        if parameter.scale == "log":
            value = exp(log(low) + unit * log(parameter.high / low))
        else:
            value = low + unit * (parameter.high - low)
        return np.clip(value, low, parameter.high)  # rounding must not leave the bounds
    if isinstance(parameter, Integer):
        low, n_values = parameter.low, parameter.high - parameter.low + 1
    else:
        low, n_values = 0, len(parameter.options)
    value = low + np.minimum(np.floor(unit * n_values), n_values - 1)
    return value


def _unit(parameter: Real, low: float) -> float:
    """Return the coordinate in [0, 1] of a real parameter's default."""
    if parameter.high == low:
        return 0.5
    if parameter.scale == "log":
        return float(log(parameter.default / low) / log(parameter.high / low))
    return (parameter.default - low) / (parameter.high - low)


def _bin(index: int, n_values: int) -> float:
    """Return the middle of the interval of [0, 1] that stands for one of ``n_values`` values."""
    return (index + 0.5) / n_values


def _check(parameter: Parameter, earlier: dict[str, Parameter]) -> None:
    name = parameter.name
    if not name:
        raise ValueError(
            f"a parameter must have a name, by name=... or in a dictionary: {parameter}"
        )
    if isinstance(parameter, Weights):
        if not 0 < parameter.scale < np.inf:
            raise ValueError(f"{name}: scale must be > 0 and finite, got {parameter.scale}")
        if parameter.seed is not None and parameter.seed < 0:
            raise ValueError(f"{name}: seed must be >= 0, got {parameter.seed}")
        return
    if isinstance(parameter, Choice):
        if parameter.default not in parameter.options:
            raise ValueError(f"{name}: default must be an option, got {parameter.default!r}")
        return

    bound, chain = parameter, [parameter]
    while isinstance(bound.low, str):
        named = earlier.get(bound.low)
        if not isinstance(named, Real) or named.high > parameter.high:
            raise ValueError(
                f"{name}: low must name an earlier real parameter with high <= {parameter.high}, "
                f"got {bound.low!r}"
            )
        bound = named
        chain.append(named)
    low = chain[1].default if len(chain) > 1 else bound.low
    if not -np.inf < bound.low < parameter.high < np.inf:
        raise ValueError(
            f"{name}: bounds must be finite with low < high, got {bound.low} and {parameter.high}"
        )
    if not low <= parameter.default <= parameter.high:
        raise ValueError(
            f"{name}: default must be in [{low}, {parameter.high}], got {parameter.default}"
        )
    if isinstance(parameter, Real) and parameter.scale == "log" and not bound.low > 0:
        raise ValueError(f"{name}: low must be > 0 on a log scale, got {bound.low}")
