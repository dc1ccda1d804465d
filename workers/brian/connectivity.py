"""A recurrent network as it is drawn: who reaches whom, how late and how strongly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray


@dataclass(frozen=True)
class Circuit:
    """A drawn network.

    Attributes:
        pre: (n_synapses,) source of each recurrent synapse.
        post: (n_synapses,) target, another neuron.
        delay_steps: (n_synapses,) from 1.
        adaptive: (n_neurons,) which are.
        dale: (n_neurons,) sign and strength of a neuron's synapses by Dale's law; all 0 without.
        tau_adaptation_ms: (n_neurons,) also of neurons that are not adaptive.
        tau_readout_ms: (n_neurons,).
        weights: (n_synapses,) initial weights, before Dale's law.
    """

    pre: IntArray
    post: IntArray
    delay_steps: IntArray
    adaptive: NDArray[np.bool_]
    dale: FloatArray
    tau_adaptation_ms: FloatArray
    tau_readout_ms: FloatArray
    weights: FloatArray

    @classmethod
    def draw(
        cls,
        seed: int,
        n: int,
        *,
        connectivity: float,
        longest_delay: int,
        adaptive_share: float,
        excitatory_share: float,
        tau_adaptation_ms: tuple[float, float],
        tau_readout_ms: tuple[float, float],
        scale: float,
    ) -> "Circuit":
        """A network of which each part has random numbers of its own.

        Args:
            seed: of all numbers.
            n: neurons.
            connectivity: chance of a synapse from one neuron to another.
            longest_delay: delays are 1, 2, ... time steps up to this.
            adaptive_share: of all neurons.
            excitatory_share: of all neurons, by Dale's law; 0: without the law.
            tau_adaptation_ms: ends of a range.
            tau_readout_ms: ends of a range.
            scale: standard deviation of weights.
        """
        children = np.random.SeedSequence([seed, 0]).spawn(6)
        wires, delays, adapts, adaptation, readout, weights = map(generator, children)
        pre, post = np.divmod(np.arange(n * n), n)
        kept = (pre != post) & (wires.random(n * n) < connectivity)
        pre, post = pre[kept], post[kept]
        adaptive = np.zeros(n, dtype=np.bool_)
        adaptive[adapts.permutation(n)[: round(adaptive_share * n)]] = True
        n_excitatory = round(excitatory_share * n)
        dale = np.zeros(n)
        if excitatory_share:
            # Few inhibitory neurons are as strong as many excitatory ones.
            inhibition = n_excitatory / max(1, n - n_excitatory)
            dale = np.where(np.arange(n) < n_excitatory, 1.0, -inhibition)
        return cls(
            pre=pre,
            post=post,
            delay_steps=delays.integers(1, longest_delay, pre.size, endpoint=True),
            adaptive=adaptive,
            dale=dale,
            tau_adaptation_ms=_log_uniform(tau_adaptation_ms, n, adaptation),
            tau_readout_ms=_log_uniform(tau_readout_ms, n, readout),
            weights=scale * weights.standard_normal((n, n))[pre, post],
        )

    def acting(self, deviation: FloatArray) -> FloatArray:
        """(n_candidates, n_synapses) weights that act, given deviations from the initial ones.

        w = w₀ + Δ; by Dale's law w = dale |w₀ + Δ| with the value of the source neuron.
        """
        weights = self.weights + deviation
        if self.dale.any():
            weights = self.dale[self.pre] * np.abs(weights)
        return weights


def generator(sequence: np.random.SeedSequence) -> np.random.Generator:
    """Random numbers that are the same on any machine."""
    return np.random.Generator(np.random.Philox(sequence))


def _log_uniform(ends_ms: tuple[float, float], n: int, rng: np.random.Generator) -> FloatArray:
    low, high = np.log(ends_ms)
    times_ms: FloatArray = np.exp(low + (high - low) * rng.random(n))
    return times_ms
