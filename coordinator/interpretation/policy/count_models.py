"""Models that know how often each arm was pulled and paid: UCB, Thompson, and mixtures of both.

Under the prior U[0, 1] the chance of an arm with s successes in n pulls has the posterior
Beta(s + 1, n − s + 1), of mean m = (s + 1) / (n + 2) and variance v = m (1 − m) / (n + 3).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from spikeloop.coordinator.interpretation.policy.model import Link, Memory
from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.references.bandit_indices import chance_mean

Kind = Literal["UCB", "Thompson", "V, RU, V/TU"]

FORMULAS: dict[Kind, str] = {
    "UCB": "β (m + bonus √(ln pulls / n)), rewards' mean m and n as if pulled twice more",
    "Thompson": "P = Φ(w V / TU), V = m₁ − m₀, TU = √(v₀ + v₁)",
    "V, RU, V/TU": "P = Φ(w₁ V + w₂ RU + w₃ V / TU), RU = √v₁ − √v₀",
}
WEIGHTS: dict[Kind, tuple[str, ...]] = {
    "UCB": ("β", "β · bonus"),
    "Thompson": ("V/TU",),
    "V, RU, V/TU": ("V", "RU", "V/TU"),
}


@dataclass(frozen=True)
class CountModel:
    """A model of the counts.

    "UCB" has the bonus of Auer et al. 2002 (Machine Learning 47:235) with a free weight. "Thompson"
    (Thompson 1933) pulls an arm as often as it is the better one, with the posteriors taken for
    Gaussian, w = 1 for the algorithm itself. The last is the regression of Gershman 2018 (Cognition
    173:34), of which w₁ is directed by value alone, w₂ explores what is uncertain, w₃ at random.
    """

    kind: Kind

    @property
    def name(self) -> str:
        """Give the name in tables."""
        return {"UCB": "UCB", "Thompson": "Thompson (probit)"}.get(self.kind, self.kind)

    @property
    def formula(self) -> str:
        """Give the rule."""
        return FORMULAS[self.kind]

    @property
    def link(self) -> Link:
        """Take a softmax for UCB, else a probit."""
        return "logit" if self.kind == "UCB" else "probit"

    @property
    def learning(self) -> tuple[str, ...]:
        """Have nothing but counts."""
        return ()

    @property
    def weights(self) -> tuple[str, ...]:
        """Give the weights of the terms."""
        return WEIGHTS[self.kind]

    def start(self, n_episodes: int) -> Memory:
        """Return counts of 0."""
        zeros = np.zeros((n_episodes, 2))
        return {"total": zeros, "pulls": zeros}

    def features(self, memory: Memory) -> tuple[FloatArray, ...]:
        """Return the terms, each of arm 1 minus arm 0."""
        pulls = memory["pulls"]
        mean = chance_mean(memory["total"], pulls)
        value = mean[:, 1] - mean[:, 0]
        if self.kind == "UCB":
            bonus = np.sqrt(np.log1p(pulls.sum(axis=1, keepdims=True)) / (pulls + 2.0))
            return value, bonus[:, 1] - bonus[:, 0]
        variance = mean * (1.0 - mean) / (pulls + 3.0)
        ratio = value / np.sqrt(variance.sum(axis=1))
        if self.kind == "Thompson":
            return (ratio,)
        deviation = np.sqrt(variance)
        return value, deviation[:, 1] - deviation[:, 0], ratio

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Count the pull and what it paid."""
        pulled = arm[:, None] == np.arange(2)
        return {
            "total": memory["total"] + pulled * reward[:, None],
            "pulls": memory["pulls"] + pulled,
        }
