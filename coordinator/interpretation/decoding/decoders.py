"""Linear decoders with nested cross-validation, episodes as groups, and what they explain.

Numbers are read by ridge regression, classes by logistic regression with an L2 penalty. Of five
outer folds of the episodes each is predicted by a decoder that was fitted to the others, whose
penalty was chosen within these: by leave-one-out errors for ridge, by a quarter held out for
logistic regression. Each episode gives one sample, so that no episode is in two folds.

What is explained is 1 − Σ loss / Σ loss₀ over held-out episodes: of numbers the squared error, each
standardised, against that of the mean of the training folds (R²); of classes the log loss against
that of the classes' frequencies there, the share of their entropy. It is 0 or below where nothing
can be read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.interpretation.packages import required
from spikeloop.tasks.base import FloatArray, IntArray

FOLDS = 5
PENALTIES = np.logspace(-2, 5, 8)
"""Of ridge regression."""
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties of logistic regression."""
LEAST = 10
"""Episodes of a class; those of rarer ones are left out."""
LEAST_CHANCE = 1e-3
"""That a prediction gives a class at least, so that none is infinitely wrong."""


@dataclass(frozen=True)
class Target:
    """Something to be read.

    Attributes:
        name: what it is.
        values: (n_episodes, n) numbers, or (n_episodes,) int classes.
    """

    name: str
    values: NDArray[Any]

    @property
    def classes(self) -> bool:
        """Whether the values are classes."""
        return self.values.ndim == 1

    @property
    def used(self) -> NDArray[np.bool_]:
        """(n_episodes,) episodes whose class is not too rare, or all."""
        if not self.classes:
            return np.ones(len(self.values), dtype=np.bool_)
        _, of_episode, n = np.unique(self.values, return_inverse=True, return_counts=True)
        return np.asarray(n[of_episode] >= LEAST)

    @property
    def varies(self) -> bool:
        """Whether the targets differ at all, so that there is something to decode."""
        values = self.values[self.used]
        return len(values) >= 2 * FOLDS and bool((values != values[:1]).any())


@dataclass(frozen=True)
class Explained:
    """Losses of held-out episodes, (n_episodes,); nan for episodes that were left out.

    Attributes:
        loss: of the decoder.
        without: of what is known without spikes.
    """

    loss: FloatArray
    without: FloatArray


def explain(
    train: FloatArray, test: Sequence[FloatArray], target: Target, rng: np.random.Generator
) -> list[Explained]:
    """Fit decoders to features and test them on the held-out episodes' features.

    Args:
        train: (n_episodes, n_features).
        test: features of the same episodes to predict from, the same ones or those of another time.
        target: to be read.
        rng: of folds.
    """
    used = target.used
    values = target.values[used]
    if not target.classes:
        spread = values.std(axis=0)
        values = values[:, spread > 0] / spread[spread > 0]
    found = [Explained(*np.full((2, len(used)), np.nan)) for _ in test]
    place = np.flatnonzero(used)
    for fitted, held in folds(len(place), rng):
        decoder = _logistic if target.classes else _ridge
        losses, without = decoder(
            train[place[fitted]],
            values[fitted],
            [features[place[held]] for features in test],
            values[held],
            rng,
        )
        for one, loss in zip(found, losses, strict=True):
            one.loss[place[held]], one.without[place[held]] = loss, without
    return found


def folds(n: int, rng: np.random.Generator) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the episodes to fit to and those to test on."""
    for held in np.array_split(rng.permutation(n), FOLDS):
        fitted = np.ones(n, dtype=np.bool_)
        fitted[held] = False
        yield np.flatnonzero(fitted), held


def _ridge(
    train: FloatArray,
    values: FloatArray,
    test: Sequence[FloatArray],
    truth: FloatArray,
    rng: np.random.Generator,
) -> tuple[list[FloatArray], FloatArray]:
    """Return squared errors of predictions from each of ``test``, and of the mean."""
    model = required("sklearn.linear_model", "decoding").RidgeCV(PENALTIES, alpha_per_target=True)
    model.fit(train, values)
    shape = truth.shape
    losses = [((model.predict(one).reshape(shape) - truth) ** 2).sum(axis=1) for one in test]
    return losses, ((values.mean(axis=0) - truth) ** 2).sum(axis=1)


def _logistic(
    train: FloatArray,
    values: IntArray,
    test: Sequence[FloatArray],
    truth: IntArray,
    rng: np.random.Generator,
) -> tuple[list[FloatArray], FloatArray]:
    """Return log losses of predictions from each of ``test``, and of the classes' frequencies."""
    classes, at = np.unique(values, return_inverse=True)
    frequency = np.bincount(at) / len(at)
    without = -np.log(_chance(np.tile(frequency, (len(truth), 1)), classes, truth))
    if len(classes) == 1 or (train == train[:1]).all():
        return [without for _ in test], without
    linear_model = required("sklearn.linear_model", "decoding")
    selection = required("sklearn.model_selection", "decoding")
    # As many coordinates as episodes span their features: the penalty sees only distances.
    rotation = required("sklearn.decomposition", "decoding").KernelPCA(kernel="linear")
    rotated = rotation.fit_transform(train)
    split = selection.StratifiedShuffleSplit(1, test_size=0.25, random_state=rng.integers(2**31))
    best = -np.inf, STRENGTHS[0]
    for fitted, held in split.split(rotated, at):
        for strength in STRENGTHS:
            model = linear_model.LogisticRegression(C=strength, max_iter=300)
            model.fit(rotated[fitted], values[fitted])
            chances = _chance(model.predict_proba(rotated[held]), model.classes_, values[held])
            best = max(best, (float(np.log(chances).mean()), strength))
    model = linear_model.LogisticRegression(C=best[1], max_iter=300).fit(rotated, values)
    predicted = (model.predict_proba(rotation.transform(one)) for one in test)
    return [-np.log(_chance(one, model.classes_, truth)) for one in predicted], without


def _chance(chances: FloatArray, classes: IntArray, truth: IntArray) -> FloatArray:
    """(n,) the chance that predictions (n, n_classes) give to the true classes."""
    known = np.isin(truth, classes)
    column = np.searchsorted(classes, np.where(known, truth, classes[0]))
    given = np.where(known, chances[np.arange(len(truth)), column], 0.0)
    return np.asarray(np.maximum(given, LEAST_CHANCE))
