"""The time steps of one decision: neurons, their synapses, and linear readouts of filtered spikes.

With spikes z of a step, input current D, axonal delays d_i and κ = exp(−dt / τ_out):

    I_j(t) = D_j(t) + Σ_i W_ij z_i(t − d_i)                                                (1)
    y ← κ y + (1 − κ) Σ_i z_i(t) R_i                                                       (2)

The derivative of a decision is a rule of its own that goes back through the time steps. A gradient
with respect to W is one product over all of them at the end, where automatic differentiation would
add up one for each:

    ∂L/∂W_ij = Σ_t z_i(t − d_i) ∂L/∂I_j(t)                                                 (3)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.learners.lsnn.neurons import AdaptiveNeurons, NeuronState
from spikeloop.workers.xla import jax


class NetworkState(NamedTuple):
    """Networks of episodes side by side.

    Attributes:
        neurons: state of the neurons.
        sent: (longest delay, n_episodes, n) spikes of steps before the last one, in a ring. Its
            oldest are written over in the next step, and never read.
        clock: time steps so far.
        y: (n_episodes, n_readouts) filtered readouts, without their bias.
    """

    neurons: NeuronState
    sent: Any
    clock: Any
    y: Any


Moving = tuple[NeuronState, Any, Any]
"""What moves from one time step to the next: the state of the neurons, spikes sent, and clock."""


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

    @cached_property
    def _groups(self) -> dict[int, NDArray[np.bool_]]:
        """Return which neurons (n,) have each delay, longest first."""
        dealt = np.resize(self.delays, self.neurons.n)
        return {delay: dealt == delay for delay in sorted(set(self.delays), reverse=True)}

    def at_rest(self, n_episodes: int) -> NetworkState:
        """Return the state at the start of an episode."""
        zeros = jax().numpy.zeros
        return NetworkState(
            self.neurons.at_rest(n_episodes),
            zeros((max(self.delays), n_episodes, self.neurons.n)),
            zeros((), int),
            zeros((n_episodes, self.n_readouts)),
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
        moving, spikes = self._run(recurrent, state, drive)
        return NetworkState(*moving, self._read(readout, state.y, spikes)), spikes

    def step(self, recurrent: Any, moving: Moving, drive: Any) -> Moving:
        """Run one time step with weights W (n, n) and currents ``drive`` (n_episodes, n)."""
        neurons, sent, clock = moving
        arrived, sent = self._deliver(neurons.z, sent, clock)
        return self.neurons.step(neurons, arrived @ recurrent + drive), sent, clock + 1

    def _deliver(self, z: Any, sent: Any, clock: Any) -> tuple[Any, Any]:
        """Put the last step's spikes into the ring.

        Returns:
            The spikes (n_episodes, n) that arrive now, and the ring. It is written before it is
            read, since otherwise XLA copies it.
        """
        lax, xp = jax().lax, jax().numpy
        ring = lax.dynamic_update_index_in_dim(sent, z, self._slot(clock, 1), 0)
        arrived = xp.zeros_like(z)
        for delay, has_it in self._groups.items():
            slot = self._slot(clock, delay)
            arrived = xp.where(
                has_it, lax.dynamic_index_in_dim(ring, slot, keepdims=False), arrived
            )
        return arrived, ring

    def _deliver_back(self, of_arrived: Any, of_ring: Any, clock: Any) -> tuple[Any, Any]:
        """Return the derivatives by the last step's spikes and by the ring before.

        Going back in time, spikes are met for the first time where they arrive after the longest
        delay. Their derivative then replaces that of the spikes which had the same slot later.
        """
        lax, xp = jax().lax, jax().numpy
        for delay, has_it in self._groups.items():
            slot = self._slot(clock, delay)
            mine = xp.where(has_it, of_arrived, 0.0)
            if delay < max(self.delays):
                mine = mine + lax.dynamic_index_in_dim(of_ring, slot, keepdims=False)
            of_ring = lax.dynamic_update_index_in_dim(of_ring, mine, slot, 0)
        return lax.dynamic_index_in_dim(of_ring, self._slot(clock, 1), keepdims=False), of_ring

    def _slot(self, clock: Any, delay: int) -> Any:
        """Return where in the ring the spikes are that arrive now after a delay."""
        length = max(self.delays)
        return (clock + (length + 1 - delay)) % length

    def _run(self, recurrent: Any, state: NetworkState, drive: Any) -> tuple[Moving, Any]:
        """Run all time steps; return what moves on after them, and all spikes."""
        module = jax()
        varying = drive.ndim == 3

        def scan(step: Any, moving: Moving, drive: Any) -> Any:
            currents = drive if varying else None
            return module.lax.scan(
                lambda before, now: step(before, now if varying else drive),
                moving,
                currents,
                length=self.n_steps,
            )

        def plainly(recurrent: Any, moving: Moving, drive: Any) -> Any:
            def step(before: Moving, current: Any) -> Any:
                after = self.step(recurrent, before, current)
                return after, after[0].z

            return scan(step, moving, drive)

        def forwards(recurrent: Any, moving: Moving, drive: Any) -> Any:
            def step(before: Moving, current: Any) -> Any:
                neurons, sent, clock = before
                arrived, sent = self._deliver(neurons.z, sent, clock)
                neurons, record = self.neurons.recorded_step(neurons, arrived @ recurrent + current)
                return (neurons, sent, clock + 1), (neurons.z, arrived, record)

            after, (spikes, arrived, records) = scan(step, moving, drive)
            return (after, spikes), (recurrent, moving[2], arrived, records)

        def backwards(kept: Any, change: Any) -> Any:
            recurrent, clock, arrived, records = kept
            (of_neurons, of_sent, _), of_spikes = change
            # Products in the loop are faster with the transposed matrix in memory.
            transposed = module.lax.optimization_barrier(recurrent.T)

            def step(after: Any, now: Any) -> Any:
                of_neurons, of_sent = after
                of_spikes, record, clock = now
                of_neurons = of_neurons._replace(z=of_neurons.z + of_spikes)
                of_neurons, of_current = self.neurons.step_back(record, of_neurons)
                of_z, of_sent = self._deliver_back(of_current @ transposed, of_sent, clock)
                return (of_neurons._replace(z=of_neurons.z + of_z), of_sent), of_current

            clocks = clock + module.numpy.arange(self.n_steps)
            (of_neurons, of_sent), of_current = module.lax.scan(
                step, (of_neurons, of_sent), (of_spikes, records, clocks), reverse=True
            )
            of_recurrent = module.numpy.einsum("tbi,tbj->ij", arrived, of_current)  # (3)
            of_drive = of_current if varying else of_current.sum(axis=0)
            return of_recurrent, (of_neurons, of_sent, None), of_drive

        whole: Any = module.custom_vjp(plainly)
        whole.defvjp(forwards, backwards)
        after, spikes = whole(recurrent, tuple(state[:3]), drive)
        return after, spikes

    def _read(self, readout: Any, y: Any, spikes: Any) -> Any:
        """Return the readouts after all spikes of a decision, by (2).

        Weights are on a grid, so that sums over neurons are exact, whatever their order. They come
        first, therefore; derivatives need not be exact, and spikes are summed over time first.
        """
        module = jax()

        def plainly(readout: Any, y: Any, spikes: Any) -> Any:
            flat = spikes.reshape(-1, self.neurons.n) @ readout
            rise = module.numpy.asarray(1 - self.kappa, y.dtype)
            y, _ = module.lax.scan(
                lambda y, now: (self.kappa * y + rise * now, None),
                y,
                flat.reshape(*spikes.shape[:2], self.n_readouts),
            )
            return y

        def forwards(readout: Any, y: Any, spikes: Any) -> Any:
            return plainly(readout, y, spikes), (readout, spikes)

        def backwards(kept: Any, of_y: Any) -> Any:
            readout, spikes = kept
            left = self.kappa ** np.arange(self.n_steps)[::-1]
            share = module.numpy.asarray((1 - self.kappa) * left, of_y.dtype)
            of_readout = module.numpy.tensordot(share, spikes, 1).T @ of_y
            of_spikes = share[:, None, None] * (of_y @ readout.T)
            return of_readout, self.kappa**self.n_steps * of_y, of_spikes

        read: Any = module.custom_vjp(plainly)
        read.defvjp(forwards, backwards)
        return read(readout, y, spikes)
