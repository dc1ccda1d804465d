"""CatCMA with margin, of the library ``cmaes``, on the choices of ``weights_and_choices.py``.

Hamano et al. 2025, arXiv 2504.07884: a Gaussian for numbers, whose margins keep every whole number
within reach, and a probability for each option of a choice. It begins as the library has it, in the
middle of the box and with equal probabilities. The library recommends no point; here it is the mean
of the last generation, of whole numbers the nearest to it, of choices the most frequent option.
"""

from typing import Any

import numpy as np
from weights_and_choices import Problem

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice, Integer, Real


def share_of_catcma(
    problem: Problem, population_size: int, n_generations: int, noise: float, seed: int
) -> float:
    """1 − loss / loss of the default at the point that it comes to.

    Args:
        problem: whose space has real numbers, whole numbers and choices, in this order.
        population_size: candidates of a generation.
        n_generations: of the search.
        noise: standard deviation, in units of the fitness's spread.
        seed: of candidates and noise.
    """
    from cmaes import CatCMAwM

    parameters = problem.space.parameters
    real = [[p.low, p.high] for p in parameters if isinstance(p, Real)]
    whole = [list(range(p.low, p.high + 1)) for p in parameters if isinstance(p, Integer)]
    options = [len(p.options) for p in parameters if isinstance(p, Choice)]
    search: Any = CatCMAwM(
        x_space=real or None,
        z_space=whole or None,
        c_space=options,
        population_size=population_size,
        seed=seed,
    )
    rng = np.random.default_rng((seed, 1))
    values = np.empty((0, problem.space.n_dim))
    for _ in range(n_generations):
        asked = [search.ask() for _ in range(population_size)]
        values = np.array([physical(solution) for solution in asked])
        drawn = rng.standard_normal(population_size)
        loss = noise * problem.spread * drawn - problem.fitness(values)
        search.tell(list(zip(asked, loss.tolist(), strict=True)))
    return problem.share_of(recommended(values, len(real), len(whole)))


def physical(solution: Any) -> FloatArray:
    """(n_dim,) values of a candidate, choices as the index of their option."""
    parts = [solution.x, solution.z, solution.c.argmax(axis=1)]
    return np.concatenate([part for part in parts if part is not None], dtype=np.float64)


def recommended(values: FloatArray, n_real: int, n_whole: int) -> FloatArray:
    """(n_dim,) the middle of a generation's values."""
    middle = values.mean(axis=0)
    middle[n_real:] = np.round(middle[n_real:])
    for column in range(n_real + n_whole, values.shape[1]):
        middle[column] = np.bincount(values[:, column].astype(np.int64)).argmax()
    return np.asarray(middle)
