"""Models of choices compared: by cross-validation over episodes, by BIC, and with a ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from spikeloop.coordinator.interpretation.policy import tiny_gru
from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.coordinator.interpretation.policy.fit import Fit, Fitter
from spikeloop.coordinator.interpretation.policy.model import ChoiceModel, n_parameters
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.coordinator.stats.bootstrap import (
    Interval,
    draw_counts,
    percentile_interval,
    resampled_means,
)
from spikeloop.tasks.base import FloatArray

K = TypeVar("K")

FOLDS = 2
"""Parts of the episodes; each is predicted by a fit to all others."""
N_RESAMPLES = 2000
N_REFITS = 100
"""Resamples of episodes to which the best model is fitted anew, for intervals of parameters."""


@dataclass(frozen=True)
class Compared:
    """One model beside the others.

    Attributes:
        model: the model.
        fit: to all episodes.
        bic: its Bayesian information criterion, −2 log L + k log n with n choices.
        held_out: (n_episodes,) nats per choice of each episode, under the fit to other episodes.
    """

    model: ChoiceModel
    fit: Fit
    bic: float
    held_out: FloatArray


def compare(models: Sequence[ChoiceModel], choices: Choices, note: Note) -> list[Compared]:
    """Fit all models to all episodes, and to the parts of cross-validation."""
    found = []
    for number, model in enumerate(models, 1):
        note(f"policy: fit {number} of {len(models)}, {model.name}")
        fitter = Fitter(model, choices)
        whole = fitter.fit()
        held_out = np.empty(choices.n_episodes)
        for outside in folds(choices.n_episodes):
            fit = fitter.fit((~outside).astype(np.float64), whole)
            held_out[outside] = fit.log_likelihood[outside] / choices.n_steps
        found.append(Compared(model, whole, bic(model, whole, choices), held_out))
    return found


def bic(model: ChoiceModel, fit: Fit, choices: Choices) -> float:
    """Compute −2 log L + k log n (Schwarz 1978, Ann. Stat. 6:461), n the number of choices."""
    penalty = n_parameters(model) * np.log(choices.arms.size)
    return float(penalty - 2.0 * fit.log_likelihood.sum())


def folds(n_episodes: int) -> list[np.ndarray]:
    """Give the parts of the episodes, which are independent, as (n_episodes,) masks."""
    part = np.arange(n_episodes) % FOLDS
    return [part == k for k in range(FOLDS)]


def ceiling(choices: Choices, rng: np.random.Generator, note: Note) -> dict[int, FloatArray]:
    """Predict held-out episodes by gated units: nats per choice (n_episodes,), by their number."""
    found = {}
    for units in tiny_gru.UNITS:
        note(f"policy: ceiling of {units} gated unit{'s' if units > 1 else ''}")
        held_out = np.empty(choices.n_episodes)
        for outside in folds(choices.n_episodes):
            gru = tiny_gru.fit(units, choices[~outside], rng)
            nats = tiny_gru.log_likelihood(units, gru, choices[outside])
            held_out[outside] = nats / choices.n_steps
        found[units] = held_out
    return found


def means(values: Mapping[K, FloatArray], counts: np.ndarray) -> dict[K, Interval]:
    """Give means over episodes with intervals, all resampled with the same counts."""
    n = counts.shape[1]
    resampled = resampled_means(np.stack(list(values.values()), axis=1), counts)
    return {
        name: percentile_interval(float(value.mean()), resampled[:, k], n)
        for k, (name, value) in enumerate(values.items())
    }


def parameter_intervals(
    compared: Compared, choices: Choices, rng: np.random.Generator
) -> dict[str, Interval]:
    """Give the parameters of a model with intervals from fits to resampled episodes."""
    fitter = Fitter(compared.model, choices)
    counts = draw_counts(choices.n_episodes, N_REFITS, rng)
    drawn = [fitter.fit(row.astype(np.float64), compared.fit) for row in counts]
    values = np.array([[*fit.learning, *fit.weights] for fit in drawn])
    named = compared.fit.parameters(compared.model)
    return {
        name: percentile_interval(value, values[:, k], choices.n_episodes)
        for k, (name, value) in enumerate(named.items())
    }
