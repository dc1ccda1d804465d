"""Models that learn a value for each arm from rewards: Rescorla-Wagner and its variants.

The value of the pulled arm moves towards the reward, Q ← Q + rate · (r − Q) from Q = 1/2 on
(Rescorla and Wagner 1972), and the log odds of arm 1 are β (Q₁ − Q₀) + bias.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from spikeloop.coordinator.interpretation.policy.model import Link, Memory, with_bias
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
        """Give the inverse temperature and the bias."""
        return ("β", "bias")

    def start(self, n_episodes: int) -> Memory:
        """Return equal values and no pulls."""
        zeros = np.zeros((n_episodes, 2))
        return {"value": zeros + 0.5, "pulls": zeros}

    def features(self, memory: Memory) -> FloatArray:
        """Return the difference of the values."""
        return with_bias(memory["value"][:, 1] - memory["value"][:, 0])

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Move the values."""
        rate, more = learning[0], learning[-1]
        value, pulls = memory["value"], memory["pulls"]
        pulled, paid = arm[:, None] == np.arange(2), reward[:, None]
        step = np.broadcast_to(rate, value.shape)
        if self.variant == "two rates":
            step = np.where(paid > 0, rate, more)
        elif self.variant == "decaying rate":
            step = rate / (1.0 + more * pulls)
        moved = value + pulled * step * (paid - value)
        if self.variant == "forgetting":
            moved += ~pulled * more * (0.5 - value)
        elif self.variant == "fictive":
            moved += ~pulled * rate * (1.0 - paid - value)
        return {"value": moved, "pulls": pulls + pulled}
