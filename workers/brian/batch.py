"""One Brian2 network that holds the networks of many episodes, built once and run repeatedly.

A time step costs about the same for 1 episode and for 100, because its price is Brian2's call of
each piece of code. The spikes of an episode do not depend on its neighbours: see ``assembly`` for
sums and ``noise`` for random numbers.
"""

from collections.abc import Callable
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import SeedArray
from spikeloop.workers import garbage_collection
from spikeloop.workers.brian.assembly import KEY_HIGH, KEY_LOW, Assembly
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.noise import keys
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.targets import BrianTarget, codeobject_class


class BatchedNetwork:
    """The networks of ``n_episodes`` episodes in one Brian2 network.

    Use it under ``simulator.LOCK``. Arrays are in SI units without dimensions.
    """

    def __init__(
        self, blueprint: Blueprint, n_episodes: int, target: BrianTarget = "numpy"
    ) -> None:
        self.blueprint, self.n_episodes = blueprint, n_episodes
        self._parts = parts = Assembly(blueprint, n_episodes, codeobject_class(target))
        self._caller = _caller_class()(parts.clock)
        self._network = brian2().Network(*parts.groups.values(), self._caller, name="episodes")
        self._at_start = self._snapshot()
        self._has_run = False

    def array(self, group: str, variable: str) -> NDArray[Any]:
        """Return the values themselves of a variable, to read and to write.

        They are (n_episodes, n) of neurons, or of synapses in the order of the wiring.
        """
        values = self._parts.groups[group].variables[variable].get_value()
        return np.asarray(values).reshape(self.n_episodes, -1)

    def reset(self, seeds: SeedArray) -> None:
        """Take everything back to time 0 and to the initial values.

        ``seeds`` (n_episodes,) are those of the episodes' own random numbers inside the network.
        """
        for variable, values in self._at_start:
            variable.get_value()[...] = values
        if self._has_run:
            for pathway, delay_steps in self._parts.pathways:
                for _ in range(delay_steps + 1):
                    pathway.queue.advance()  # spikes that are still on their way
        self._network.t_ = 0.0
        low, high = keys(seeds)
        for name in self.blueprint.neurons:
            if KEY_LOW in self._parts.groups[name].variables:
                self.array(name, KEY_LOW)[:] = low[:, None]
                self.array(name, KEY_HIGH)[:] = high[:, None]

    def run(
        self, n_decisions: int, decision_steps: int, between_windows: Callable[[int], None]
    ) -> None:
        """Run all episodes, in one go, with a window of ``decision_steps`` for each decision.

        ``between_windows`` is called with k before window k begins, and once more with
        ``n_decisions`` after the last one; it reads the results of the window before and writes
        what the next one needs.
        """
        self._has_run = True
        self._caller.begin(decision_steps, between_windows)
        for runner in (*self._parts.feedback_runners, *chain(*self._parts.call_runners.values())):
            runner.before_run({})
        duration = n_decisions * decision_steps * self.blueprint.dt_s
        # Brian2 collects garbage before every run, which takes as long as a tile's simulation if it
        # has to look through everything that the process has ever loaded.
        try:
            with garbage_collection.frozen():
                self._network.run(duration * brian2().second, namespace={})
        finally:  # keep nothing of the tile
            self._caller.begin(decision_steps, lambda decision: None)
        between_windows(n_decisions)

    def run_feedback(self) -> None:
        """Run the ``on_feedback`` code of synapses, then of neurons; only between two windows."""
        for teller in self._parts.feedback_runners:
            teller.run()

    def call(self, name: str) -> None:
        """Run the ``on_call`` code of that name, of synapses, then of neurons."""
        for caller in self._parts.call_runners.get(name, ()):
            caller.run()

    def _snapshot(self) -> list[tuple[Any, NDArray[Any]]]:
        """Return all arrays that a run can change, with their values now."""
        from brian2.core.variables import ArrayVariable

        found = []
        for owner in (*self._parts.groups.values(), self._parts.clock):
            for variable in owner.variables.values():
                if isinstance(variable, ArrayVariable) and variable.owner.name == owner.name:
                    found.append((variable, np.array(variable.get_value())))
        return found


@cache
def _caller_class() -> type[Any]:
    """Return the class of the object in the network that calls back between decisions.

    Brian2's own ``network_operation`` with a time step of its own would bring a second clock, which
    costs more per time step than comparing the time. The slot is the first of a step, so that
    subexpressions that are constant over a step see what was written.
    """
    from brian2.core.base import BrianObject

    class Caller(BrianObject):  # type: ignore[misc]
        add_to_magic_network = False

        def __init__(self, clock: Any) -> None:
            super().__init__(clock=clock, when="before_start", order=-1, name="between_decisions")
            self._timestep = clock.variables["timestep"].get_value()

        def begin(self, every: int, function: Callable[[int], None]) -> None:
            self._every, self._function = every, function

        def run(self) -> None:
            decision, rest = divmod(int(self._timestep[0]), self._every)
            if rest == 0:
                self._function(decision)

    return Caller
