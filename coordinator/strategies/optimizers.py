"""Gradient ascent: settings with pure functions; the moments are in the strategy's state."""

from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import power
from spikeloop.tasks.settings import Settings


class Ascent(NamedTuple):
    """One step uphill, per unit of learning rate, and the moments after it.

    Attributes:
        direction: (n_dim,) to be multiplied by the learning rate and added to the point.
        first: (n_dim,) first moment of the gradient.
        second: (n_dim,) second moment of the gradient.
    """

    direction: FloatArray
    first: FloatArray
    second: FloatArray


class Sgd(Settings):
    """Gradient ascent with momentum: v ← β v + (1 − β) g, step v."""

    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1, description="β, decay of past gradients")

    def ascend(self, gradient: FloatArray, first: FloatArray, second: FloatArray, t: int) -> Ascent:
        """Compute the step for a gradient; ``t`` counts steps from 1. ``second`` is not used."""
        del t
        velocity = self.momentum * first + (1 - self.momentum) * gradient
        return Ascent(velocity, velocity, second)


class Adam(Settings):
    """Adam, Kingma and Ba 2015, Algorithm 1, for ascent."""

    kind: Literal["adam"] = "adam"
    beta1: float = Field(default=0.9, ge=0, lt=1, description="β₁, decay of the first moment")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="β₂, decay of the second moment")
    epsilon: float = Field(default=1e-8, gt=0, description="ε, keeps the division finite")

    def ascend(self, gradient: FloatArray, first: FloatArray, second: FloatArray, t: int) -> Ascent:
        """Compute the step for a gradient; ``t`` counts steps from 1."""
        m = self.beta1 * first + (1 - self.beta1) * gradient
        v = self.beta2 * second + (1 - self.beta2) * gradient**2
        m_hat = m / (1 - power(self.beta1, t))
        v_hat = v / (1 - power(self.beta2, t))
        return Ascent(m_hat / (np.sqrt(v_hat) + self.epsilon), m, v)


Optimizer: TypeAlias = Annotated[Adam | Sgd, Field(discriminator="kind")]
