"""Maximum likelihood of a model of choices, by Fisher scoring.

Learning parameters are fitted as their log odds. With the score s = w · x of a pull, the step of
Newton's method with the expected second derivative is

    Δθ = (Σ i_t g_t g_tᵀ + λ D)⁻¹ Σ d_t g_t,       g = ∂s/∂θ,   d = ∂ log P(pulled) / ∂s,

with i the Fisher information of a score and D the diagonal of the first sum; λ grows until the
likelihood does (Levenberg 1944, Marquardt 1963). Derivatives by learning parameters are finite
differences, all others exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_ndtr, logit

from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.coordinator.interpretation.policy.model import (
    ChoiceModel,
    Link,
    features_of,
    log_chance,
    weight_names,
)
from spikeloop.tasks.base import FloatArray

STARTS = (0.1, 0.5)
"""First values of all learning parameters; the better fit of both counts."""
LARGEST = 12.0
"""Bound of the log odds of a learning parameter."""
STEP = 1e-5
"""Of finite differences."""
RIDGE = 1e-6
"""Added to the information of each parameter: to choices that are never wrong, infinite weights
would fit best."""
MAX_ROUNDS = 60
GAINED = 1e-2
"""Nats by which a further step must raise the log likelihood."""


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes:
        learning: (n_learning,) parameters in (0, 1).
        weights: (n_weights,) weights of the features.
        log_likelihood: (n_episodes,) nats of each episode, those without weight in the fit too.
    """

    learning: FloatArray
    weights: FloatArray
    log_likelihood: FloatArray

    def parameters(self, model: ChoiceModel) -> dict[str, float]:
        """Give all parameters by name."""
        names = (*model.learning, *weight_names(model))
        return dict(zip(names, [*self.learning.tolist(), *self.weights.tolist()], strict=True))


class Fitter:
    """Fits one model to choices, again and again with other weights of the episodes.

    Features that no parameter shapes are computed once.
    """

    def __init__(self, model: ChoiceModel, choices: Choices) -> None:
        self._model, self._choices = model, choices
        self._fixed = None if model.learning else features_of(model, np.zeros(0), choices)

    def fit(self, counts: FloatArray | None = None, start: Fit | None = None) -> Fit:
        """Fit the model.

        Args:
            counts: (n_episodes,) how often each episode counts; once by default.
            start: where to begin, such as the fit with other counts.
        """
        counts = np.ones(self._choices.n_episodes) if counts is None else counts
        n_weights = len(weight_names(self._model))
        if start is not None:
            begins = [np.concatenate([logit(start.learning), start.weights])]
        else:
            odds: Sequence[float] = logit(STARTS) if self._model.learning else (0.0,)
            begins = [
                np.r_[np.full(len(self._model.learning), o), np.zeros(n_weights)] for o in odds
            ]
        return max(
            (self._climb(begin, counts) for begin in begins),
            key=lambda f: f.log_likelihood @ counts,
        )

    def evaluate(self, fit: Fit) -> FloatArray:
        """Compute the log likelihood of each episode, (n_episodes,), under other parameters."""
        score = self._features(fit.learning) @ fit.weights
        return _of_episodes(self._model.link, score, self._choices)

    def _features(self, learning: FloatArray) -> FloatArray:
        return (
            self._fixed
            if self._fixed is not None
            else features_of(self._model, learning, self._choices)
        )

    def _climb(self, theta: FloatArray, counts: FloatArray) -> Fit:
        n_learning, arms = len(self._model.learning), self._choices.arms
        used = counts > 0
        damping, features = 1e-3, self._features(expit(theta[:n_learning]))
        score = features @ theta[n_learning:]
        value = self._value(score, counts)
        for _ in range(MAX_ROUNDS):
            slopes = self._slopes(theta, features, score)[used]
            gradient, information = log_derivatives(self._model.link, score[used], arms[used])
            weight = counts[used, None]
            g = np.einsum("et,etp->p", weight * gradient, slopes)
            h = np.einsum("etp,etq->pq", slopes * (weight * information)[..., None], slopes)
            h[np.diag_indices_from(h)] += RIDGE
            moved = value
            while damping < 1e8:
                step = np.linalg.solve(h + damping * np.diag(np.diag(h)), g)
                trial = theta + step
                trial[:n_learning] = trial[:n_learning].clip(-LARGEST, LARGEST)
                tried = self._features(expit(trial[:n_learning]))
                trial_score = tried @ trial[n_learning:]
                moved = self._value(trial_score, counts)
                if moved >= value:
                    break
                damping *= 10.0
            else:
                break
            gained, theta, features, score, value = moved - value, trial, tried, trial_score, moved
            damping = max(damping / 10.0, 1e-9)
            if gained < GAINED:
                break
        each = _of_episodes(self._model.link, score, self._choices)
        return Fit(expit(theta[:n_learning]), theta[n_learning:], each)

    def _value(self, score: FloatArray, counts: FloatArray) -> float:
        return float(_of_episodes(self._model.link, score, self._choices) @ counts)

    def _slopes(self, theta: FloatArray, features: FloatArray, score: FloatArray) -> FloatArray:
        """Compute ∂s/∂θ, (n_episodes, n_steps, n_parameters)."""
        n = len(self._model.learning)
        if not n:
            return features
        moved = expit(theta[:n, None] + STEP * np.eye(n))  # a column for each parameter
        choices = self._choices.repeated(n)  # all at once, which saves most of the time
        each = np.repeat(moved, self._choices.n_episodes, axis=1)
        scores = features_of(self._model, each, choices) @ theta[n:]
        slopes = (scores.reshape(n, *score.shape) - score) / STEP
        return np.concatenate([np.moveaxis(slopes, 0, 2), features], axis=2)


def _of_episodes(link: Link, score: FloatArray, choices: Choices) -> FloatArray:
    """Sum the log probabilities of the pulls of each episode, (n_episodes,)."""
    total: FloatArray = log_chance(link, score, choices.arms).sum(axis=1)
    return total


def log_derivatives(
    link: Link, score: FloatArray, arms: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Compute ∂ log P(pulled) / ∂s and the Fisher information of a score."""
    if link == "logit":
        chance = expit(score)
        return arms - chance, chance * (1.0 - chance)
    log_density = -0.5 * score**2 - 0.5 * np.log(2 * np.pi)
    side = np.where(arms == 1, 1.0, -1.0)
    gradient = side * np.exp(log_density - log_ndtr(side * score))
    information = np.exp(2 * log_density - log_ndtr(score) - log_ndtr(-score))
    return gradient, information
