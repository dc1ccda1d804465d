"""Predictors that learn a function online from its samples.

Every predictor answers sample k from the targets of the samples before k, so its errors are those
of a learner that gets each target one sample late.

Shapes: features (n_tasks, n_steps, n_features), targets and predictions (n_tasks, n_steps), prior
variance (n_features,). Weights have the prior N(0, diag(prior variance)).
"""

import numpy as np

from spikeloop.tasks.base import FloatArray

EXPLAINED = 1e-24
"""Share of a sample's squared length below which only rounding separates it from explained ones."""


def running_mean(targets: FloatArray, first: float) -> FloatArray:
    """Predict the mean of the targets so far, and ``first`` before there are any."""
    n_tasks, n_steps = targets.shape
    predictions = np.full((n_tasks, n_steps), first, dtype=np.float64)
    predictions[:, 1:] = targets.cumsum(axis=1)[:, :-1] / np.arange(1, n_steps)
    return predictions


def regression(
    features: FloatArray, targets: FloatArray, prior_variance: FloatArray, noise_variance: float
) -> FloatArray:
    """Predict the posterior mean of Bayesian linear regression, that is ridge regression.

    Bishop 2006, "Pattern Recognition and Machine Learning", equations 3.50 and 3.51, one sample at
    a time: with gain g = S φ / (φᵀ S φ + noise variance), weights grow by g (y − wᵀ φ) and their
    covariance S shrinks by g (S φ)ᵀ. The noise variance, that of a target given features and
    weights, is above 0.
    """
    n_tasks, n_steps, n_features = features.shape
    weights = np.zeros((n_tasks, n_features))
    covariance = np.tile(np.diag(prior_variance), (n_tasks, 1, 1))
    predictions = np.empty((n_tasks, n_steps))
    for step in range(n_steps):
        sample = features[:, step]
        predictions[:, step] = (weights * sample).sum(axis=-1)
        spread = (covariance * sample[:, None, :]).sum(axis=-1)
        variance = (spread * sample).sum(axis=-1) + noise_variance
        gain = spread / variance[:, None]
        weights += gain * (targets[:, step] - predictions[:, step])[:, None]
        covariance -= gain[:, :, None] * spread[:, None, :]
    return predictions


def interpolation(
    features: FloatArray, targets: FloatArray, prior_variance: FloatArray
) -> FloatArray:
    """Predict the posterior mean of Bayesian regression without noise.

    It is exact from n_features samples on. Without noise the posterior mean is, in units of the
    prior's standard deviations, the shortest vector of weights that explains all samples so far.
    The part q of a sample that is orthogonal to all earlier samples is the only direction in which
    anything is learned: weights grow by q (y − wᵀ φ) / qᵀ q.
    """
    n_tasks, n_steps, n_features = features.shape
    scaled = features * np.sqrt(prior_variance)
    weights = np.zeros((n_tasks, n_features))
    unexplored = np.tile(np.eye(n_features), (n_tasks, 1, 1))
    predictions = np.empty((n_tasks, n_steps))
    for step in range(n_steps):
        sample = scaled[:, step]
        predictions[:, step] = (weights * sample).sum(axis=-1)
        # Projected twice, because once leaves a rounding error that nearly repeated samples blow
        # up (Parlett 1980, "The Symmetric Eigenvalue Problem", section 6.9: twice is enough).
        once = (unexplored * sample[:, None, :]).sum(axis=-1)
        new = (unexplored * once[:, None, :]).sum(axis=-1)
        length = (new**2).sum(axis=-1)
        teaches = length > EXPLAINED * (sample**2).sum(axis=-1)
        share = np.where(teaches, 1.0 / np.where(teaches, length, 1.0), 0.0)[:, None]
        weights += new * share * (targets[:, step] - predictions[:, step])[:, None]
        unexplored -= (new * share)[:, :, None] * new[:, None, :]
    return predictions
