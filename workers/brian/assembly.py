"""From the blueprint of one episode to Brian2 objects that hold many episodes, side by side.

Every population becomes one ``NeuronGroup`` in which the neurons of an episode lie together, every
group of synapses one block-diagonal ``Synapses`` in the order of episodes. So the sums at a neuron
are taken in the same order, whatever other episodes there are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spikeloop.tasks.base import IntArray
from spikeloop.workers.brian.blueprint import Blueprint, Population, SynapseGroup, Variable
from spikeloop.workers.brian.exact_integration import exact
from spikeloop.workers.brian.noise import functions, per_episode
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.units import quantity

KEY_LOW, KEY_HIGH = "episode_key_low", "episode_key_high"
RANDOM_WORDS = ("rand", "xi", "poisson", "binomial")


class Assembly:
    """Brian2's objects for ``n_episodes`` episodes, on a clock of their own.

    Attributes:
        groups: by the names of the blueprint.
        pathways: each with the longest delay of its synapses, in time steps.
        feedback_runners: objects that run ``on_feedback`` code: of synapses, then of neurons. They
            are not active, so the network does not run them by itself.
        call_runners: the same for ``on_call`` code, by name.

    Args:
        code: Brian2's class of code objects, or None for the active device's own.
        timed: parameters of populations that become ``name = name_timed(t, i)``; ``name_timed`` is
            to be found in ``namespace``.
        namespace: further symbols.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        n_episodes: int,
        code: type[Any] | None,
        timed: Sequence[Variable] = (),
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        b2 = brian2()
        self.blueprint, self.n_episodes = blueprint, n_episodes
        self.clock = b2.Clock(blueprint.dt_s * b2.second, name="episodes_clock")
        self.groups: dict[str, Any] = {}
        self.pathways: list[tuple[Any, int]] = []
        self.feedback_runners: list[Any] = []
        self.call_runners: dict[str, list[Any]] = {}
        constants = {name: quantity(text) for name, text in blueprint.constants.items()}
        self._shared = {
            "clock": self.clock,
            "codeobj_class": code,
            "namespace": {**constants, **functions(), **(namespace or {})},
        }
        self._n_streams = 0
        for name, neurons in blueprint.neurons.items():
            self.groups[name] = self._neurons(
                name, neurons, [v for group, v in timed if group == name]
            )
        for name, synapses in blueprint.synapses.items():
            self.groups[name] = self._synapses(name, synapses)
        parts: dict[str, Population | SynapseGroup] = {**blueprint.synapses, **blueprint.neurons}
        for name, part in parts.items():
            if part.on_feedback:
                self.feedback_runners.append(self._runner(name, part, part.on_feedback))
            for call, statements in part.on_call.items():
                runner = self._runner(name, part, statements)
                self.call_runners.setdefault(call, []).append(runner)

    def _neurons(self, name: str, neurons: Population, timed: Iterable[str]) -> Any:
        # Code of synapses onto a population sees its variables, and so the keys of its noise.
        incoming = [s for s in self.blueprint.synapses.values() if s.target == name]
        noisy = _draws(neurons) or any(map(_draws, incoming))
        equations = self._per_episode(neurons.equations, "episode_element", equations=True)
        if noisy:
            added = (KEY_LOW, KEY_HIGH, "episode_element")
            equations += "".join(f"\n{word} : integer (constant)" for word in added)
        threshold, reset, refractory = (
            self._per_episode(text, "episode_element")
            for text in (neurons.threshold, neurons.reset, neurons.refractory)
        )
        group = brian2().NeuronGroup(
            neurons.n * self.n_episodes,
            _with_timed(equations, timed),
            threshold=threshold or None,
            reset=reset if threshold else None,
            refractory=refractory or False,
            method=_state_updater(neurons.method),
            name=name,
            **self._shared,
        )
        if noisy:
            group.episode_element = np.tile(np.arange(neurons.n), self.n_episodes)
        _initialise(group, neurons.initial)
        return group

    def _synapses(self, name: str, synapses: SynapseGroup) -> Any:
        element, noisy = f"{name}_element", _draws(synapses)
        equations = self._per_episode(synapses.equations, element, equations=True)
        on_pre, on_post = (
            self._per_episode(text, element) for text in (synapses.on_pre, synapses.on_post)
        )
        if noisy:
            equations += f"\n{element} : integer (constant)"
        group = brian2().Synapses(
            self.groups[synapses.source],
            self.groups[synapses.target],
            equations or None,
            on_pre=on_pre or None,
            on_post=on_post or None,
            method=_state_updater(synapses.method),
            name=name,
            **self._shared,
        )
        connections, neurons = synapses.connections, self.blueprint.neurons
        group.connect(
            i=self._repeated(connections.pre, neurons[synapses.source].n),
            j=self._repeated(connections.post, neurons[synapses.target].n),
        )
        longest = 0
        if connections.delay_steps is not None and on_pre:
            delay_steps = np.tile(connections.delay_steps, self.n_episodes)
            group.pre.delay = delay_steps * self.blueprint.dt_s * brian2().second
            longest = int(delay_steps.max(initial=0))
        if noisy:
            setattr(group, element, np.tile(np.arange(connections.pre.size), self.n_episodes))
        self.pathways += [(pathway, longest) for pathway in group._pathways]
        _initialise(group, synapses.initial)
        return group

    def _runner(self, name: str, part: Population | SynapseGroup, code: str) -> Any:
        """Return an object that runs code when it is called, and never by itself."""
        group = self.groups[name]
        element = "episode_element" if isinstance(part, Population) else f"{name}_element"
        text = self._per_episode(code, element)
        if isinstance(part, SynapseGroup) and part.up_to_date and group.event_driven is not None:
            text = f"{_event_driven(group)}\n{text}\nlastupdate = t - dt"
        runner = group.run_regularly(text, clock=self.clock)
        runner.active = False
        return runner

    def _repeated(self, ends: IntArray, n: int) -> IntArray:
        """Return one end of every synapse as indices among all neurons of the batch."""
        repeated: IntArray = (np.arange(self.n_episodes)[:, None] * n + ends).ravel()
        return repeated

    def _per_episode(self, code: str, element: str, equations: bool = False) -> str:
        """Give the episodes their own random numbers, each occurrence a stream of its own."""
        text, self._n_streams = per_episode(code, self._n_streams, element, equations=equations)
        return text


