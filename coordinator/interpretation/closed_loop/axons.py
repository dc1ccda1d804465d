"""What the spikes of neurons become between the neurons that send them and their synapses.

Axons keep what is under way in a ring: ``ring[k]`` is what arrives k slots ahead of the one at
``clock``. An intact axon hands a spike on after the neuron's delay. A *carrier* changes that: it
may shift each spike, or put another signal in the place of the spikes. Only what neurons of the
network get from one another is changed; a neuron's own reset, its adaptation, and the readouts keep
the spikes as they were sent.
"""

from typing import Protocol

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray


class Carrier(Protocol):
    """A change of the signal on its way; a new one for each simulation."""

    @property
    def longest(self) -> int:
        """Return the most time steps by which it delays a spike."""
        ...

    def send(self, axons: "Axons", spikes: FloatArray) -> None:
        """Put what becomes of the spikes of a time step, (n_episodes, n_neurons), under way."""
        ...


class Intact:
    """Spikes arrive as they were sent."""

    longest = 0

    def send(self, axons: "Axons", spikes: FloatArray) -> None:
        """Put the spikes under way."""
        axons.put(spikes)


class Axons:
    """Signals under way of all neurons in episodes side by side.

    Args:
        delay: (n_neurons,) time steps from sending to arrival, 1 or more.
        n_episodes: side by side.
        longest: time steps that a carrier may add.
    """

    def __init__(self, delay: IntArray, n_episodes: int, longest: int) -> None:
        self.delay = delay
        self.ring = np.zeros((int(delay.max()) + longest + 1, n_episodes, len(delay)))
        self.clock = 0
        self._groups = [(int(d), np.flatnonzero(delay == d)) for d in np.unique(delay)]

    def arriving(self) -> FloatArray:
        """Return (n_episodes, n_neurons) what arrives in this time step."""
        arrived: FloatArray = self.ring[self.clock]
        return arrived

    def advance(self) -> None:
        """Go on by one time step; what has arrived is gone."""
        self.ring[self.clock] = 0.0
        self.clock = (self.clock + 1) % len(self.ring)

    def put(self, signal: FloatArray) -> None:
        """Add a signal (n_episodes, n_neurons) of this time step at its neurons' delays."""
        for delay, neurons in self._groups:
            slot = (self.clock + delay) % len(self.ring)
            if len(neurons) == signal.shape[1]:
                self.ring[slot] += signal
            else:
                self.ring[slot][:, neurons] += signal[:, neurons]

    def put_late(self, episode: IntArray, neuron: IntArray, late: IntArray) -> None:
        """Add single spikes that arrive some steps later than they would.

        All three are (n_spikes,), of which no two have the same episode and neuron.
        """
        slot = (self.clock + self.delay[neuron] + late) % len(self.ring)
        self.ring[slot, episode, neuron] += 1.0

    def exchange(self, other: IntArray) -> None:
        """Give each episode what is under way in another one; ``other`` is (n_episodes,)."""
        self.ring = self.ring[:, other]

    def clear(self) -> None:
        """Lose everything that is under way."""
        self.ring[...] = 0.0
