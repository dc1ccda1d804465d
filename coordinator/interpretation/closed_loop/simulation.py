"""The closed loop of a learned LSNN and its tasks, in NumPy and double precision.

Equations are those of ``workers/learners/lsnn`` (``neurons.py``, ``network.py``), random numbers
those of the learner. All sums over synapses are exact (``wiring.py``), so without a change the
spikes are the learner's own in double precision. Episodes run side by side, at about 3 ms a time
step for 500 episodes of 200 neurons.
"""

from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.interpretation.closed_loop.axons import Axons, Carrier, Intact
from spikeloop.tasks.base import FloatArray, IntArray, SeedArray, TaskBatch
from spikeloop.tasks.program import ProgrammedTasks, ProgramPlay
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn.episode import input_spikes
from spikeloop.workers.learners.lsnn.wiring import INPUT_BITS
from spikeloop.workers.philox import Stream, uniforms

OTHER = 0x9E3779B97F4A7C15
"""What other random numbers' seeds differ by, bit by bit: no other episode has such a seed but by
chance."""


@dataclass
class State:
    """The state of the networks of all episodes; arrays are (n_episodes, n_neurons).

    Attributes:
        v, b, z, waiting: of neurons, see ``NeuronState``.
        y: (n_episodes, n_readouts) filtered readouts without their bias.
        axons: spikes under way.
    """

    v: FloatArray
    b: FloatArray
    z: FloatArray
    waiting: FloatArray
    y: FloatArray
    axons: Axons

    @classmethod
    def at_rest(cls, net: FrozenNetwork, n_episodes: int, longest: int) -> "State":
        """Return the state at the start of episodes."""
        v, b, z, waiting = np.zeros((4, n_episodes, net.circuit.neurons.n))
        y = np.zeros((n_episodes, net.circuit.n_readouts))
        return cls(v, b, z, waiting, y, Axons(net.delay, n_episodes, longest))

    def exchange(self, names: Collection[str], other: IntArray) -> None:
        """Give each episode these parts of the state of another; ``other`` is (n_episodes,)."""
        for name in names:
            if name == "axons":
                self.axons.exchange(other)
            else:
                setattr(self, name, getattr(self, name)[other])

    def rest(self, names: Collection[str]) -> None:
        """Put these parts of the state to rest."""
        for name in names:
            if name == "axons":
                self.axons.clear()
            else:
                setattr(self, name, np.zeros_like(getattr(self, name)))


@dataclass(frozen=True)
class Simulated:
    """Episodes that have run.

    Attributes:
        reward: (n_episodes, n_decisions).
        action: (n_episodes, n_decisions), or (n_episodes, n_decisions, n_actions) answers.
        feedback: (n_episodes, n_decisions).
        spikes: (n_time_steps, n_episodes, n_neurons) of each decision that was asked for.
        mean_rate_hz: of all neurons in all episodes.
    """

    reward: FloatArray
    action: NDArray[Any]
    feedback: FloatArray
    spikes: dict[int, NDArray[np.bool_]]
    mean_rate_hz: float

    @property
    def returns(self) -> FloatArray:
        """Return (n_episodes,) sums of the rewards."""
        total: FloatArray = self.reward.sum(axis=1)
        return total


Change = Callable[[int, State], None]
"""Changes the state before the decision of that number."""
Exchange = Callable[[FloatArray], FloatArray]
"""Takes the spikes of one decision, (n_time_steps, n_episodes, n_neurons), and gives others."""


class SimulatedTasks(TaskBatch, ProgrammedTasks, Protocol):
    """Tasks whose rules are a program."""


