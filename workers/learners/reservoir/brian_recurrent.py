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

from typing import Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.open_loop import open_loop
from spikeloop.workers.brian.rollout import Rollout
from spikeloop.workers.brian.targets import OpenLoopTarget
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.reservoir.batch import SPIKE_SUM, reservoirs
from spikeloop.workers.learners.reservoir.circuit import RandomCircuit
from spikeloop.workers.learners.reservoir.network import PHYSICAL, Physical, Reservoir
from spikeloop.workers.learners.reservoir.recurrent_episode import RecurrentAgents
from spikeloop.workers.space import Parameter, Parameters, ParameterSpace, Real, Weights
from spikeloop.workers.time_steps import whole_steps

Array = Literal["input_weights", "recurrent_weights", "readout_weights"]
ARRAYS: tuple[Array, ...] = get_args(Array)
LARGEST_FACTOR = 8.0


class BrianRecurrent(Settings):
    """A recurrent spiking network whose state learns.

    Continuous actions are the readout in units of half the action range, from its middle, clipped.
    """

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
        shapes = self._shapes(interface)
        scales = self._scales(interface)
        found: list[Parameter] = [
            Weights(name, shapes[name], scales[name], description=f"deviations of {name}")
            for name in ARRAYS
            if name in self.searched and np.prod(shapes[name])
        ]
        found += [
            Real(
                f"{name}_factor",
                1 / LARGEST_FACTOR,
                LARGEST_FACTOR,
                1.0,
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
        weights = self.weights(parameters, rollout.interface, circuit)
        nets = reservoirs(
            self.reservoir,
            circuit,
            self.window_steps,
            weights["recurrent_weights"],
            weights["input_weights"],
            {
                parameter.name.removesuffix("_factor"): parameters[parameter.name]
                for parameter in parameters.space.parameters
                if isinstance(parameter, Real)
            },
        )
        draws = self.choice == "softmax"
        broken = ~np.asarray(np.isfinite(parameters.values).all(axis=1))
        agents = RecurrentAgents(nets, weights["readout_weights"], draws, broken, rollout, channels)
        blueprint = self.reservoir.blueprint(circuit, channels.n, self.window_steps)
        if self.target == "cpp_standalone":
            lesson = agents.lesson(Rollout(self.kind, tasks, seeds))
            spike_sum = open_loop(
                blueprint,
                rollout.seeds,
                agents.start(),
                {nets.entry: np.stack([nets.shown(shown) for shown in lesson])},
                self.window_steps,
                [SPIKE_SUM],
                self.target,
            )[SPIKE_SUM]
            for window in spike_sum:
                rollout.observe()
                agents.act(window)
            return rollout.episodes()
        with network(blueprint, rollout.n_episodes, self.target) as batch:
            batch.reset(rollout.seeds)
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

    def _shapes(self, interface: Interface) -> dict[str, tuple[int, ...]]:
        n = self.reservoir.n_neurons
        return {
            "input_weights": (self.channels(interface).n, n),
            "recurrent_weights": (self.reservoir.circuit().pre.size,),
            "readout_weights": (n, interface.n_actions),
        }

    def _scales(self, interface: Interface) -> dict[str, float]:
        return {
            "input_weights": self.reservoir.input_gain / self.channels(interface).n_shown ** 0.5,
            "recurrent_weights": self.reservoir.recurrent_scale,
            "readout_weights": self.readout_gain / self.reservoir.n_neurons**0.5,
        }

    def weights(
        self, parameters: Parameters, interface: Interface, circuit: RandomCircuit
    ) -> dict[str, FloatArray]:
        """Return weights as they act, by name, (n_candidates, ...) as in ``space``."""
        scales, shapes = self._scales(interface), self._shapes(interface)
        searched = {parameter.name for parameter in parameters.space.parameters}
        deviations = {
            name: parameters[name]
            if name in searched
            else np.zeros((parameters.n_candidates, *shape))
            for name, shape in shapes.items()
        }
        initial = {
            name: self.reservoir.initial(name, shapes[name], scales[name])
            for name in ("input_weights", "readout_weights")
        }
        acting = {name: start + deviations[name] for name, start in initial.items()}
        return acting | {"recurrent_weights": circuit.acting(deviations["recurrent_weights"])}
