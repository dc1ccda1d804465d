"""Clipping at the bounds, as the published strategies do it."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray


def clip(points: FloatArray, bounded: NDArray[np.bool_]) -> FloatArray:
    """Move points to the nearest point of the box; the coordinates of weights stay.

    Points from outside accumulate on the faces of the box, which is why ``ParameterSpace.decode``
    reflects instead.

    Args:
        points: (..., n_dim).
        bounded: (n_dim,) as ``ParameterSpace.bounded`` gives it.
    """
    return np.where(bounded, np.clip(points, 0.0, 1.0), points)
