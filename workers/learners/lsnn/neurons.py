"""One time step of leaky integrate-and-fire neurons, with and without an adapting threshold.

The LSNN of Bellec et al. 2018 ("Long short-term memory and learning-to-learn in networks of spiking
neurons", NeurIPS), as its authors' repository computes it (IGITUGraz/LSNN-official,
lsnn/spiking_models.py). With spikes z of the last step, in steps of length dt:

    b ← ρ b + (1 − ρ) z                ρ = exp(−dt / τ_a)                                  (1)
    θ = θ₀ + β b                                                                           (2)
    v ← α v + (1 − α) I − θ z          α = exp(−dt / τ_m), soft reset                      (3)
    z ← 1 if v > θ and the neuron is not refractory, else 0                                (4)

For plain neurons (LIF) β is 0. Neurons whose reset is to zero, as other simulators have them, take
in place of (3)

    v ← α v (1 − z) + (1 − α) I                                                            (3')

A neuron that has spiked cannot spike again for ``refractory``
steps; its potential goes on meanwhile. The derivative of a spike with respect to the normalised
potential u = (v − θ) / θ, which is 0 nearly everywhere, is replaced by the surrogate

    dz / du = γ max(0, 1 − |u|)                                                            (5)

with dampening γ. Through refractoriness nothing is differentiated.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.xla import jax


class NeuronState(NamedTuple):
    """Neurons of episodes side by side: arrays of (n_episodes, n_neurons).

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
class AdaptiveNeurons:
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
        reset_to_zero: whether a spike sets the potential to 0, and not lower by the threshold.
    """

    alpha: float
    rho: FloatArray
    beta: FloatArray
    threshold: float
    refractory: int
    dampening: float
    smooth: float = 0.0
    reset_to_zero: bool = False

    @property
    def n(self) -> int:
        """Neurons."""
        return len(self.beta)

    def at_rest(self, n_episodes: int) -> NeuronState:
        """Return the state at the start of an episode."""
        zeros = jax().numpy.zeros((n_episodes, self.n))
        return NeuronState(zeros, zeros, zeros, zeros)

    def step(self, state: NeuronState, current: Any) -> NeuronState:
        """Return the state one step later, with the current I (n_episodes, n_neurons)."""
        if self.smooth:
            v, b, u, _ = self._potential(state, current)
            return NeuronState(v, b, state.waiting, jax().nn.sigmoid(u / self.smooth))
        return self._spiking(state, current)

    def _potential(self, state: NeuronState, current: Any) -> tuple[Any, Any, Any, Any]:
        """Return v and b after (1) to (3) or (3'), normalised potential u and threshold θ."""
        xp = jax().numpy
        # Constants of Python and of NumPy take the program's own precision.
        rho, beta = (xp.asarray(array, current.dtype) for array in (self.rho, self.beta))
        leak, rise = (xp.asarray(1 - x, current.dtype) for x in (self.alpha, self.rho))
        b = rho * state.b + rise * state.z
        theta = self.threshold + beta * b
        if self.reset_to_zero:
            v = self.alpha * state.v * (1 - state.z) + leak * current
        else:
            v = self.alpha * state.v + leak * current - theta * state.z
        return v, b, (v - theta) / theta, theta

    def _spiking(self, state: NeuronState, current: Any) -> NeuronState:
        """Compute (1) to (5); the derivative is written out, so that few arrays are kept for it."""
        module = jax()
        xp = module.numpy

        def forwards(state: NeuronState, current: Any) -> Any:
            v, b, u, theta = self._potential(state, current)
            ready = state.waiting <= 0
            z = ((u > 0) & ready).astype(current.dtype)
            waiting = xp.where(z > 0, float(self.refractory), xp.maximum(state.waiting - 1, 0.0))
            before = state.z, state.v if self.reset_to_zero else None
            return NeuronState(v, b, waiting, z), (u, theta, ready, *before)

        def backwards(kept: Any, change: NeuronState) -> Any:
            u, theta, ready, z_before, v_before = kept
            rho, beta = (xp.asarray(array, u.dtype) for array in (self.rho, self.beta))
            leak, rise = (xp.asarray(1 - x, u.dtype) for x in (self.alpha, self.rho))
            slope = xp.where(ready, self.dampening * xp.maximum(0.0, 1 - xp.abs(u)), 0.0)  # (5)
            of_u = change.z * slope / theta
            of_v = change.v + of_u
            if self.reset_to_zero:
                of_b = change.b - beta * of_u * (u + 1)
                of_z = rise * of_b - self.alpha * v_before * of_v
                of_v_before = self.alpha * (1 - z_before) * of_v
            else:
                of_b = change.b - beta * (of_u * (u + 1) + of_v * z_before)
                of_z = rise * of_b - theta * of_v
                of_v_before = self.alpha * of_v
            before = NeuronState(of_v_before, rho * of_b, xp.zeros_like(u), of_z)
            return before, leak * of_v

        step: Any = module.custom_vjp(lambda *before: forwards(*before)[0])
        step.defvjp(forwards, backwards)
        after: NeuronState = step(state, current)
        return after


def decay(tau_ms: Any, step_ms: float) -> Any:
    """Return exp(−step / τ), the share that is left after a step; 0 for τ = 0."""
    tau = np.asarray(tau_ms, dtype=np.float64)
    left = np.exp(-step_ms / np.where(tau > 0, tau, 1.0)) * (tau > 0)
    return float(left) if np.ndim(tau_ms) == 0 else left
