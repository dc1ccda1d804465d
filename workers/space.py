"""The typed space of hyperparameters Θ: it converts points to physical values.

A strategy sees a *point*, a vector of reals without bounds. Bounded parameters read their
coordinate folded into [0, 1] by reflection, so that every coordinate means something, a search
distribution keeps its width at a bound, and no mass piles up there as it does under clipping;
0 is the lower bound, 1 the upper one. Weight arrays are unbounded and read their coordinates times
their scale. What a learner receives are ``Parameters``: physical values, by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import (
    Choice,
    Integer,
    Parameter,
    Real,
    Weights,
    reflect,
)


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
            if not parameter.name:
                raise ValueError(
                    f"a parameter must have a name, by name=... or in a dictionary: {parameter}"
                )
            parameter.check(earlier)
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
            values[:, columns] = parameter.decode(points[:, columns], decoded)
            decoded[parameter.name] = values[:, columns]
        return Parameters(self, values)

    def default_point(self) -> FloatArray:
        """Return the (n_dim,) point whose physical values are the defaults."""
        point = np.empty(self.n_dim)
        named = {parameter.name: parameter for parameter in self.parameters}
        for parameter, columns in self.slices():
            point[columns] = parameter.default_point(named)
        return point

    def bounded(self) -> NDArray[np.bool_]:
        """(n_dim,) whether a coordinate is folded into [0, 1]; those of weights are not."""
        bounded = np.ones(self.n_dim, dtype=np.bool_)
        for parameter, columns in self.slices():
            bounded[columns] = parameter.bounded
        return bounded

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw (n, n_dim) points of the initial law: uniform within bounds, normal for weights."""
        points = np.empty((n, self.n_dim))
        for parameter, columns in self.slices():
            shape = n, parameter.size
            law = rng.random if parameter.bounded else rng.standard_normal
            points[:, columns] = law(shape)
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
    return np.where(bounded, reflect(points), points)
