"""Lesions of what recurrent spikes carry, each with the mean delay that its control has to match.

With J time steps, and spikes z of a neuron:

    jitter      each spike arrives u steps late, u drawn from {0, ..., J}; mean delay J / 2
    delay       every spike of an episode arrives the same number of steps late
    filter      r ← κ r + (1 − κ) z arrives, κ = J / (J + 1): a rate of that resolution, without
                noise; the filter's mean delay is J
    resampling  a Poisson number of spikes of mean r arrives instead: that rate, with noise

A delay that is no whole number, as half of an odd J, is the whole number below it in every other
episode and the one above in the others, so that within an episode no spike shifts against another.
Nothing is lost: each spike arrives once, on average, in all of them.
"""

import numpy as np

from spikeloop.coordinator.interpretation.closed_loop.axons import Axons
from spikeloop.tasks.base import FloatArray


class Jitter:
    """Each spike arrives later by its own random number of steps, 0 to ``longest``."""

    def __init__(self, longest: int, rng: np.random.Generator) -> None:
        self.longest = longest
        self._rng = rng

    def send(self, axons: Axons, spikes: FloatArray) -> None:
        """Put each spike under way."""
        episode, neuron = np.nonzero(spikes)
        late = self._rng.integers(0, self.longest + 1, len(episode))
        axons.put_late(episode, neuron, late)


class Delay:
    """All spikes arrive later by the same number of steps, in half steps."""

    def __init__(self, mean: float) -> None:
        if mean < 0 or (2 * mean) % 1:
            raise ValueError(f"a mean delay must be a multiple of half a step, got {mean}")
        self.longest = int(np.ceil(mean))
        self._mean = mean

    def send(self, axons: Axons, spikes: FloatArray) -> None:
        """Put each spike under way."""
        episode, neuron = np.nonzero(spikes)
        late = np.where(episode % 2, np.floor(self._mean), np.ceil(self._mean))
        axons.put_late(episode, neuron, late.astype(np.int64))


class Filter:
    """A low-pass filter of the spikes arrives; its mean delay is ``tau`` steps."""

    longest = 0

    def __init__(self, tau: float) -> None:
        self.kappa = tau / (tau + 1.0)
        self._rate: FloatArray | None = None

    def send(self, axons: Axons, spikes: FloatArray) -> None:
        """Put the filtered spikes under way."""
        axons.put(self.filtered(spikes))

    def filtered(self, spikes: FloatArray) -> FloatArray:
        """Return the rate (n_episodes, n_neurons) after these spikes."""
        before = np.zeros_like(spikes) if self._rate is None else self._rate
        self._rate = self.kappa * before + (1 - self.kappa) * spikes
        return self._rate


class Resampling:
    """Poisson numbers of spikes arrive, of the filtered rate."""

    longest = 0

    def __init__(self, tau: float, rng: np.random.Generator) -> None:
        self._filter = Filter(tau)
        self._rng = rng

    def send(self, axons: Axons, spikes: FloatArray) -> None:
        """Put as many new spikes under way."""
        axons.put(self._rng.poisson(self._filter.filtered(spikes)).astype(np.float64))


class ExchangedTrains:
    """Spike trains of a decision, exchanged between episodes, each neuron for itself.

    A neuron's train goes to an episode in which the neuron has as many spikes in that decision, so
    that all counts stay what they were and only the times are another episode's; or to any episode
    if not ``equal_counts``. A train whose count no other episode has stays.
    """

    def __init__(self, rng: np.random.Generator, equal_counts: bool = True) -> None:
        self._rng = rng
        self._equal_counts = equal_counts
        self.n_trains = 0
        self.n_moved = 0

    def __call__(self, spikes: FloatArray) -> FloatArray:
        """Return the exchanged trains, (n_time_steps, n_episodes, n_neurons) like the given."""
        counts = spikes.sum(axis=0) if self._equal_counts else np.zeros(spikes.shape[1:])
        # Two random orders within each count: the k-th train of one goes to the k-th of the other.
        to, source = (np.argsort(counts + self._rng.random(counts.shape), axis=0) for _ in range(2))
        donor = np.empty_like(to)
        np.put_along_axis(donor, to, source, axis=0)
        exchanged = np.take_along_axis(spikes, donor[None], axis=1)
        with_spikes = spikes.any(axis=0)
        self.n_trains += int(with_spikes.sum())
        self.n_moved += int((exchanged != spikes).any(axis=0).sum())
        return exchanged
