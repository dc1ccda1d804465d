"""From the blueprint of one episode to Brian2 objects that hold many episodes, side by side.

Every population becomes one ``NeuronGroup`` in which the neurons of an episode lie together, every
group of synapses one block-diagonal ``Synapses`` in the order of episodes, so that the sums at a
neuron are taken in the same order whoever else is there.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spikeloop.tasks.base import IntArray
from spikeloop.workers.brian.blueprint import Blueprint, Neurons, Synapses
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
        tellers: what runs ``on_feedback`` code: of synapses, then of neurons. They are not active,
            so the network does not run them by itself.
        callers: by name, what runs ``on_call`` code, likewise.

    Args:
        blueprint: of one episode.
        n_episodes: episodes side by side.
        code: Brian2's class of code objects, or None for the active device's own.
        timed: by population, parameters that become ``name = name_timed(t, i)``; ``name_timed`` is
            to be found in ``namespace``.
        namespace: further symbols.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        n_episodes: int,
        code: type[Any] | None,
        timed: Mapping[str, Iterable[str]] | None = None,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        b2 = brian2()
        self.blueprint, self.n_episodes = blueprint, n_episodes
        self.clock = b2.Clock(blueprint.dt_s * b2.second, name="episodes_clock")
        self.groups: dict[str, Any] = {}
        self.pathways: list[tuple[Any, int]] = []
        self.tellers: list[Any] = []
        self.callers: dict[str, list[Any]] = {}
        constants = {name: quantity(text) for name, text in blueprint.constants.items()}
        self._shared = {
            "clock": self.clock,
            "codeobj_class": code,
            "namespace": {**constants, **functions(), **(namespace or {})},
        }
        self._n_streams = 0
        for name, neurons in blueprint.neurons.items():
            self.groups[name] = self._neurons(name, neurons, (timed or {}).get(name, ()))
        for name, synapses in blueprint.synapses.items():
            self.groups[name] = self._synapses(name, synapses)
        parts: dict[str, Neurons | Synapses] = {**blueprint.synapses, **blueprint.neurons}
        for name, part in parts.items():
            if part.on_feedback:
                self.tellers.append(self._runner(name, part, part.on_feedback))
            for call, statements in part.on_call.items():
                runner = self._runner(name, part, statements)
                self.callers.setdefault(call, []).append(runner)

    def _neurons(self, name: str, neurons: Neurons, timed: Iterable[str]) -> Any:
        noisy = self._is_noisy(name, neurons)
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
            method=neurons.method,
            name=name,
            **self._shared,
        )
        if noisy:
            group.episode_element = np.tile(np.arange(neurons.n), self.n_episodes)
        _set(group, neurons.initial)
        return group

    def _is_noisy(self, name: str, neurons: Neurons) -> bool:
        """Whether the population's code, or that of synapses onto it, draws random numbers."""
        incoming = [s for s in self.blueprint.synapses.values() if s.target == name]
        code = [neurons.equations, neurons.threshold, neurons.reset, neurons.refractory]
        code += [neurons.on_feedback, *neurons.on_call.values()]
        for synapses in incoming:
            code += _code_of(synapses)
        return _draws(code)

    def _synapses(self, name: str, synapses: Synapses) -> Any:
        element, noisy = f"{name}_element", _draws(_code_of(synapses))
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
            method=synapses.method,
            name=name,
            **self._shared,
        )
        wiring, neurons = synapses.wiring, self.blueprint.neurons
        group.connect(
            i=self._repeated(wiring.pre, neurons[synapses.source].n),
            j=self._repeated(wiring.post, neurons[synapses.target].n),
        )
        longest = 0
        if wiring.delay_steps is not None and on_pre:
            delay_steps = np.tile(wiring.delay_steps, self.n_episodes)
            group.pre.delay = delay_steps * self.blueprint.dt_s * brian2().second
            longest = int(delay_steps.max(initial=0))
        if noisy:
            setattr(group, element, np.tile(np.arange(wiring.pre.size), self.n_episodes))
        self.pathways += [(pathway, longest) for pathway in group._pathways]
        _set(group, synapses.initial)
        return group

    def _runner(self, name: str, part: Neurons | Synapses, code: str) -> Any:
        group = self.groups[name]
        element = "episode_element" if isinstance(part, Neurons) else f"{name}_element"
        text = self._per_episode(code, element)
        if isinstance(part, Synapses) and part.up_to_date and group.event_driven is not None:
            text = f"{_event_driven(group)}\n{text}\nlastupdate = t - dt"
        runner = group.run_regularly(text, clock=self.clock)
        runner.active = False
        return runner

    def _repeated(self, ends: IntArray, n: int) -> IntArray:
        """Indices among all neurons of the batch of one end of every synapse."""
        repeated: IntArray = (np.arange(self.n_episodes)[:, None] * n + ends).ravel()
        return repeated

    def _per_episode(self, code: str, element: str, equations: bool = False) -> str:
        """Code whose random numbers are the episode's own; each occurrence has a stream."""
        text, self._n_streams = per_episode(code, self._n_streams, element, equations=equations)
        return text


def _code_of(synapses: Synapses) -> list[str]:
    """All code of some synapses."""
    calls = synapses.on_call.values()
    return [synapses.equations, synapses.on_pre, synapses.on_post, synapses.on_feedback, *calls]


def _draws(code: Iterable[str]) -> bool:
    """Whether code may draw random numbers."""
    return any(word in text for text in code for word in RANDOM_WORDS)


def _set(group: Any, initial: Mapping[str, str]) -> None:
    for variable, text in initial.items():
        setattr(group, variable, text)


def _event_driven(synapses: Any) -> str:
    """Code that brings event-driven variables from their last event to now.

    They then are what clock-driven ones would be: those have been integrated up to the step before,
    and begin to decay in the step after a spike.
    """
    from brian2.stateupdaters.exact import linear

    code = linear(synapses.event_driven, synapses.variables)
    return re.sub(r"\bdt\b", "(t - dt - lastupdate)", code)


def _with_timed(equations: str, timed: Iterable[str]) -> str:
    """The equations, in which some parameters are read from arrays of their values over time."""
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
