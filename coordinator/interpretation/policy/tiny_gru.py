"""A ceiling for models of choices: a recurrent network of 1 to 4 gated units fitted to them.

Such networks, fitted to the choices of one subject, predict them as well as or better than models
with names, and show how much of the choices is predictable at all from what the subject saw
(Ji-An, Benna and Mattar 2025, "Discovering cognitive strategies with tiny recurrent neural
networks", Nature 644). The input of a pull is the last arm a ∈ {−1, 1}, its reward and their
product; with hidden units h and gates z, r in the form of Cho et al. 2014 (arXiv 1406.1078),

    z, r = σ(W x + U h + b),   h ← z h + (1 − z) tanh(W x + U (r h) + b),   log odds = w · h + bias.
"""

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


def fit(n_units: int, choices: Choices, rng: np.random.Generator, n_starts: int = 2) -> FloatArray:
    """Fit a network from random starts, and give the parameters of the best, (n_parameters,)."""
    given, best = _arrays(choices), (np.inf, np.zeros(0))
    with xla.precision("float32"):
        loss, _ = _compiled(n_units)

        def value(parameters: FloatArray) -> tuple[float, FloatArray]:
            lost, slope = loss(parameters.astype(np.float32), *given)
            return float(lost), np.asarray(slope, dtype=np.float64)

        for _ in range(n_starts):
            begin = 0.5 * rng.standard_normal(n_parameters(n_units))
            options = {"maxiter": MAX_ITERATIONS}
            found = minimize(value, begin, jac=True, method="L-BFGS-B", options=options)
            best = min(best, (float(found.fun), found.x), key=lambda one: one[0])
    return best[1]


def log_likelihood(n_units: int, parameters: FloatArray, choices: Choices) -> FloatArray:
    """Compute the nats of each episode, (n_episodes,)."""
    with xla.precision("float32"):
        _, each = _compiled(n_units)
        nats = each(parameters.astype(np.float32), *_arrays(choices))
    return np.asarray(nats, dtype=np.float64)


def _arrays(choices: Choices) -> tuple[Any, Any]:
    return inputs(choices).astype(np.float32), choices.arms.astype(np.float32)


def n_parameters(n_units: int) -> int:
    """Count the parameters of a network."""
    return 3 * n_units * (N_INPUTS + n_units + 1) + n_units + 1


def inputs(choices: Choices) -> FloatArray:
    """Return what is seen before each pull, (n_episodes, n_steps, 3); 0 before the first."""
    arm, reward = 2.0 * choices.arms[:, :-1] - 1.0, choices.rewards[:, :-1]
    seen = np.zeros((choices.n_episodes, choices.n_steps, N_INPUTS))
    seen[:, 1:] = np.stack([arm, reward, arm * reward], axis=2)
    return seen


@lru_cache(len(UNITS))
def _compiled(n_units: int) -> tuple[Any, Any]:
    """Compile the loss with its gradient, and the log likelihood of each episode."""
    module = xla.jax("the section policy")
    xp, nn = module.numpy, module.nn

    def nats(parameters: Any, seen: Any, arms: Any) -> Any:
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

    def loss(parameters: Any, seen: Any, arms: Any) -> Any:
        mean = nats(parameters, seen, arms).mean() / arms.shape[1]
        return DECAY * (parameters**2).sum() - mean

    return module.jit(module.value_and_grad(loss)), module.jit(nats)
