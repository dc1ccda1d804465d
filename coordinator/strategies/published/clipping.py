"""Bounds as the published strategies keep them; all others leave bounds to the space."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray


def clip(points: FloatArray, bounded: NDArray[np.bool_]) -> FloatArray:
    """Points moved to the nearest point of the box; the coordinates of weights stay.

    Whatever lies outside ends up on the box's faces, where mass piles up: the reason why
    ``ParameterSpace.decode`` reflects instead.

    Args:
        points: (..., n_dim).
        bounded: (n_dim,) as ``ParameterSpace.bounded`` gives it.
    """
    return np.where(bounded, np.clip(points, 0.0, 1.0), points)
