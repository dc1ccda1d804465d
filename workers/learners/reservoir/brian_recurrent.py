"""A recurrent spiking network without plasticity: what it learns about a task is in its state.

Input, recurrent and readout weights are the hyperparameters Θ, so the outer loop writes a learning
algorithm into them; within an episode no weight changes. For each decision the network gets the
observation, its last action and the feedback for it, runs for a window of time, and answers by a
linear readout of its filtered spikes. Systems 5 to 7 of Maass' talk "Networks of spiking neurons
learn to learn"; Wang et al. 2016 (arXiv 1611.05763) for rewards, Hochreiter, Younger and Conwell
2001 (ICANN) for targets, Bellec et al. 2018 (NeurIPS) for spikes, Subramoney et al. 2024 (Sci. Rep.
14:8557) for learning without plasticity. All of these train by gradients; here any strategy does.

Θ are deviations from a random network, in units of its initial weights' standard deviation, so the
search starts with that network at 0.
"""

from typing import ClassVar, Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes, Package
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.simulator import BRIAN2
from spikeloop.workers.brian.targets import OpenLoopTarget
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.reservoir.batch import SPIKE_SUM, lesson, reservoirs
from spikeloop.workers.learners.reservoir.network import (
    PHYSICAL,
    Physical,
    RandomCircuit,
    Reservoir,
    weighted,
)
from spikeloop.workers.parameter_types import Parameter, Real, Weights
from spikeloop.workers.philox import Stream
from spikeloop.workers.rollout import Rollout
from spikeloop.workers.space import Parameters, ParameterSpace
from spikeloop.workers.time_steps import whole_steps

Array = Literal["input_weights", "recurrent_weights", "readout_weights"]
ARRAYS: tuple[Array, ...] = get_args(Array)
LARGEST_FACTOR = 8.0


