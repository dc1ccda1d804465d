"""The rule of Metropolis et al. 1953 and what chains need around it: pure functions."""

from typing import NamedTuple

import numpy as np

from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray


class Told(NamedTuple):
    """A generation in the layout of a strategy's slots.

    Attributes:
        points: (n_slots, n_dim); 0 where the slot has no row.
        fitness: (n_slots,) nan where the slot has no row or its candidate failed.
    """

    points: FloatArray
    fitness: FloatArray


def by_slot(population: Explicit, fitness: FloatArray, n_slots: int) -> Told:
    """Rows put into their slots, so that neither their order nor the loss of some matters.

    Args:
        population: rows with slots; without any, row i stands for slot i.
        fitness: (n_candidates,).
        n_slots: number of slots.
    """
    slots = population.slots if population.slots is not None else np.arange(len(fitness))
    points = np.zeros((n_slots, population.points.shape[1]))
    by_slot = np.full(n_slots, np.nan)
    points[slots] = population.points
    by_slot[slots] = np.where(np.isfinite(fitness), fitness, np.nan)
    return Told(points, by_slot)


def spread_of(fitness: FloatArray) -> float:
    """Standard deviation of the fitness that there is, exactly 0 if all of it is equal.

    Args:
        fitness: (n,) nan where there is none, at least one is not.
    """
    return float(np.nanstd(fitness)) if np.nanmax(fitness) > np.nanmin(fitness) else 0.0


def normalised(difference: FloatArray, spread: float) -> FloatArray:
    """Differences of fitness in units of a spread; where nothing is spread out, all are 0."""
    return difference / spread if spread > 0 else 0.0 * difference


def acceptance(difference: FloatArray, temperature: float | FloatArray) -> FloatArray:
    """min(1, exp(Δ / T)), the probability of a move that gains Δ; nan where Δ is.

    Args:
        difference: Δ, (n,).
        temperature: T > 0, one for all or (n,).
    """
    return np.asarray(np.exp(np.minimum(difference, 0.0) / temperature))
