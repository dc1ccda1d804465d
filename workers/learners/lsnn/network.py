"""The time steps of one decision: neurons, their synapses, and linear readouts of filtered spikes.

With spikes z of a step, input current D, axonal delays d_i and κ = exp(−dt / τ_out):

    I_j(t) = D_j(t) + Σ_i W_ij z_i(t − d_i)                                                (1)
    y ← κ y + (1 − κ) Σ_i z_i(t) R_i                                                       (2)

A gradient with respect to W is not gathered step by step, as automatic differentiation would, but
by one product over all time steps of the decision at the end, which is much of what training costs:

    ∂L/∂W_ij = Σ_t z_i(t − d_i) ∂L/∂I_j(t)                                                 (3)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spikeloop.tasks.base import IntArray
from spikeloop.workers.learners.lsnn.neurons import AdaptiveNeurons, NeuronState
from spikeloop.workers.xla import jax


class NetworkState(NamedTuple):
    """Networks of episodes side by side.

    Attributes:
        neurons: state of the neurons.
        under_way: for each delay d, (d − 1, n_episodes, its neurons) spikes older than the last
            step's that have not arrived yet, in a ring.
        clock: time steps so far.
        y: (n_episodes, n_readouts) filtered readouts, without their bias.
    """

    neurons: NeuronState
    under_way: tuple[Any, ...]
    clock: Any
    y: Any


@dataclass(frozen=True)
class Network:
    """A recurrent network with readouts.

    Attributes:
        neurons: constants of the population.
        delays: axonal delays in steps, each 1 or more, dealt to the neurons in turn: neuron i has
            ``delays[i % len(delays)]``.
        n_readouts: linear readouts.
        kappa: κ, the share of a readout that is left after a step.
        n_steps: time steps of a decision.
    """

    neurons: AdaptiveNeurons
    delays: tuple[int, ...]
    n_readouts: int
    kappa: float
    n_steps: int

    @property
    def order(self) -> IntArray:
        """(n,) the neurons sorted by their place among the delays, as spikes are sent."""
        n, n_delays = self.neurons.n, len(self.delays)
        return np.concatenate([np.arange(first, n, n_delays) for first in range(n_delays)])

    def at_rest(self, n_episodes: int) -> NetworkState:
        """Return the state at the start of an episode."""
        zeros, n, n_delays = jax().numpy.zeros, self.neurons.n, len(self.delays)
        under_way = tuple(
            zeros((delay - 1, n_episodes, len(range(first, n, n_delays))))
            for first, delay in enumerate(self.delays)
        )
        clock = jax().numpy.zeros((), int)
        return NetworkState(
            self.neurons.at_rest(n_episodes), under_way, clock, zeros((n_episodes, self.n_readouts))
        )

    def decide(
        self, recurrent: Any, readout: Any, state: NetworkState, drive: Any
    ) -> tuple[NetworkState, Any]:
        """Run the time steps of one decision.

        Args:
            recurrent: (n, n) W, from row to column.
            readout: (n, n_readouts) R.
            state: before.
            drive: (n_episodes, n) constant input current, or (n_steps, n_episodes, n).

        Returns:
            The state after it, and (n_steps, n_episodes, n) all spikes.
        """
        xp = jax().numpy
        (neurons, under_way, clock), spikes = self._run(recurrent[self.order], state, drive)
        flat = spikes.reshape(-1, self.neurons.n) @ readout
        carried = flat.reshape(*spikes.shape[:2], self.n_readouts)

        def filtered(y: Any, now: Any) -> tuple[Any, None]:
            return self.kappa * y + xp.asarray(1 - self.kappa, y.dtype) * now, None

        y, _ = jax().lax.scan(filtered, state.y, carried)
        return NetworkState(neurons, under_way, clock, y), spikes

    def step(self, rows: Any, moving: Any, drive: Any, nudge: Any = None) -> tuple[Any, Any]:
        """Run one time step.

        Args:
            rows: (n, n) W, its rows in the order of ``order``.
            moving: state of the neurons, spikes under way, clock.
            drive: (n_episodes, n).
            nudge: (n_episodes, n) added to what synapses carry; None for 0.

        Returns:
            The same after it, and (n_episodes, n) the spikes that arrived, in that order.
        """
        lax, xp = jax().lax, jax().numpy
        neurons, under_way, clock = moving
        arriving, rings = [], []
        for first, ring in enumerate(under_way):
            latest = neurons.z[:, first :: len(self.delays)]
            if ring.shape[0]:
                slot = clock % ring.shape[0]
                arriving.append(lax.dynamic_index_in_dim(ring, slot, keepdims=False))
                ring = lax.dynamic_update_index_in_dim(ring, latest, slot, 0)
            else:
                arriving.append(latest)
            rings.append(ring)
        arrived = xp.concatenate(arriving, axis=1)
        carried = arrived @ rows
        if nudge is not None:
            carried = carried + nudge
        return (self.neurons.step(neurons, carried + drive), tuple(rings), clock + 1), arrived

    def _scan(self, rows: Any, moving: Any, drive: Any, nudge: Any = None) -> Any:
        """Run all time steps; return the state, arrived spikes and sent spikes of each step."""

        def step(before: Any, given: Any) -> tuple[Any, Any]:
            current, push = given
            after, arrived = self.step(rows, before, drive if current is None else current, push)
            return after, (arrived, after[0].z)

        varying = drive if drive.ndim == 3 else None
        after, (arrived, spikes) = jax().lax.scan(
            step, moving, (varying, nudge), length=self.n_steps
        )
        return after, arrived, spikes

    def _run(self, rows: Any, state: NetworkState, drive: Any) -> tuple[Any, Any]:
        """Run all time steps; return the state and all spikes, differentiated by (3)."""
        module = jax()
        xp = module.numpy

        def plainly(rows: Any, moving: Any, drive: Any) -> Any:
            after, _, spikes = self._scan(rows, moving, drive)
            return after, spikes

        def forwards(rows: Any, moving: Any, drive: Any) -> Any:
            shape = (self.n_steps, drive.shape[-2], self.neurons.n)

            def nudged(moving: Any, drive: Any, nudge: Any) -> Any:
                after, arrived, spikes = self._scan(rows, moving, drive, nudge)
                return (after, spikes), arrived

            out, back, arrived = module.vjp(
                nudged, moving, drive, xp.zeros(shape, rows.dtype), has_aux=True
            )
            return out, (back, arrived)

        def backwards(kept: Any, change: Any) -> Any:
            back, arrived = kept
            of_moving, of_drive, of_carried = back(change)
            return xp.einsum("tbi,tbj->ij", arrived, of_carried), of_moving, of_drive

        whole: Any = module.custom_vjp(plainly)
        whole.defvjp(forwards, backwards)
        after, spikes = whole(rows, (state.neurons, state.under_way, state.clock), drive)
        return after, spikes
