"""The time steps of one decision: neurons, their synapses, and linear readouts of filtered spikes.

With spikes z of the last step (those of slower synapses are older), drive D from the inputs, and
κ = exp(−dt / τ_out):

    I = D + Σ_d z(t − d) W_d             y ← κ y + (1 − κ) z W_out                          (1)

Both products are one. Its gradient with respect to the weights is not gathered step by step, as
automatic differentiation would, but by one product over all time steps of the decision at the end,
which takes a third off training:

    ∂L/∂W = Σ_t z(t − d)ᵀ ∂L/∂I(t)                                                        (2)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from spikeloop.workers.lsnn.neurons import Neurons, NeuronState
from spikeloop.workers.lsnn.xla import jax


class NetworkState(NamedTuple):
    """Networks of lives side by side.

    Attributes:
        neurons: theirs.
        history: (n_lives, (longest_delay − 1) n_neurons) spikes before the last step, latest first.
        y: (n_lives, n_readouts) filtered readouts, without their bias.
    """

    neurons: NeuronState
    history: Any
    y: Any


@dataclass(frozen=True)
class Network:
    """A recurrent network with readouts.

    Attributes:
        neurons: constants of the population.
        longest_delay: steps of the slowest synapse.
        n_readouts: linear readouts.
        kappa: κ, what is left of a readout after a step.
        n_steps: time steps of a decision.
    """

    neurons: Neurons
    longest_delay: int
    n_readouts: int
    kappa: float
    n_steps: int

    def at_rest(self, n_lives: int) -> NetworkState:
        """The state in which lives begin."""
        zeros = jax().numpy.zeros
        return NetworkState(
            self.neurons.at_rest(n_lives),
            zeros((n_lives, (self.longest_delay - 1) * self.neurons.n)),
            zeros((n_lives, self.n_readouts)),
        )

    def matrix(self, recurrent: Any, readout: Any) -> Any:
        """(longest_delay n, n + n_readouts) all weights that spikes go through.

        Args:
            recurrent: (longest_delay, n, n) by delay less one.
            readout: (n, n_readouts).
        """
        xp = jax().numpy
        d, n, _ = recurrent.shape
        slower = xp.zeros(((d - 1) * n, readout.shape[1]), readout.dtype)
        return xp.concatenate(
            [recurrent.reshape(d * n, n), xp.concatenate([readout, slower])], axis=1
        )

    def run(
        self, matrix: Any, state: NetworkState, drive: Any, nudge: Any = None
    ) -> tuple[NetworkState, Any]:
        """Lets the time steps of one decision happen.

        Args:
            matrix: as ``matrix`` gives it.
            state: before.
            drive: (n_lives, n) constant input current, or (n_steps, n_lives, n).
            nudge: (n_steps, n_lives, n + n_readouts) added to what synapses carry; None for 0.

        Returns:
            The state after it, and (n_steps, n_lives, longest_delay n) the spikes that each step
            began with, the last step's first.
        """
        xp, n = jax().numpy, self.neurons.n

        def step(before: NetworkState, given: Any) -> tuple[NetworkState, Any]:
            current, push = given
            sent = xp.concatenate([before.neurons.z, before.history], axis=1)
            carried = sent @ matrix
            if push is not None:
                carried = carried + push
            current = drive if current is None else current
            neurons = self.neurons.step(before.neurons, carried[:, :n] + current)
            y = self.kappa * before.y + (1 - self.kappa) * carried[:, n:]
            return NetworkState(neurons, sent[:, : before.history.shape[1]], y), sent

        varying = drive if drive.ndim == 3 else None
        after, sent = jax().lax.scan(step, state, (varying, nudge), length=self.n_steps)
        return after, sent

    def decide(self, matrix: Any, state: NetworkState, drive: Any) -> tuple[NetworkState, Any]:
        """Like ``run``, differentiated by (2); gives (n_lives, n) spikes of each neuron, counted.

        The spikes of a decision are those that its steps began with, so that those of the last
        step count in the next decision.
        """
        module, n = jax(), self.neurons.n
        xp = module.numpy

        @module.custom_vjp
        def whole(matrix: Any, state: NetworkState, drive: Any) -> Any:
            after, sent = self.run(matrix, state, drive)
            return after, sent[:, :, :n].sum(axis=0)

        def forwards(matrix: Any, state: NetworkState, drive: Any) -> Any:
            shape = (self.n_steps, drive.shape[-2], matrix.shape[1])

            def nudged(state: NetworkState, drive: Any, nudge: Any) -> Any:
                after, sent = self.run(matrix, state, drive, nudge)
                return (after, sent[:, :, :n].sum(axis=0)), sent

            out, back, sent = module.vjp(
                nudged, state, drive, xp.zeros(shape, matrix.dtype), has_aux=True
            )
            return out, (back, sent)

        def backwards(kept: Any, change: Any) -> Any:
            back, sent = kept
            of_state, of_drive, of_carried = back(change)
            return xp.einsum("tbi,tbj->ij", sent, of_carried), of_state, of_drive

        whole.defvjp(forwards, backwards)
        after, counts = whole(matrix, state, drive)
        return after, counts
