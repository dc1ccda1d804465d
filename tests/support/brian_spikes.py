"""All spikes of all episodes, of learners that do not report them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from spikeloop.tasks.base import SeedArray
from spikeloop.workers.brian import network_cache
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.targets import BrianTarget, codeobject_class

Spikes = dict[str, list[list[tuple[int, int]]]]
"""(time step, neuron) of every spike, in order, by population and episode."""


@contextmanager
def recorded_spikes() -> Iterator[list[Spikes]]:
    """Record all spikes within the block; each run of a network adds its own."""
    runs: list[Spikes] = []

    class Recording(BatchedNetwork):
        def __init__(
            self, blueprint: Blueprint, n_episodes: int, target: BrianTarget = "numpy"
        ) -> None:
            super().__init__(blueprint, n_episodes, target)
            self._monitors = {
                name: brian2().SpikeMonitor(
                    self._parts.groups[name],
                    name=f"{name}_spikes",
                    codeobj_class=codeobject_class(target),
                )
                for name, neurons in blueprint.neurons.items()
                if neurons.threshold
            }
            self._network.add(*self._monitors.values())

        def reset(self, seeds: SeedArray) -> None:
            super().reset(seeds)
            for monitor in self._monitors.values():
                monitor.resize(0)
                monitor.variables["N"].set_value(0)

        def run(self, *arguments: Any) -> None:
            super().run(*arguments)
            runs.append({name: self._by_episode(name) for name in self._monitors})

        def _by_episode(self, name: str) -> list[list[tuple[int, int]]]:
            monitor, n = self._monitors[name], self.blueprint.neurons[name].n
            step = np.rint(np.asarray(monitor.t_[:]) / self.blueprint.dt_s).astype(np.int64)
            episode, neuron = np.divmod(np.asarray(monitor.i[:], dtype=np.int64), n)
            spikes: list[list[tuple[int, int]]] = [[] for _ in range(self.n_episodes)]
            for k, at, index in sorted(np.stack([episode, step, neuron], axis=1).tolist()):
                spikes[k].append((at, index))
            return spikes

    with (
        mock.patch.object(network_cache, "BatchedNetwork", Recording),
        mock.patch.dict(network_cache._built, clear=True),
    ):
        yield runs
