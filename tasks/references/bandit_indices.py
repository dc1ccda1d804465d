"""Policies of bandits that give every arm a number and pull an arm whose number is largest.

An index is a function of ``total``, the reward of every arm so far, and ``pulls``, how often it was
pulled, both of one shape whose last axis are the arms; of ``step``, the pulls of all arms; and of a
generator, for indices that are drawn. It returns one number per arm. The caller breaks ties at
random.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import log

Index = Callable[[FloatArray, FloatArray, int, np.random.Generator], FloatArray]


def ucb1(total: ArrayLike, pulls: ArrayLike, step: int, noise: float = 1.0) -> FloatArray:
    """Return mean plus noise · √(2 ln step / pulls); infinite before the first pull.

    Auer, Cesa-Bianchi, Fischer 2002 (Machine Learning 47:235), Figure 1, for rewards in [0, 1] and
    with ``noise`` 1; rewards of another scale are brought to it by their standard deviation.
    """
    n = np.maximum(pulls, 1.0)
    width = noise * np.sqrt(2.0 * log(max(step, 1)) / n)
    return np.where(np.equal(pulls, 0), np.inf, np.divide(total, n) + width)


def chance_mean(total: ArrayLike, pulls: ArrayLike) -> FloatArray:
    """Return the posterior mean of a chance under the prior U[0, 1]: Laplace's (s + 1) / (n + 2).

    Equal fractions give equal floats, because division is rounded correctly: ties stay ties.
    """
    mean: FloatArray = np.add(total, 1.0) / np.add(pulls, 2.0)
    return mean


def bernoulli_policies() -> dict[str, Index]:
    """Return policies for rewards 0 and 1 by their names; a chance has the prior U[0, 1]."""
    return {
        "UCB1": lambda total, pulls, step, rng: ucb1(total, pulls, step),
        "Thompson": lambda total, pulls, step, rng: rng.beta(total + 1, pulls - total + 1),
        "greedy posterior mean": lambda total, pulls, step, rng: chance_mean(total, pulls),
    }


def gaussian_policies(mean_spread: float, noise: float) -> dict[str, Index]:
    """Return policies for rewards N(m, noise²); a mean m has the prior N(0, mean_spread²)."""

    def posterior(total: FloatArray, pulls: FloatArray) -> tuple[FloatArray, FloatArray]:
        precision = mean_spread**-2 + pulls * noise**-2
        return total * noise**-2 / precision, precision**-0.5

    return {
        "UCB1": lambda total, pulls, step, rng: ucb1(total, pulls, step, noise),
        "Thompson": lambda total, pulls, step, rng: rng.normal(*posterior(total, pulls)),
        "greedy posterior mean": lambda total, pulls, step, rng: posterior(total, pulls)[0],
    }
