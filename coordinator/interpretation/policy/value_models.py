"""Models that learn a value for each arm from rewards: Rescorla-Wagner and its variants.

The value of the pulled arm moves towards the reward, Q ← Q + rate · (r − Q) from Q = 1/2 on
(Rescorla and Wagner 1972), and the log odds of arm 1 are β (Q₁ − Q₀) + bias.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spikeloop.coordinator.interpretation.policy.model import Link, Memory
from spikeloop.tasks.base import FloatArray, IntArray

Variant = Literal["", "two rates", "forgetting", "decaying rate", "fictive"]

ADDED: dict[Variant, tuple[str, ...]] = {
    "": (),
    "two rates": ("rate without reward",),
    "forgetting": ("forgetting",),
    "decaying rate": ("decay",),
    "fictive": (),
}
"""Variant -> learning parameters besides the rate."""
FORMULAS: dict[Variant, str] = {
    "": "Q ← Q + rate (r − Q)",
    "two rates": "a rate for pulls that pay, one for others",
    "forgetting": "the other arm's Q ← Q + forgetting (1/2 − Q)",
    "decaying rate": "rate / (1 + decay · earlier pulls of the arm)",
    "fictive": "the other arm's Q ← Q + rate (1 − r − Q)",
}


@dataclass(frozen=True)
class ValueModel:
    """Rescorla-Wagner, or one variant of it.

    Two rates: Frank et al. 2007 (PNAS 104:16311). Forgetting: Ito and Doya 2009 (J. Neurosci.
    29:9861), here towards 1/2. A rate that
    decays as 1 / pulls makes Q the mean of the arm's rewards. The fictive update (Lohrenz et al.
    2007, PNAS 104:9493) is right where one arm pays as often as the other does not.
    """

    variant: Variant = ""

    @property
    def name(self) -> str:
        """Give "Rescorla-Wagner", with the variant."""
        if self.variant == "fictive":
            return "fictive update"
        return f"Rescorla-Wagner, {self.variant}" if self.variant else "Rescorla-Wagner"

    @property
    def formula(self) -> str:
        """Give the update."""
        return FORMULAS[self.variant]

    @property
    def link(self) -> Link:
        """Draw from a softmax of the values."""
        return "logit"

    @property
    def learning(self) -> tuple[str, ...]:
        """Give the rate, and what the variant adds."""
        return ("rate", *ADDED[self.variant])

    @property
    def weights(self) -> tuple[str, ...]:
        """Give the inverse temperature."""
        return ("β",)

    def start(self, n_episodes: int) -> Memory:
        """Return equal values and no pulls."""
        zeros = np.zeros((n_episodes, 2))
        return {"value": zeros + 0.5, "pulls": zeros}

    def features(self, memory: Memory) -> tuple[FloatArray, ...]:
        """Return the difference of the values."""
        return (memory["value"][:, 1] - memory["value"][:, 0],)

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Move the values."""
        rate: Any = learning[0]
        more = learning[-1]
        value, pulls = memory["value"].copy(), memory["pulls"]
        own = 2 * np.arange(len(arm)) + arm  # places in the flat arrays
        flat, before = value.reshape(-1), value.reshape(-1)[own]
        if self.variant == "two rates":
            rate = np.where(reward > 0, rate, more)
        elif self.variant == "decaying rate":
            rate = rate / (1.0 + more * pulls.reshape(-1)[own])
            pulls = pulls.copy()
            pulls.reshape(-1)[own] += 1.0
        flat[own] = before + rate * (reward - before)
        if self.variant in ("forgetting", "fictive"):
            other = own + 1 - 2 * arm
            before = flat[other]
            towards, by = (0.5, more) if self.variant == "forgetting" else (1.0 - reward, rate)
            flat[other] = before + by * (towards - before)
        return {"value": value, "pulls": pulls}
