"""Distil a rule: fit formulas of ever more terms to visited states, and test them on others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.rule.chip_rules import ChipRule
from spikeloop.coordinator.interpretation.rule.sparse_regression import (
    Fit,
    Products,
    choose,
    explained_share,
    path,
    products_of,
    resampled_coefficients,
    selection_shares,
)
from spikeloop.coordinator.interpretation.rule.states import States
from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, draw_counts, percentiles
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.plasticity import PosteriorMean

ENOUGH = 0.95
"""R² on states of other episodes from which on a formula counts as enough: the short formula."""
N_SELECTIONS = 100
"""Resamples in which the choice of terms is repeated."""
N_OFF_POLICY = 2000
"""States drawn uniformly, whether visited or not."""


@dataclass(frozen=True)
class Formulas:
    """Formulas of ever more terms.

    Attributes:
        fits: one for each number of terms on the path, ascending.
        on_policy: R² of each on states that the rule visits in other episodes.
        off_policy: R² of each on uniform states; empty for a rule whose changes do not follow from
            values.
        short: place of the first with ``ENOUGH`` on policy, or of the last.
        by_bic: place of the one that BIC chooses.
        low, high: (n,) 95 % bounds of the coefficients of the short formula, bootstrap over
            episodes.
        selected: (n,) share of resampled episodes in which path and BIC choose each column.
        n_episodes: that they were fitted to.
    """

    fits: Sequence[Fit]
    on_policy: Sequence[float]
    off_policy: Sequence[float]
    short: int
    by_bic: int
    low: FloatArray
    high: FloatArray
    selected: FloatArray
    n_episodes: int


def distil(
    fitted: States, others: States, uniform: Products | None, rng: np.random.Generator
) -> Formulas:
    """Fit formulas to some episodes and test them on others and on uniform states."""
    episodes = products_of(fitted.design(), fitted.change)
    whole, n = episodes.summed(), fitted.n_episodes
    held_out = products_of(others.design(), others.change).summed()
    fits = path(whole)
    on_policy = [explained_share(fit, held_out) for fit in fits]
    short = next((i for i, share in enumerate(on_policy) if share >= ENOUGH), len(fits) - 1)
    by_bic = choose(fits, whole, n)
    counts = draw_counts(n, N_RESAMPLES, rng)
    low, high = percentiles(
        resampled_coefficients(episodes, fits[short].support, counts), whole.cross.shape
    )
    return Formulas(
        fits,
        on_policy,
        [] if uniform is None else [explained_share(fit, uniform) for fit in fits],
        short,
        by_bic,
        low,
        high,
        selection_shares(episodes, counts[:N_SELECTIONS]),
        n,
    )


def uniform_states(rule: ChipRule, rng: np.random.Generator) -> Products | None:
    """Ask a rule for its changes in states drawn uniformly; None for posterior means.

    The values of these follow from counts, so that a state is more than values and time.
    """
    if isinstance(rule.learner.program, PosteriorMean):
        return None
    own, others, time = rng.random((3, N_OFF_POLICY))
    reward = rng.integers(2, size=N_OFF_POLICY).astype(np.float64)
    change = rule.changes(own, others, time, reward)
    chosen = np.repeat([[1.0], [0.0]], N_OFF_POLICY, axis=1)

    def both(numbers: FloatArray) -> FloatArray:
        return np.broadcast_to(numbers, chosen.shape)

    states = States(both(own), both(others), both(time), both(reward), chosen, change)
    return products_of(states.design(), states.change).summed()


def shuffled(states: States, rng: np.random.Generator) -> States:
    """Give every episode the changes of its own rows in another order: the negative control."""
    return States(
        states.own,
        states.others,
        states.time,
        states.reward,
        states.chosen,
        rng.permuted(states.change, axis=1),
    )
