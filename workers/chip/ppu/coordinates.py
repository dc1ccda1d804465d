"""Coordinates of a search on the processor, and the points of a space that they stand for.

A bounded parameter's coordinate x in [0, 65535] is the point (x + 1/2) / 65536, so that no constant
of a program is halfway between two integers. A weight is (x − 32768) / 8192 in [−4, 4], in Q12 as
programs keep it, rounded half up.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.parameter_types import Real, Weights
from spikeloop.workers.space import ParameterSpace, fold

HALF = 1 << 15
PER_UNIT = 1 << 16
WEIGHT_SHIFT = 1
ONE_Q12 = 1 << 12


def points_of(x: IntArray, bounded: NDArray[np.bool_]) -> FloatArray:
    """Return the points, (..., n_dim), of coordinates.

    Args:
        x: (..., n_dim) in [0, 65535].
        bounded: (n_dim,) as ``ParameterSpace.bounded`` gives it.
    """
    weights = ((x - HALF + 1) >> WEIGHT_SHIFT) / ONE_Q12
    return np.where(bounded, (x + 0.5) / PER_UNIT, weights)


def coordinates_of(points: FloatArray, bounded: NDArray[np.bool_]) -> IntArray:
    """Return the coordinates, (..., n_dim), nearest to points."""
    unit = np.floor(fold(points, bounded) * PER_UNIT)
    weights = np.rint(points * (ONE_Q12 << WEIGHT_SHIFT)) + HALF
    found: IntArray = np.clip(np.where(bounded, unit, weights), 0, PER_UNIT - 1).astype(np.int64)
    return found


def unwritable(space: ParameterSpace) -> str:
    """Say which parameter's constant the processor could not compute from a coordinate; or "".

    It has no logarithm, and keeps weights in Q12.
    """
    for parameter in space.parameters:
        linear = isinstance(parameter, Real) and parameter.scale == "linear"
        if not (linear or (isinstance(parameter, Weights) and parameter.scale == 1.0)):
            return parameter.name
    return ""