def _draws(part: Population | SynapseGroup) -> bool:
    """Return whether a part's code may draw random numbers."""
    texts = [*vars(part).values(), *part.on_call.values()]
    return any(word in text for text in texts if isinstance(text, str) for word in RANDOM_WORDS)


def _state_updater(method: str) -> Any:
    return exact if method == "exact" else method


def _initialise(group: Any, initial: Mapping[str, str]) -> None:
    for variable, text in initial.items():
        setattr(group, variable, text)


def _event_driven(synapses: Any) -> str:
    """Return code that brings event-driven variables from their last event to now.

    They then are what clock-driven ones would be: those have been integrated up to the step before,
    and begin to decay in the step after a spike.
    """
    code = exact(synapses.event_driven, synapses.variables)
    return re.sub(r"\bdt\b", "(t - dt - lastupdate)", code)


def _with_timed(equations: str, timed: Iterable[str]) -> str:
    """Return the equations with some parameters read from arrays of their values over time."""
    for name in timed:
        equations, n = re.subn(
            rf"^\s*{name}\s*:\s*([^(\n]+).*$",
            rf"{name} = {name}_timed(t, i) : \1 (constant over dt)",
            equations,
            flags=re.MULTILINE,
        )
        if n != 1:
            raise ValueError(f"{name} must be a parameter of the equations, got {equations!r}")
    return equations
