"""Models that know the family: a softmax of posterior means, or of the best values that there are.

Where a reward of one arm tells as much as one of the other (dependent arms, reversals), exploration
gains nothing: values then differ as posterior means do, and the two models are one.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from spikeloop.coordinator.interpretation.policy.model import ChoiceModel, Link, Memory
from spikeloop.tasks.bandit import TWO_POINTS, Bandit
from spikeloop.tasks.base import FloatArray, IntArray, TaskFamily
from spikeloop.tasks.references.bandit_indices import bernoulli_policies
from spikeloop.tasks.references.bandit_optimum import best_gains
from spikeloop.tasks.references.restless_policies import Greedy
from spikeloop.tasks.references.reversal_policies import ReversalFilter
from spikeloop.tasks.references.simulation import IndexPolicy
from spikeloop.tasks.restless_bandit import RestlessBandit
from spikeloop.tasks.reversal_bandit import ReversalBandit

MAX_GAIN_STEPS = 120
"""Pulls up to which the best values fit: 4 bytes for each of C(n + 3, 4) counts, here 36 MB."""


class Belief(Protocol):
    """What a policy of ``tasks.references`` believes of the arms, as numbers that order them."""

    def start(self, n_episodes: int) -> Memory:
        """Return the memory before the first pull."""
        ...

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return (n_episodes, 2) numbers, the larger the better the arm."""
        ...

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Return the memory after a pull."""
        ...


@dataclass(frozen=True)
class DependentArms:
    """Posterior means where arm 1 pays as often as arm 0 does not: p₁ = 1 − p₀.

    A success of an arm and a failure of the other favour it alike. With x of n pulls in favour of
    arm 0, its mean is (x + 1) / (n + 2) under U[0, 1]; where p₀ is q or 1 − q with equal chances
    the odds of the larger one are ((1 − q) / q)^(2 x − n).

    Attributes:
        worse: q; None for U[0, 1].
    """

    worse: float | None

    def start(self, n_episodes: int) -> Memory:
        """Return no evidence."""
        return {"favour": np.zeros((n_episodes, 2))}

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return the posterior means."""
        favour = memory["favour"]
        mean: FloatArray
        if self.worse is None:
            mean = (favour + 1.0) / (favour.sum(axis=1, keepdims=True) + 2.0)
            return mean
        odds = np.log((1.0 - self.worse) / self.worse)
        larger = 1.0 / (1.0 + np.exp(-odds * (favour - favour[:, ::-1])))
        mean = self.worse + (1.0 - 2.0 * self.worse) * larger
        return mean

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Count what the pull favours."""
        favoured = np.where(reward > 0, arm, 1 - arm)
        return {"favour": memory["favour"] + (favoured[:, None] == np.arange(2))}


@dataclass(frozen=True)
class BestValues:
    """Values of two independent arms to the policy of the highest mean return, exactly.

    Attributes:
        n_steps: pulls of an episode.
    """

    n_steps: int

    @cached_property
    def _gains(self) -> tuple[list[FloatArray], list[IntArray]]:
        """Of each step the flat table of gains, and where those of each n0 begin in it."""
        tables = best_gains(self.n_steps)
        flat = [np.concatenate([table.ravel() for table in step]) for step in tables]
        begins = [np.cumsum([0, *(table.size for table in step[:-1])]) for step in tables]
        return flat, begins

    def start(self, n_episodes: int) -> Memory:
        """Return counts of 0."""
        return {name: np.zeros((n_episodes, 2), dtype=np.int64) for name in ("total", "pulls")}

    def numbers(self, memory: Memory, rng: np.random.Generator) -> FloatArray:
        """Return half the gain of each arm over the other one."""
        total, pulls = memory["total"], memory["pulls"]
        flat, begins = self._gains
        step = int(pulls[0].sum())
        place = begins[step][pulls[:, 0]] + total[:, 0] * (pulls[:, 1] + 1) + total[:, 1]
        gain = flat[step][place].astype(np.float64) / 2.0
        return np.stack([gain, -gain], axis=1)

    def learn(self, memory: Memory, arm: IntArray, reward: FloatArray) -> Memory:
        """Count the pull and what it paid."""
        pulled = arm[:, None] == np.arange(2)
        paid = pulled & (reward[:, None] > 0)
        return {"total": memory["total"] + paid, "pulls": memory["pulls"] + pulled}


@dataclass(frozen=True)
class BeliefModel:
    """A softmax of what a policy believes of the arms."""

    name: str
    formula: str
    belief: Belief
    link: Link = "logit"
    learning: tuple[str, ...] = ()
    weights: tuple[str, ...] = ("β",)
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0), repr=False)

    def start(self, n_episodes: int) -> Memory:
        """Return the memory of the policy."""
        return self.belief.start(n_episodes)

    def features(self, memory: Memory) -> tuple[FloatArray, ...]:
        """Return the difference of the numbers of the arms, which are not drawn."""
        numbers = self.belief.numbers(memory, self._rng)
        return (numbers[:, 1] - numbers[:, 0],)

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Update the belief."""
        return self.belief.learn(memory, arm, reward)


def bayes_models(family: TaskFamily) -> list[ChoiceModel]:
    """Return the models that know a family of two-armed bandits."""
    greedy, optimum, both = "Bayes-greedy", "Bayes-optimum", "Bayes-greedy = optimum"
    if isinstance(family, ReversalBandit):
        return [
            BeliefModel(
                both,
                "β (P(arm 1 is better) − P(arm 0 is better)), given hazards and chances",
                ReversalFilter(family.better, family.hazards),
            )
        ]
    if isinstance(family, RestlessBandit):
        mirrored = family.arms == "dependent"
        belief = Greedy(1 if mirrored else 2, mirrored, family.volatilities)
        formula = "β (posterior mean₁ − posterior mean₀), given how chances walk"
        return [BeliefModel(both if mirrored else greedy, formula, belief)]
    assert isinstance(family, Bandit)
    formula = "β (posterior mean₁ − posterior mean₀), given the prior"
    if family.arms != "independent":
        return [BeliefModel(both, formula, DependentArms(TWO_POINTS.get(family.arms)))]
    means = IndexPolicy(bernoulli_policies()["greedy posterior mean"], 2)
    models: list[ChoiceModel] = [BeliefModel(greedy, formula, means)]
    if family.n_steps <= MAX_GAIN_STEPS:
        values = "β (value₁ − value₀) of the policy of the highest mean return"
        models.append(BeliefModel(optimum, values, BestValues(family.n_steps)))
    return models
