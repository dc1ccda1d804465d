"""Linear readouts that learn within an episode, sample by sample, from the error of their answer.

A readout with weights w answers y = w · x, where x are the features of a sample after a constant 1,
and only then learns the target d. Weights begin at 0, and so does the first answer.

Recursive least squares keeps the estimate of all samples so far, P being the inverse of their
second moments,

    k = P x / (μ + x · P x)     w ← w + k (d − w · x)     P ← (P − k xᵀ P) / μ     P₀ = 1 / ridge

(Haykin, Adaptive Filter Theory, ch. 10). With the forgetting factor μ = 1 its weights are those of
ridge regression on all samples. With μ < 1 older samples count less, by μ for each one since, and
so does the ridge. Directions that no sample excites would then grow without end ("wind-up", Åström
and Wittenmark, Adaptive Control, section 11.5), so nothing is forgotten at a sample after which P
would be larger than it was at first, by its trace.

The delta rule follows the gradient of the squared error (Widrow and Hoff 1960), here in steps in
units of the input's power (Nagumo and Noda 1967), which are stable for any rate below 2:

    w ← w + η_t (d − w · x) x / (1 + x · x)     η_t = η / (1 + t)^decay

Each episode is computed by itself and in the same order of sums, so its numbers are the same to the
bit beside any others.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.kernels import kernel


def recursive_least_squares(
    features: FloatArray,
    targets: FloatArray,
    sizes: IntArray,
    ridge: FloatArray,
    forgetting: FloatArray,
) -> FloatArray:
    """Return the answers of readouts that learn by recursive least squares.

    Args:
        features: (n_samples, n_episodes, n) without the constant.
        targets: (n_samples, n_episodes).
        sizes: (n_episodes,) features of an episode; the rest of its row is not used.
        ridge: (n_episodes,) above 0, inverse variance of each weight before any sample.
        forgetting: (n_episodes,) μ in (0, 1].

    Returns:
        (n_samples, n_episodes) answer to each sample, given before its target.
    """
    n = features.shape[2] + 1
    scratch = np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n)
    return _answers(_squares, features, targets, sizes, ridge, forgetting, *scratch)


def delta_rule(
    features: FloatArray, targets: FloatArray, sizes: IntArray, rate: FloatArray, decay: FloatArray
) -> FloatArray:
    """Return the answers of readouts that learn by the delta rule.

    Arguments are those of ``recursive_least_squares``, but for the rate η in [0, 2) of each episode
    and the exponent of its decay, 0 or more.
    """
    return _answers(_delta, features, targets, sizes, rate, decay, np.empty(features.shape[2]))


def _answers(
    rule: Callable[..., None], features: FloatArray, targets: FloatArray, *rest: Any
) -> FloatArray:
    """Run a compiled rule, which writes the answers into its last argument."""
    answers = np.empty(targets.shape)
    rule(np.ascontiguousarray(features), np.ascontiguousarray(targets), *rest, answers)
    return answers


@kernel
def _squares(
    features: FloatArray,
    targets: FloatArray,
    sizes: IntArray,
    ridge: FloatArray,
    forgetting: FloatArray,
    inverse: FloatArray,
    weights: FloatArray,
    shown: FloatArray,
    gain: FloatArray,
    answers: FloatArray,
) -> None:
    n_samples, n_episodes = targets.shape
    for episode in range(n_episodes):
        n = sizes[episode] + 1
        most = n / ridge[episode]
        trace = most
        for i in range(n):
            weights[i] = 0.0
            for j in range(n):
                inverse[i, j] = 0.0
            inverse[i, i] = 1.0 / ridge[episode]
        for t in range(n_samples):
            shown[0] = 1.0
            for i in range(1, n):
                shown[i] = features[t, episode, i - 1]
            answer = 0.0
            for i in range(n):
                answer += weights[i] * shown[i]
                gain[i] = 0.0
            answers[t, episode] = answer

            for j in range(n):  # by rows, which are columns too, and few neurons have fired
                if shown[j] != 0.0:
                    for i in range(n):
                        gain[i] += inverse[j, i] * shown[j]
            spread = 0.0
            square = 0.0
            for i in range(n):
                spread += shown[i] * gain[i]
                square += gain[i] * gain[i]
            kept = forgetting[episode]
            if trace - square / (kept + spread) > kept * most:
                kept = 1.0
            scale = 1.0 / (kept + spread)
            growth = 1.0 / kept
            step = (targets[t, episode] - answer) * scale
            trace = 0.0
            for i in range(n):
                weights[i] += step * gain[i]
                for j in range(n):  # gains multiplied first, so that it stays symmetric to the bit
                    inverse[i, j] = (inverse[i, j] - gain[i] * gain[j] * scale) * growth
                trace += inverse[i, i]


@kernel
def _delta(
    features: FloatArray,
    targets: FloatArray,
    sizes: IntArray,
    rate: FloatArray,
    decay: FloatArray,
    weights: FloatArray,
    answers: FloatArray,
) -> None:
    n_samples, n_episodes = targets.shape
    for episode in range(n_episodes):
        n = sizes[episode]
        constant = 0.0
        for i in range(n):
            weights[i] = 0.0
        for t in range(n_samples):
            answer = constant
            power = 1.0
            for i in range(n):
                answer += weights[i] * features[t, episode, i]
                power += features[t, episode, i] * features[t, episode, i]
            answers[t, episode] = answer
            step = rate[episode] / (1.0 + t) ** decay[episode] * (targets[t, episode] - answer)
            step /= 1.0 + power
            constant += step
            for i in range(n):
                weights[i] += step * features[t, episode, i]
