"""The network of ``lsnn_speed.py`` as one would write it in JAX, with nothing of Spikeloop's speed.

Neurons, synapses and readouts compute what Spikeloop's do with the settings of the benchmark:
adapting thresholds, refractoriness, soft reset, a delay of one step, filtered readouts, and input
weights on channels that are constant over a decision. One ``lax.scan`` runs over all time steps, a
spike has a surrogate derivative, and automatic differentiation does the rest. Environment, codes of
inputs and exact sums are left out. JAX has one thread, as Spikeloop's has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.tasks.base import Interface
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn.learner import Lsnn

N_HIGH = 3
"""Channels at their height at a time, on average: about one for each number that is shown."""


@dataclass(frozen=True)
class PlainNetwork:
    """A network of a learner's constants.

    Attributes:
        learner: whose constants it has.
        interface: of the family whose decisions it takes.
    """

    learner: Lsnn
    interface: Interface

    def calls(self, n_episodes: int) -> tuple[Callable[[], object], Callable[[], object]]:
        """The forward pass, and the forward pass with the gradient of its loss, compiled."""
        module, rng = xla.jax(), np.random.default_rng(n_episodes)
        parts = self.learner.weights(self.interface)[:3]
        weights = [
            (part.scale * rng.standard_normal(part.shape)).astype(np.float32) for part in parts
        ]
        shape = (self.interface.n_steps, n_episodes, weights[0].shape[0])
        channels = (rng.random(shape) < N_HIGH / shape[2]).astype(np.float32)
        given = module.tree.map(module.numpy.asarray, (weights, channels))
        forward = module.jit(self.loss)
        both = module.jit(module.value_and_grad(self.loss))
        ready = module.block_until_ready
        return lambda: ready(forward(*given)), lambda: ready(both(*given))

    def loss(self, weights: Any, channels: Any) -> Any:
        """The mean square of the readouts at the end of decisions.

        Args:
            weights: from channel to neuron, from neuron to neuron, from neuron to readout.
            channels: (n_decisions, n_episodes, n_channels).
        """
        module = xla.jax()
        xp, (w_in, w_rec, w_out) = module.numpy, weights
        circuit = self.learner.circuit(self.interface)
        neurons, kappa, n_steps = circuit.neurons, circuit.kappa, circuit.n_steps
        rho, beta = (xp.asarray(x, xp.float32) for x in (neurons.rho, neurons.beta))
        spike = surrogate_spike(neurons.dampening)

        def step(state: Any, current: Any) -> Any:
            v, b, waiting, z, y = state
            b = rho * b + (1 - rho) * z
            theta = neurons.threshold + beta * b
            current = current + z @ w_rec
            v = neurons.alpha * v + (1 - neurons.alpha) * current - theta * z
            z = spike((v - theta) / theta) * (waiting <= 0)
            waiting = xp.where(z > 0, neurons.refractory, xp.maximum(waiting - 1, 0))
            y = kappa * y + (1 - kappa) * (z @ w_out)
            return (v, b, waiting, z, y), y

        rest = xp.zeros((channels.shape[1], neurons.n))
        begin = rest, rest, rest.astype(int), rest, xp.zeros((channels.shape[1], w_out.shape[1]))
        _, y = module.lax.scan(step, begin, xp.repeat(channels @ w_in, n_steps, axis=0))
        return (y[n_steps - 1 :: n_steps] ** 2).mean()


def surrogate_spike(dampening: float) -> Any:
    """The step function of normalised potentials, with a triangle in place of its derivative."""
    module = xla.jax()
    xp = module.numpy
    spike: Any = module.custom_jvp(lambda u: (u > 0).astype(u.dtype))

    def derivative(primals: Any, tangents: Any) -> Any:
        (u,), (change,) = primals, tangents
        return spike(u), dampening * xp.maximum(0.0, 1 - xp.abs(u)) * change

    spike.defjvp(derivative)
    return spike
