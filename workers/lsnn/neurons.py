"""One time step of leaky integrate-and-fire neurons, with and without an adapting threshold.

The LSNN of Bellec et al. 2018 ("Long short-term memory and learning-to-learn in networks of spiking
neurons", NeurIPS), as its authors' repository computes it (IGITUGraz/LSNN-official,
lsnn/spiking_models.py). With spikes z of the last step, in steps of length dt:

    b ← ρ b + (1 − ρ) z                ρ = exp(−dt / τ_a)                                  (1)
    θ = θ₀ + β b                                                                           (2)
    v ← α v + (1 − α) I − θ z          α = exp(−dt / τ_m), soft reset                      (3)
    z ← 1 if v > θ and the neuron is not refractory, else 0                                (4)

For plain neurons (LIF) β is 0. A neuron that has spiked cannot spike again for ``refractory``
steps; its potential goes on meanwhile. The derivative of a spike with respect to the normalised
potential u = (v − θ) / θ, which is 0 nearly everywhere, is replaced by the surrogate

    dz / du = γ max(0, 1 − |u|)                                                            (5)

with dampening γ. Through refractoriness nothing is differentiated.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.lsnn.xla import jax


class NeuronState(NamedTuple):
    """Neurons of lives side by side: arrays of (n_lives, n_neurons).

    Attributes:
        v: potential.
        b: adaptation, by which the threshold has risen in units of β.
        waiting: steps for which the neuron stays refractory.
        z: spikes of the last step, 0 or 1.
    """

    v: Any
    b: Any
    waiting: Any
    z: Any


@dataclass(frozen=True)
class Neurons:
    """Constants of a population, in steps.

    Attributes:
        alpha: α, decay of the potential in a step.
        rho: (n_neurons,) ρ, decay of the adaptation in a step.
        beta: (n_neurons,) β, what a full adaptation adds to the threshold; 0 for LIF neurons.
        threshold: θ₀.
        refractory: steps without spikes after a spike.
        dampening: γ, height of the surrogate derivative.
        smooth: width w > 0 replaces spikes by the sigmoid of u / w, for comparisons of gradients
            with finite differences; such neurons are never refractory. 0 for spikes.
    """

    alpha: float
    rho: FloatArray
    beta: FloatArray
    threshold: float
    refractory: int
    dampening: float
    smooth: float = 0.0

    @property
    def n(self) -> int:
        """Neurons."""
        return len(self.beta)

    def at_rest(self, n_lives: int) -> NeuronState:
        """The state in which lives begin."""
        zeros = jax().numpy.zeros((n_lives, self.n))
        return NeuronState(zeros, zeros, zeros, zeros)

    def step(self, state: NeuronState, current: Any) -> NeuronState:
        """The state one step later.

        Args:
            state: before.
            current: (n_lives, n_neurons) I, of all synapses together.
        """
        xp, lax = jax().numpy, jax().lax
        # Constants of Python and of NumPy take the program's own precision.
        rho, beta = (xp.asarray(array, current.dtype) for array in (self.rho, self.beta))
        leak, rise = (xp.asarray(1 - x, current.dtype) for x in (self.alpha, self.rho))
        b = rho * state.b + rise * state.z
        theta = self.threshold + beta * b
        v = self.alpha * state.v + leak * current - theta * state.z
        u = (v - theta) / theta
        if self.smooth:
            return NeuronState(v, b, state.waiting, jax().nn.sigmoid(u / self.smooth))
        z = spikes(u, self.dampening) * (state.waiting <= 0)
        waiting = xp.where(z > 0, float(self.refractory), xp.maximum(state.waiting - 1, 0.0))
        return NeuronState(v, b, lax.stop_gradient(waiting), z)


def spikes(u: Any, dampening: float) -> Any:
    """1 where the normalised potential ``u`` is above 0, else 0; differentiated as in (5)."""
    module = jax()
    xp = module.numpy

    @module.custom_jvp
    def fire(potential: Any) -> Any:
        return (potential > 0).astype(potential.dtype)

    @fire.defjvp
    def _surrogate(primals: Any, tangents: Any) -> Any:
        (potential,), (change,) = primals, tangents
        slope = dampening * xp.maximum(0.0, 1 - xp.abs(potential))
        return fire(potential), slope * change

    return fire(u)


def decay(tau_ms: Any, step_ms: float) -> Any:
    """exp(−step / τ): what is left after a step; 0 for τ = 0."""
    tau = np.asarray(tau_ms, dtype=np.float64)
    left = np.exp(-step_ms / np.where(tau > 0, tau, 1.0)) * (tau > 0)
    return float(left) if np.ndim(tau_ms) == 0 else left
