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


class StepRecord(NamedTuple):
    """What derivatives of a time step need: arrays of (n_episodes, n_neurons).

    Attributes:
        u: normalised potential.
        theta: threshold θ.
        slope: dz / du.
        z_before: spikes of the step before.
        v_before: potential before; None unless a spike sets it to 0.
    """

    u: Any
    theta: Any
    slope: Any
    z_before: Any
    v_before: Any


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
        step: Any = jax().custom_vjp(lambda *before: self.recorded_step(*before)[0])
        step.defvjp(self.recorded_step, self.step_back)
        after: NeuronState = step(state, current)
        return after

    def recorded_step(self, state: NeuronState, current: Any) -> tuple[NeuronState, StepRecord]:
        """Compute (1) to (5): the state one step later, and what ``step_back`` needs."""
        xp = jax().numpy
        rho, beta, leak, rise = self._constants(current)
        b = rho * state.b + rise * state.z
        theta = self.threshold + beta * b
        if self.reset_to_zero:
            v = self.alpha * state.v * (1 - state.z) + leak * current
        else:
            v = self.alpha * state.v + leak * current - theta * state.z
        u = (v - theta) / theta
        if self.smooth:
            z = jax().nn.sigmoid(u / self.smooth)
            waiting, slope = state.waiting, z * (1 - z) / self.smooth
        else:
            ready = (state.waiting <= 0).astype(u.dtype)
            z = (u > 0).astype(u.dtype) * ready
            waiting = self.refractory * z + xp.maximum(state.waiting - 1, 0.0)
            slope = self.dampening * xp.maximum(0.0, 1 - xp.abs(u)) * ready
        kept = StepRecord(u, theta, slope, state.z, state.v if self.reset_to_zero else None)
        return NeuronState(v, b, waiting, z), kept

    def step_back(self, kept: StepRecord, change: NeuronState) -> tuple[NeuronState, Any]:
        """Return the derivatives by the state before a step and by its current.

        Args:
            kept: of the step.
            change: derivatives by the state after it.
        """
        u, theta, slope, z_before, v_before = kept
        rho, beta, leak, rise = self._constants(u)
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
        before = NeuronState(of_v_before, rho * of_b, jax().numpy.zeros_like(u), of_z)
        return before, leak * of_v

    def _constants(self, like: Any) -> tuple[Any, Any, Any, Any]:
        """Return ρ, β, 1 − α and 1 − ρ in the precision of an array."""
        made = (self.rho, self.beta, 1 - self.alpha, 1 - self.rho)
        rho, beta, leak, rise = (jax().numpy.asarray(x, like.dtype) for x in made)
        return rho, beta, leak, rise


def decay(tau_ms: Any, step_ms: float) -> Any:
    """Return exp(−step / τ), the share that is left after a step; 0 for τ = 0."""
    tau = np.asarray(tau_ms, dtype=np.float64)
    left = np.exp(-step_ms / np.where(tau > 0, tau, 1.0)) * (tau > 0)
    return float(left) if np.ndim(tau_ms) == 0 else left
