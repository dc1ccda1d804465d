"""Perseveration added to a model: the arm that was pulled last is preferred for that alone."""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.policy.model import ChoiceModel, Link, Memory
from spikeloop.tasks.base import FloatArray, IntArray


@dataclass(frozen=True)
class Persevering:
    """A model whose score has one more term, κ for arm 1 or −κ for arm 0, whichever was last.

    Lau and Glimcher 2005 (JEAB 84:555). κ < 0 is a tendency to alternate.
    """

    model: ChoiceModel

    @property
    def name(self) -> str:
        """Give the name of the model, with perseveration."""
        return f"{self.model.name} + perseveration"

    @property
    def formula(self) -> str:
        """Give what is added."""
        return f"{self.model.formula}; κ for the arm pulled last"

    @property
    def link(self) -> Link:
        """Take that of the model."""
        return self.model.link

    @property
    def learning(self) -> tuple[str, ...]:
        """Take those of the model."""
        return self.model.learning

    @property
    def weights(self) -> tuple[str, ...]:
        """Put κ before those of the model."""
        return ("κ", *self.model.weights)

    def start(self, n_episodes: int) -> Memory:
        """Return the memory of the model, and no last arm."""
        return {**self.model.start(n_episodes), "last": np.zeros(n_episodes)}

    def features(self, memory: Memory) -> tuple[FloatArray, ...]:
        """Return the last arm as ±1 before the features of the model."""
        return (memory["last"], *self.model.features(memory))

    def learn(
        self, learning: FloatArray, memory: Memory, arm: IntArray, reward: FloatArray
    ) -> Memory:
        """Remember the arm, and learn as the model does."""
        return {
            **self.model.learn(learning, memory, arm, reward),
            "last": np.where(arm == 1, 1.0, -1.0),
        }
