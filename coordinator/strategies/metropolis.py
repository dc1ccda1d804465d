"""The acceptance rule of Metropolis et al. 1953, and functions that chains share."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray


def by_slot(
    population: Explicit, fitness: FloatArray, n_slots: int
) -> tuple[FloatArray, FloatArray]:
    """Put rows into their slots, so that neither their order nor the loss of some matters.

    Args:
        population: rows with slots; without any, row i stands for slot i.
        fitness: (n_candidates,).
        n_slots: number of slots.

    Returns:
        (n_slots, n_dim) points, 0 where the slot has no row, and (n_slots,) fitness, nan where the
        slot has no row or its candidate failed.
    """
    slots = population.slots if population.slots is not None else np.arange(len(fitness))
    points = np.zeros((n_slots, population.points.shape[1]))
    by_slot = np.full(n_slots, np.nan)
    points[slots] = population.points
    by_slot[slots] = np.where(np.isfinite(fitness), fitness, np.nan)
    return points, by_slot


def spread_of(fitness: FloatArray) -> float:
    """Compute the standard deviation of fitness, exactly 0 if all of it is equal.

    Args:
        fitness: (n,) nan where there is none; at least one is not.
    """
    return float(np.nanstd(fitness)) if np.nanmax(fitness) > np.nanmin(fitness) else 0.0


def normalised(difference: FloatArray, spread: float) -> FloatArray:
    """Divide differences of fitness by a spread; all are 0 if that is 0."""
    return difference / spread if spread > 0 else 0.0 * difference


def acceptance(difference: FloatArray, temperature: float | FloatArray) -> FloatArray:
    """Compute min(1, exp(Δ / T)), the probability of a move that gains Δ; nan where Δ is.

    Args:
        difference: Δ, (n,).
        temperature: T > 0, one for all or (n,).
    """
    return np.asarray(np.exp(np.minimum(difference, 0.0) / temperature))


def accepted_moves(
    old: FloatArray, new: FloatArray, chance: FloatArray, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw which chains move to their proposals, (n,).

    A chain whose proposal failed stays. One whose incumbent failed moves to a proposal that did not
    fail; otherwise a point that always fails could keep its chain.

    Args:
        old: (n,) fitness of the incumbents, nan where there is none.
        new: (n,) fitness of the proposals, nan for those that failed.
        chance: (n,) from ``acceptance``.
        rng: one uniform number is drawn for each chain.
    """
    moves: NDArray[np.bool_] = rng.random(old.size) < np.where(
        np.isnan(new), 0.0, np.where(np.isnan(old), 1.0, chance)
    )
    return moves
