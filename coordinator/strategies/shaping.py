"""Fitness shaping: utilities that weigh the candidates of a generation, from their fitness.

Shapings are pure functions. A candidate without a fitness (nan) gets the utility 0 and does not
change that of the others.
"""

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import log


def centered_ranks(fitness: FloatArray) -> FloatArray:
    """Map ranks to [-0.5, 0.5], worst to best; ties share their mean rank.

    Wierstra et al. 2014, "Natural evolution strategies", section 3.1; Salimans et al. 2017, section
    2. Ranks make a strategy independent of monotone maps of fitness and of outliers. The utilities
    sum to 0; a single candidate gets 0.

    Args:
        fitness: (n,); candidates that are not finite get 0 and are not counted.
    """
    alive = np.isfinite(fitness)
    utility = np.zeros(fitness.shape)
    n = np.count_nonzero(alive)
    if n > 1:
        _, level, n_tied = np.unique(fitness[alive], return_inverse=True, return_counts=True)
        mean_rank = np.cumsum(n_tied) - (n_tied + 1) / 2
        utility[alive] = mean_rank[level] / (n - 1) - 0.5
    return utility


def whole_pairs(fitness: FloatArray) -> FloatArray:
    """Set both members of a mirrored pair to nan if one of them has no fitness.

    Half a pair would move the centre along its noise whether that is good or bad.

    Args:
        fitness: (2 n_pairs,), members of a pair adjacent.
    """
    pairs = fitness.reshape(-1, 2)
    whole = np.isfinite(pairs).all(axis=1, keepdims=True)
    return np.where(whole, pairs, np.nan).reshape(-1)


def log_rank_utilities(fitness: FloatArray) -> FloatArray:
    """Utilities max(0, ln(n/2 + 1) − ln k) for rank k from the best, over their sum, minus 1/n.

    Wierstra et al. 2014, section 3.1: the better half counts, the best most, and the worse half
    equally. Ties share the mean utility of their ranks. The utilities sum to 0; a single candidate
    gets 0.

    Args:
        fitness: (n,); candidates that are not finite get 0 and are not counted.
    """
    alive = np.isfinite(fitness)
    utility = np.zeros(fitness.shape)
    n = np.count_nonzero(alive)
    if n > 1:
        _, level, n_tied = np.unique(-fitness[alive], return_inverse=True, return_counts=True)
        by_rank = np.maximum(0.0, log(n / 2 + 1) - log(np.arange(1, n + 1)))
        by_rank = by_rank / by_rank.sum() - 1 / n
        first = np.cumsum(n_tied) - n_tied
        utility[alive] = (np.add.reduceat(by_rank, first) / n_tied)[level]
    return utility


def standardised(fitness: FloatArray) -> FloatArray:
    """Subtract the mean of fitness and divide by its standard deviation; 0 if there is no spread.

    Mania, Guy and Recht 2018, "Simple random search", section 3.1, divide by the deviation, too;
    between the members of mirrored pairs the mean cancels. Only affine maps of fitness change
    nothing, and one outlier takes all the weight.

    Args:
        fitness: (n,); candidates that are not finite get 0 and are not counted.
    """
    alive = np.isfinite(fitness)
    utility = np.zeros(fitness.shape)
    if alive.any():
        offset = fitness[alive] - fitness[alive].mean()
        deviation = offset.std()
        if deviation > 1e-12 * np.abs(fitness[alive]).max():  # else there is only rounding
            utility[alive] = offset / deviation
    return utility
