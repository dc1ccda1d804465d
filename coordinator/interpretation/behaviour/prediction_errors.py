"""Squared errors of functions learned from a teacher, by the number of samples seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    Band,
    draw_counts,
    mean_band,
    percentiles,
    resampled_means,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import QuadraticTasks

NETWORK, PRIOR, LINE = "network", "prior mean", "linear regression"


@dataclass(frozen=True)
class Errors:
    """Mean squared errors of a network and of other predictors, on the same functions.

    Attributes:
        bands: by predictor, the network's first; element k is the mean after k samples.
        below_line: the number of samples from which on the network certainly errs less than linear
            regression (``certainly_below``); None if there is no such number.
        n_samples: of an episode.
    """

    bands: Mapping[str, Band]
    below_line: int | None
    n_samples: int


def squared_errors(tasks: QuadraticTasks, answers: FloatArray) -> dict[str, FloatArray]:
    """Compute squared errors on the scale of y, (n_tasks, n_steps), by predictor.

    ``answers`` are those of the network, on the scale of the targets.
    """
    network = ((answers - tasks.targets()) / tasks.scale) ** 2
    return {NETWORK: network, PRIOR: tasks.values() ** 2, **tasks.baseline_errors()}


def summarise(errors: Mapping[str, FloatArray], rng: np.random.Generator) -> Errors:
    """Compute mean errors with intervals, all of them resampled together."""
    n_tasks, n_samples = errors[NETWORK].shape
    weights = draw_counts(n_tasks, N_RESAMPLES, rng)
    bands = {name: mean_band(values, weights) for name, values in errors.items()}
    return Errors(bands, certainly_below(errors[NETWORK], errors[LINE], weights), n_samples)


def certainly_below(one: FloatArray, other: FloatArray, weights: NDArray[Any]) -> int | None:
    """Find the first column from which on ``one`` is certainly below ``other``, paired by row.

    There and in every later column, the pointwise 95 % interval of the mean difference lies below
    0. None if it does not even in the last column.

    Both are (n_tasks, n); ``weights`` of the rows are (n_resamples, n_tasks).
    """
    _, high = percentiles(resampled_means(one - other, weights))
    not_below = np.flatnonzero(~(high < 0))
    first = int(not_below[-1]) + 1 if not_below.size else 0
    return first if first < one.shape[1] else None
