"""Populations: objects that can produce any of their rows, on the coordinator and on a worker."""

from dataclasses import dataclass

from spikeloop.tasks.base import FloatArray


@dataclass(frozen=True)
class Explicit:
    """A population that carries its points.

    Attributes:
        points: (n_candidates, n_dim).
    """

    points: FloatArray

    @property
    def n_candidates(self) -> int:
        """Number of rows."""
        return self.points.shape[0]

    @property
    def nbytes(self) -> int:
        """Size on the wire."""
        return self.points.nbytes

    def rows(self, start: int, stop: int) -> FloatArray:
        """(stop - start, n_dim) points of these candidates."""
        return self.points[start:stop]
