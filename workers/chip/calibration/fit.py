"""Nonlinear least squares for all neurons of a chip at once."""

from collections.abc import Callable

import numpy as np

from spikeloop.tasks.base import FloatArray


def fit(
    model: Callable[[FloatArray, FloatArray], FloatArray],
    first: FloatArray,
    times_s: FloatArray,
    values: FloatArray,
    n_rounds: int = 30,
) -> FloatArray:
    """Fit a model to each neuron by the method of Levenberg and Marquardt.

    Args:
        model: from (32, n_parameters) and (n_times,) to (32, n_times).
        first: (32, n_parameters) initial values.
        times_s: (n_times,).
        values: (32, n_times).
        n_rounds: steps, each of which is taken only if it reduces the error.

    Returns:
        (32, n_parameters) fitted parameters.
    """
    found = first.copy()
    n = first.shape[1]
    error = ((model(found, times_s) - values) ** 2).sum(axis=1)
    damping = np.full(len(first), 1e-3)
    for _ in range(n_rounds):
        here = model(found, times_s)
        slopes = []
        for i in range(n):
            moved = found.copy()
            nudge = 1e-5 * np.maximum(np.abs(found[:, i]), 1e-3)
            moved[:, i] += nudge
            slopes.append((model(moved, times_s) - here) / nudge[:, None])
        jacobian = np.stack(slopes, axis=2)
        squares = np.einsum("nti,ntj->nij", jacobian, jacobian)
        downhill = np.einsum("nti,nt->ni", jacobian, values - here)
        scale = np.einsum("nii->ni", squares)[:, :, None] * np.eye(n) + 1e-30 * np.eye(n)
        step = np.linalg.solve(squares + damping[:, None, None] * scale, downhill[:, :, None])
        trial = found + np.clip(step[:, :, 0], -1, 1)
        trial_error = ((model(trial, times_s) - values) ** 2).sum(axis=1)
        better = trial_error <= error
        found = np.where(better[:, None], trial, found)
        error = np.where(better, trial_error, error)
        damping = np.where(better, damping / 10, damping * 10).clip(1e-9, 1e9)
    return found
