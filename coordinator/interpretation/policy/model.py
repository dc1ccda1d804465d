"""Models of choices between two arms: learning parameters, features, and weights of the features.

A model keeps a memory of each episode and gives, before every pull, features x of which each is
larger the more speaks for arm 1. The arm is then drawn with

    P(arm 1) = σ(w · x)          link "logit"
    P(arm 1) = Φ(w · x)          link "probit"

A constant 1 is added as the last feature: every model may prefer an arm whatever it pays. Learning
parameters, such as a learning rate, are in (0, 1) and shape the features; weights are real.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from scipy.special import expit, log_expit, log_ndtr, ndtr

from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.tasks.base import FloatArray, IntArray

Memory = Mapping[str, FloatArray]
"""What a model remembers: arrays whose first axis are the episodes."""

Link = Literal["logit", "probit"]

BIAS = "bias"
"""Name of the weight of the constant."""


class ChoiceModel(Protocol):
    """A model of choices. Implementations are frozen."""

    @property
    def name(self) -> str:
        """The name in tables."""
        ...

    @property
    def formula(self) -> str:
        """What it computes, one line."""
        ...

    @property
    def link(self) -> Link:
        """How the weighted features become a probability."""
        ...

    @property
    def learning(self) -> tuple[str, ...]:
        """Names of the learning parameters, each in (0, 1)."""
        ...

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the features' weights, without that of the constant."""
        ...

    def start(self, n_episodes: int) -> Memory:
        """Return the memory before the first pull."""
        ...

    def features(self, memory: Memory) -> tuple[FloatArray, ...]:
        """Return the features before a pull, (n_episodes,) each."""
        ...

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Return the memory after a pull.

        Args:
            learning: (n_learning,) learning parameters, or (n_learning, n_episodes) of their own
                for each episode.
            memory: before the pull.
            arm: (n_episodes,) the pulled arm.
            reward: (n_episodes,) what it paid.
        """
        ...


def weight_names(model: ChoiceModel) -> tuple[str, ...]:
    """Name the weights, that of the constant last."""
    return (*model.weights, BIAS)


def n_parameters(model: ChoiceModel) -> int:
    """Count the free parameters."""
    return len(model.learning) + len(weight_names(model))


def features_of(model: ChoiceModel, learning: FloatArray, choices: Choices) -> FloatArray:
    """Compute the features before every pull, with the constant, (n_episodes, n_steps, n)."""
    found = np.ones((choices.n_episodes, choices.n_steps, len(model.weights) + 1))
    memory = model.start(choices.n_episodes)
    for step in range(choices.n_steps):
        for place, feature in enumerate(model.features(memory)):
            found[:, step, place] = feature
        memory = model.learn(learning, memory, choices.arms[:, step], choices.rewards[:, step])
    return found


def chance_of_arm_1(link: Link, score: FloatArray) -> FloatArray:
    """Return the probability of arm 1 for weighted features."""
    chance: FloatArray = expit(score) if link == "logit" else ndtr(score)
    return chance


def log_chance(link: Link, score: FloatArray, arms: IntArray) -> FloatArray:
    """Return the log probability of the arms that were pulled."""
    signed = np.where(arms == 1, score, -score)
    found: FloatArray = log_expit(signed) if link == "logit" else log_ndtr(signed)
    return found


def score_of(model: ChoiceModel, memory: Memory, weights: FloatArray) -> FloatArray:
    """Compute the weighted features before a pull, (n_episodes,)."""
    terms = (w * x for w, x in zip(weights[:-1], model.features(memory), strict=True))
    score: FloatArray = sum(terms, start=weights[-1])
    return score
