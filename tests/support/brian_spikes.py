"""All spikes of all episodes, of learners that do not report them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np

from spikeloop.workers.brian import network_cache
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.targets import BrianTarget

Spikes = dict[str, list[list[tuple[int, int]]]]
"""(time step, neuron) of every spike, in order, by population and episode."""


@contextmanager
def recorded_spikes() -> Iterator[list[Spikes]]:
    """Record all spikes within the block; each run of a network adds its own."""
    runs: list[Spikes] = []

    class Recording(BatchedNetwork):
        def __init__(
            self,
            blueprint: Blueprint,
            n_episodes: int,
            target: BrianTarget,
            record: Sequence[str] = (),
        ) -> None:
            firing = tuple(name for name, n in blueprint.neurons.items() if n.threshold)
            super().__init__(blueprint, n_episodes, target, firing)
            self._firing = firing

        def run(self, *arguments: Any) -> None:
            super().run(*arguments)
            runs.append({name: self._by_episode(name) for name in self._firing})

        def _by_episode(self, name: str) -> list[list[tuple[int, int]]]:
            episode, neuron, step = self.spikes(name)
            order = np.lexsort((neuron, step, episode))
            pairs = np.stack([step, neuron], axis=1)[order].tolist()
            ends = np.searchsorted(episode[order], np.arange(self.n_episodes + 1)).tolist()
            return [
                [(step, neuron) for step, neuron in pairs[start:end]]
                for start, end in pairwise(ends)
            ]

    with (
        mock.patch.object(network_cache, "BatchedNetwork", Recording),
        mock.patch.dict(network_cache._built, clear=True),
    ):
        yield runs