class BrianRecurrent(Settings):
    """A recurrent spiking network whose state learns.

    Continuous actions are the readout in units of half the action range, from its middle, clipped.
    """

    packages: ClassVar[tuple[Package, ...]] = (BRIAN2,)

    kind: Literal["brian_recurrent"] = "brian_recurrent"
    reservoir: Reservoir = Field(default=Reservoir(), description="the network")
    window_ms: float = Field(default=20.0, ge=1, le=1000, description="time of one decision")
    searched: list[Array | Physical] = Field(
        default=list(ARRAYS),
        min_length=1,
        description="Θ: weights, and factors on physical values of all neurons",
    )
    readout_gain: float = Field(
        default=1.0, ge=1e-3, le=1000, description="of initial readout weights, times sqrt(neurons)"
    )
    choice: Literal["largest", "softmax"] = Field(
        default="largest", description="a discrete action is of the largest readout, or drawn"
    )
    feed_action: Literal["discrete", "always", "never"] = Field(
        default="discrete", description="kind of last actions that are an input"
    )
    channels_per_value: int = Field(
        default=10, ge=2, le=1000, description="input channels of each number seen or done"
    )
    feedback_channels: int = Field(
        default=2, ge=2, le=1000, description="input channels of the feedback"
    )
    tuning_width: float = Field(
        default=0.5, ge=0.05, le=10, description="of a channel, in spacings between channels"
    )
    target: OpenLoopTarget = Field(
        default="numpy",
        description="what Brian2 generates code for; cpp_standalone if the feedback is a target "
        "and actions are no input",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if "tau_synapse" in self.searched and not self.reservoir.tau_synapse_ms:
            raise ValueError("tau_synapse can be searched if tau_synapse_ms > 0, got 0")
        adaptive = round(self.reservoir.adaptive_share * self.reservoir.n_neurons)
        if {"tau_adaptation", "beta"} & set(self.searched) and not adaptive:
            raise ValueError("tau_adaptation and beta can be searched with adaptive neurons only")
        if set(self.searched) == {"recurrent_weights"} and not self.reservoir.circuit().pre.size:
            raise ValueError("recurrent_weights can be searched if there are any, got none")
        whole_steps(self.window_ms, self.reservoir.step_ms)
        return self

    @property
    def window_steps(self) -> int:
        """Time steps of one decision."""
        return whole_steps(self.window_ms, self.reservoir.step_ms)

    @property
    def interaction_s(self) -> float:
        """Seconds of biological time that one decision takes."""
        return self.window_ms * 1e-3

    def space(self, interface: Interface) -> ParameterSpace:
        """Return Θ: the weights that are searched, then the factors."""
        fed_back = interface.feedback != "target" or "action" in self.channels(interface).parts
        if self.target == "cpp_standalone" and fed_back:
            raise ValueError(
                'brian_recurrent needs target "numpy" or "cython" where its input depends on its '
                'answers, got "cpp_standalone"'
            )
        arrays = self._arrays(interface)
        found: list[Parameter] = [
            weights for name, weights in arrays.items() if name in self.searched and weights.size
        ]
        found += [
            Real(
                1 / LARGEST_FACTOR,
                LARGEST_FACTOR,
                1.0,
                name=f"{name}_factor",
                scale="log",
                description=f"{name} of all neurons, times this",
            )
            for name in PHYSICAL
            if name in self.searched
        ]
        return ParameterSpace(tuple(found))

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes side by side in one network."""
        rollout = Rollout(self.kind, tasks, seeds)
        channels, circuit = self.channels(rollout.interface), self.reservoir.circuit()
        agents = RecurrentAgents(self, circuit, channels, parameters, rollout)
        blueprint = self.reservoir.blueprint(circuit, channels.n, self.window_steps)
        if self.target == "cpp_standalone":
            inputs, _ = lesson(channels, Rollout(self.kind, tasks, seeds))
            for window in agents.nets.spike_sums(blueprint, rollout, inputs, self.target):
                rollout.observe()
                agents.act(window)
            return rollout.episodes()
        with network(blueprint, rollout.seeds, self.target) as batch:
            agents.enter(batch)
            batch.run(rollout.n_steps, self.window_steps, agents.between_windows)
        return rollout.episodes()

    def channels(self, interface: Interface) -> InputChannels:
        """Return the input channels of the network."""
        fed = {"discrete": interface.actions == "discrete", "always": True, "never": False}
        return InputChannels(
            interface,
            self.channels_per_value,
            self.feedback_channels,
            self.tuning_width,
            shows_action=fed[self.feed_action],
        )

    def _arrays(self, interface: Interface) -> dict[Array, Weights]:
        """Return all weights, with the standard deviation of their initial law."""
        n, reservoir, channels = self.reservoir.n_neurons, self.reservoir, self.channels(interface)
        arrays: dict[Array, tuple[tuple[int, ...], float]] = {
            "input_weights": ((channels.n, n), reservoir.input_gain / channels.n_shown**0.5),
            "recurrent_weights": ((reservoir.circuit().pre.size,), reservoir.recurrent_scale),
            "readout_weights": ((n, interface.n_actions), self.readout_gain / n**0.5),
        }
        return {
            name: Weights(shape, scale, name=name, description=f"deviations of {name}")
            for name, (shape, scale) in arrays.items()
        }

    def weights(
        self, parameters: Parameters, interface: Interface, circuit: RandomCircuit
    ) -> dict[str, FloatArray]:
        """Return weights as they act, by name, (n_candidates, ...) as in ``space``."""
        searched = {parameter.name for parameter in parameters.space.parameters}
        acting = dict[str, FloatArray]()
        for name, weights in self._arrays(interface).items():
            deviation = (
                parameters[name]
                if name in searched
                else np.zeros((parameters.n_candidates, *weights.shape))
            )
            if name == "recurrent_weights":
                acting[name] = circuit.acting(deviation)
            else:
                acting[name] = deviation + self.reservoir.initial(
                    name, weights.shape, weights.scale
                )
        return acting


class RecurrentAgents:
    """The agents of a tile, which answer between two windows of simulated time."""

    def __init__(
        self,
        settings: BrianRecurrent,
        circuit: RandomCircuit,
        channels: InputChannels,
        parameters: Parameters,
        rollout: Rollout,
    ) -> None:
        self._settings, self._channels, self._rollout = settings, channels, rollout
        weights = settings.weights(parameters, rollout.interface, circuit)
        factors = {
            parameter.name.removesuffix("_factor"): parameters[parameter.name]
            for parameter in parameters.space.parameters
            if isinstance(parameter, Real)
        }
        self.nets = reservoirs(
            settings.reservoir,
            circuit,
            settings.window_steps,
            weights["recurrent_weights"],
            weights["input_weights"],
            factors,
        )
        self._readout = weights["readout_weights"]
        self._broken = rollout.of_episodes(~np.asarray(np.isfinite(parameters.values).all(axis=1)))
        shape = rollout.n_episodes, settings.reservoir.n_neurons
        self._filtered, self._spike_sum_before = np.zeros(shape), np.zeros(shape)
        self._action: IntArray | FloatArray = np.zeros(rollout.n_episodes)
        self._told = np.zeros(rollout.n_episodes)

    def enter(self, batch: BatchedNetwork) -> None:
        """Write the parameters into the network, and keep the arrays that windows need."""
        for variable, values in self.nets.start.items():
            batch.array(*variable)[:] = self._rollout.of_episodes(values)
        self._entry, self._spike_sum = batch.array(*self.nets.entry), batch.array(*SPIKE_SUM)

    def between_windows(self, decision: int) -> None:
        """Answer by the window before, and set the input of the next one."""
        rollout = self._rollout
        if decision > 0:
            self.act(self._spike_sum)
        if decision < rollout.n_steps:
            shown = self._channels.encode(rollout.observe(), self._action, self._told, decision)
            self._entry[:] = self.nets.shown(shown)

    def act(self, spike_sum: FloatArray) -> None:
        """Answer by the sums of spikes until now, (n_episodes, n_neurons)."""
        self._filtered = self.nets.filtered(self._filtered, spike_sum - self._spike_sum_before)
        self._spike_sum_before = spike_sum.copy()
        readout = weighted(self._filtered, self._readout)
        # A potential that is no number never spikes, so its network would look like a silent one.
        readout[self._broken] = np.nan
        self._action = self.answer(readout)
        self._told = self._rollout.step(self._action)

    def answer(self, readout: FloatArray) -> IntArray | FloatArray:
        """Return actions (n_episodes,) or (n_episodes, n_actions) for (n_episodes, n_actions)."""
        rollout = self._rollout
        if rollout.interface.actions == "continuous":
            low, high = rollout.interface.action_range
            middle, half = (low + high) / 2, (high - low) / 2
            # nan stays nan, and so does the return.
            vectors: FloatArray = np.clip(middle + readout * half, low, high)
            return vectors
        if self._settings.choice == "softmax":
            # The largest after adding Gumbel noise is a draw from the softmax (Gumbel 1954).
            noise = np.maximum(rollout.uniform(Stream.EXPLORATION, readout.shape[1]), 2.0**-54)
            readout = readout - np.log(-np.log(noise))
        return rollout.pick(readout)