@dataclass(frozen=True)
class ClosedLoop:
    """A frozen network in tasks, one episode each.

    Attributes:
        net: the network.
        tasks: of which each episode has one.
        seeds: (n_episodes,) of the episodes' random numbers.
        beta_scale: factor on β, what adaptation adds to thresholds.
    """

    net: FrozenNetwork
    tasks: SimulatedTasks
    seeds: SeedArray
    beta_scale: float = 1.0

    def run(
        self,
        carrier: Carrier | None = None,
        exchange: Exchange | None = None,
        change: Change | None = None,
        keep: Collection[int] = (),
    ) -> Simulated:
        """Run all episodes to the end.

        Args:
            carrier: what becomes of spikes between neurons; intact by default.
            exchange: in place of the spikes that neurons send in a decision, others get those that
                this makes of them. Each decision is simulated without it first, to have them.
            change: of the state, before each decision.
            keep: the decisions whose spikes are kept.
        """
        carrier, net, n = carrier or Intact(), self.net, len(self.seeds)
        interface = net.interface
        discrete = interface.actions == "discrete"
        state = State.at_rest(net, n, carrier.longest)
        play = ProgramPlay.begin(self.tasks, np.arange(n))
        action: Any = np.zeros(n, int) if discrete else np.zeros((n, interface.n_actions))
        feedback, kept, n_spikes = np.zeros(n), {}, 0.0
        record: list[tuple[Any, Any, Any]] = []
        for decision in range(interface.n_steps):
            if change is not None:
                change(decision, state)
            drive = self._drive(play.observe(), action, feedback, decision)
            if exchange is None:
                spikes = self._window(state, drive, carrier, None)
            else:
                others = exchange(self._window(deepcopy(state), drive, carrier, None))
                spikes = self._window(state, drive, carrier, others)
            n_spikes += float(spikes.sum())
            if decision in keep:
                kept[decision] = spikes > 0
            action = self._act(state.y + net.bias, decision)
            reward, feedback = play.step(
                action, uniforms(self.seeds, Stream.ENVIRONMENT, decision)[:, 0]
            )
            record.append((reward, action, feedback))
        seconds = interface.n_steps * net.circuit.n_steps * net.learner.step_ms * 1e-3
        rate = n_spikes / (n * net.circuit.neurons.n * seconds)
        reward, action, feedback = (np.stack(part, axis=1) for part in zip(*record, strict=True))
        return Simulated(reward, action, feedback, kept, rate)

    def with_other_random_numbers(self) -> "ClosedLoop":
        """Return the loop in the same tasks, with other random numbers of tasks and learner."""
        return replace(self, seeds=self.seeds ^ np.uint64(OTHER))

    def _window(
        self, state: State, drive: FloatArray, carrier: Carrier, sent: FloatArray | None
    ) -> FloatArray:
        """Advance the state by one decision, and return its spikes.

        ``sent`` are spikes that others get instead, (n_time_steps, n_episodes, n_neurons).
        """
        net, circuit, neurons = self.net, self.net.circuit, self.net.circuit.neurons
        leak, rise, beta = 1 - neurons.alpha, 1 - neurons.rho, self.beta_scale * neurons.beta
        spikes = np.empty((circuit.n_steps, *state.v.shape))
        for step in range(circuit.n_steps):
            current = state.axons.arriving() @ net.recurrent
            current += drive if drive.ndim == 2 else drive[step]
            state.b = neurons.rho * state.b + rise * state.z
            theta = neurons.threshold + beta * state.b
            if neurons.reset_to_zero:
                state.v = neurons.alpha * state.v * (1 - state.z) + leak * current
            else:
                state.v = neurons.alpha * state.v + leak * current - theta * state.z
            fired = (state.v > theta) & (state.waiting <= 0)
            state.waiting = np.where(fired, neurons.refractory, np.maximum(state.waiting - 1, 0))
            state.z = spikes[step] = fired.astype(np.float64)
            carrier.send(state.axons, state.z if sent is None else sent[step])
            state.axons.advance()
            state.y = circuit.kappa * state.y + (1 - circuit.kappa) * (state.z @ net.readout)
        return spikes

    def _drive(self, observed: Any, action: Any, feedback: FloatArray, decision: int) -> FloatArray:
        """Return input currents, (n_episodes, n_neurons), or with a first axis of time steps."""
        learner, net = self.net.learner, self.net
        shown = learner.inputs(net.interface).encode(observed, action, feedback, decision)
        if learner.spiking_input:
            with xla.precision("float64"):
                shown = np.asarray(self._input_spikes(shown, self._keys, decision))
        shown = np.round(shown * 2.0**INPUT_BITS) / 2.0**INPUT_BITS
        drive: FloatArray = shown @ net.inputs
        return drive

    @cached_property
    def _keys(self) -> NDArray[np.uint32]:
        return np.ascontiguousarray(self.seeds).view(np.uint32).reshape(-1, 2)

    @cached_property
    def _input_spikes(self) -> Any:
        n_time_steps, chance = self.net.circuit.n_steps, self.net.learner.spiking_input
        return xla.jax().jit(
            lambda shown, keys, step: input_spikes(shown, keys, step, n_time_steps, chance)
        )

    def _act(self, readout: FloatArray, decision: int) -> Any:
        """Return the actions, (n_episodes,), or the answers, (n_episodes, n_actions)."""
        interface = self.net.interface
        preferred = readout[:, : interface.n_actions]
        if interface.actions == "continuous":
            low, high = interface.action_range
            return (low + high) / 2 + (high - low) / 2 * preferred
        if not self.net.learner.explores:
            return preferred.argmax(axis=1)
        shifted = preferred - preferred.max(axis=1, keepdims=True)
        policy = np.exp(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
        choice = uniforms(self.seeds, Stream.EXPLORATION, decision)
        passed = policy.cumsum(axis=1) <= choice
        return np.minimum(passed.sum(axis=1), interface.n_actions - 1)
