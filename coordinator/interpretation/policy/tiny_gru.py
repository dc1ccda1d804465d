"""A ceiling for models of choices: a recurrent network of 1 to 4 gated units fitted to them.

Such networks, fitted to the choices of one subject, predict them as well as or better than models
with names, and show how much of the choices is predictable at all from what the subject saw
(Ji-An, Benna and Mattar 2025, "Discovering cognitive strategies with tiny recurrent neural
networks", Nature 644). The input of a pull is the last arm a ∈ {−1, 1}, its reward and their
product; with hidden units h and gates z, r in the form of Cho et al. 2014 (arXiv 1406.1078),

    z, r = σ(W x + U h + b),   h ← z h + (1 − z) tanh(W x + U (r h) + b),   log odds = w · h + bias.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import minimize

from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.tasks.base import FloatArray
from spikeloop.workers import xla

UNITS = (1, 2, 4)
"""Sizes that are tried."""
N_INPUTS = 3
MAX_ITERATIONS = 150
"""Of L-BFGS."""
DECAY = 1e-6
"""Weight of the squared parameters beside the mean nats of a choice."""


@dataclass(frozen=True)
class TinyGru:
    """A fitted network.

    Attributes:
        n_units: gated units.
        parameters: (n_parameters,) of it.
        log_likelihood: (n_episodes,) nats of each episode, those without weight in the fit too.
    """

    n_units: int
    parameters: FloatArray
    log_likelihood: FloatArray


class GruFitter:
    """Fits networks of one size to choices, again and again with other weights of the episodes."""

    def __init__(self, n_units: int, choices: Choices) -> None:
        self._n_units = n_units
        self._given = (inputs(choices).astype(np.float32), choices.arms.astype(np.float32))

    def fit(self, counts: FloatArray, rng: np.random.Generator, n_starts: int = 2) -> TinyGru:
        """Fit the network from random starts, and give the best.

        Args:
            counts: (n_episodes,) how often each episode counts.
            rng: for the first parameters.
            n_starts: how often.
        """
        found = [self._climb(counts, initial(self._n_units, rng)) for _ in range(n_starts)]
        return max(found, key=lambda one: one.log_likelihood @ counts)

    def _climb(self, counts: FloatArray, begin: FloatArray) -> TinyGru:
        weights = (counts / (counts.sum() * self._given[1].shape[1])).astype(np.float32)
        with xla.precision("float32"):
            loss, each = _compiled(self._n_units)

            def value(parameters: FloatArray) -> tuple[float, FloatArray]:
                lost, slope = loss(parameters.astype(np.float32), weights, *self._given)
                return float(lost), np.asarray(slope, dtype=np.float64)

            options = {"maxiter": MAX_ITERATIONS}
            best = minimize(value, begin, jac=True, method="L-BFGS-B", options=options).x
            nats = np.asarray(each(best.astype(np.float32), *self._given), dtype=np.float64)
        return TinyGru(self._n_units, best, nats)


def n_parameters(n_units: int) -> int:
    """Count the parameters of a network."""
    return 3 * n_units * (N_INPUTS + n_units + 1) + n_units + 1


def inputs(choices: Choices) -> FloatArray:
    """Return what is seen before each pull, (n_episodes, n_steps, 3); 0 before the first."""
    arm, reward = 2.0 * choices.arms[:, :-1] - 1.0, choices.rewards[:, :-1]
    seen = np.zeros((choices.n_episodes, choices.n_steps, N_INPUTS))
    seen[:, 1:] = np.stack([arm, reward, arm * reward], axis=2)
    return seen


def initial(n_units: int, rng: np.random.Generator) -> FloatArray:
    """Draw parameters."""
    return 0.5 * rng.standard_normal(n_parameters(n_units))


@lru_cache(len(UNITS))
def _compiled(n_units: int) -> tuple[Any, Any]:
    """Compile the loss with its gradient, and the log likelihood of each episode."""
    module = xla.jax("the section policy")
    xp, nn = module.numpy, module.nn

    def log_likelihood(parameters: Any, seen: Any, arms: Any) -> Any:
        gates, rest = xp.split(parameters, [3 * n_units * (N_INPUTS + n_units + 1)])
        gates = gates.reshape(3, N_INPUTS + n_units + 1, n_units)
        from_inputs = xp.einsum("eti,gij->tgej", seen, gates[:, :N_INPUTS])
        from_inputs += gates[:, None, -1]
        recurrent = gates[:, N_INPUTS:-1]

        def step(h: Any, given: Any) -> tuple[Any, Any]:
            keep = nn.sigmoid(given[0] + h @ recurrent[0])
            reset = nn.sigmoid(given[1] + h @ recurrent[1])
            h = keep * h + (1 - keep) * xp.tanh(given[2] + (reset * h) @ recurrent[2])
            return h, h @ rest[:n_units] + rest[n_units]

        _, odds = module.lax.scan(step, xp.zeros((seen.shape[0], n_units)), from_inputs)
        return nn.log_sigmoid((2 * arms - 1) * odds.T).sum(axis=1)

    def loss(parameters: Any, weights: Any, seen: Any, arms: Any) -> Any:
        nats = log_likelihood(parameters, seen, arms)
        return -(weights * nats).sum() + DECAY * (parameters**2).sum()

    return module.jit(module.value_and_grad(loss)), module.jit(log_likelihood)
