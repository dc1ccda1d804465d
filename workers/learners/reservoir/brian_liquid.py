"""Liquid computing: a random reservoir of spiking neurons, of which a linear readout learns.

Maass, Natschläger and Markram 2002 (Neural Computation 14:2531) on the task of Hochreiter, Younger
and Conwell 2001 (ICANN): the contrast of Maass' talk "Networks of spiking neurons learn to learn"
to recurrent networks whose weights are learned. No weight inside the reservoir ever is; within an
episode a readout learns from a teacher, and across episodes the outer loop learns the kind of
network that this works best with: its architecture, its physical values, the readout's learning
rule, and the order in which the teacher presents the samples.

Neurons are those of ``network``, networks are drawn by ``liquid``, and readouts learn by
``least_squares_readout``.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray, Interface, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes, Package
from spikeloop.workers.brian.least_squares_readout import delta_rule, recursive_least_squares
from spikeloop.workers.brian.simulator import BRIAN2
from spikeloop.workers.brian.targets import OpenLoopTarget
from spikeloop.workers.hyperparameter_fields import searchable, searchables
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.reservoir.batch import lesson, reservoirs
from spikeloop.workers.learners.reservoir.liquid import Liquid
from spikeloop.workers.learners.reservoir.network import Reservoir
from spikeloop.workers.learners.reservoir.sample_order import curriculum_order
from spikeloop.workers.parameter_types import Integer, Parameter, Real
from spikeloop.workers.rollout import Rollout
from spikeloop.workers.space import Parameters, ParameterSpace
from spikeloop.workers.time_steps import Windowed

CandidateValues = dict[str, FloatArray]
"""(n_candidates,) each hyperparameter, by name."""
Kind = Literal["architecture", "physics", "readout", "curriculum"]
READOUT_RULES: dict[str, tuple[Callable[..., FloatArray], tuple[str, ...]]] = {
    "rls": (recursive_least_squares, ("ridge", "forgetting")),
    "delta": (delta_rule, ("eta", "eta_decay")),
}
"""Learning rules of a readout, and their settings."""
UNITS: dict[str, Any] = {"tau_membrane_ms": 1.0, "tau_synapse_ms": 1.0, "beta": 1.0}
"""Units of settings of the network of which candidates have multiples."""


class BrianLiquid(Windowed):
    """A random spiking reservoir with a linear readout that learns from a teacher.

    Continuous actions are the readout in units of half the action range, from its middle, clipped;
    the first answer is the middle.
    """

    packages: ClassVar[tuple[Package, ...]] = (BRIAN2,)

    kind: Literal["brian_liquid"] = "brian_liquid"
    searched: list[Kind] = Field(
        default=["architecture", "physics", "readout"],
        min_length=1,
        description="Θ: kinds of hyperparameters; the others keep the values below",
    )

    n_neurons: int = searchable("architecture", 64, 1, 1000, "neurons")
    connectivity: float = searchable(
        "architecture", 0.1, 0.01, 1, "chance of a synapse between two neurons", scale="log"
    )
    excitatory_share: float = searchable("architecture", 0.8, 0.2, 0.9, "of all neurons")
    adaptive_share: float = searchable("architecture", 0.0, 0, 1, "neurons of rising threshold")

    spectral_radius: float = searchable("physics", 0.5, 0, 2, "of recurrent weights")
    input_scale: float = searchable(
        "physics", 3.0, 0.1, 20, "standard deviation of a neuron's input in thresholds", scale="log"
    )
    feedback_scale: float = searchable(
        "physics", 0.2, 0, 1, "of the last target's part of the input"
    )
    tau_membrane_ms: float = searchable(
        "physics", 5.0, 1, 100, "of potentials", unit="ms", scale="log"
    )
    tau_synapse_ms: float = searchable(
        "physics", 3.0, 1, 100, "of synaptic currents", unit="ms", scale="log"
    )
    tau_readout_ms: float = searchable(
        "physics", 4.0, 1, 200, "of filtered spikes", unit="ms", scale="log"
    )
    tau_adaptation_ms: float = searchable(
        "physics", 100.0, 10, 2000, "of rising thresholds", unit="ms", scale="log"
    )
    beta: float = searchable("physics", 0.1, 0, 2, "rise of a threshold after a spike")

    ridge: float = searchable(
        "readout", 10.0, 1e-3, 1000, "rls: inverse variance of a weight beforehand", scale="log"
    )
    forgetting: float = searchable("readout", 1.0, 0.9, 1, "rls: weight of a sample one later")
    eta: float = searchable("readout", 0.5, 0, 1, "delta: learning rate at first")
    eta_decay: float = searchable("readout", 0.0, 0, 1, "delta: η_t = eta / (1 + t)^eta_decay")
    curriculum: float = searchable(
        "curriculum", 0.0, -1, 1, "order of samples: 1 easy first, 0 as drawn, -1 hard first"
    )

    readout: Literal["rls", "delta"] = Field(
        default="rls", description="recursive least squares or the delta rule"
    )
    largest_n: int = Field(default=100, ge=2, le=1000, description="neurons in a search")
    largest_connectivity: float = Field(
        default=0.2, ge=0.02, le=1, description="chance of a synapse in a search"
    )
    network: int = Field(default=0, ge=0, description="seed of wiring, signs and weights")
    window_ms: float = Field(default=10.0, ge=1, le=1000, description="time of one sample")
    step_ms: float = Field(default=1.0, ge=0.01, le=10, description="time step of Brian2")
    refractory_ms: float = Field(default=2.0, ge=0, le=1000, description="no spikes after a spike")
    longest_delay_ms: float = Field(
        default=1.0, ge=0, le=1000, description="delays are 1, 2, ... steps up to this"
    )
    channels_per_value: int = Field(
        default=5, ge=2, le=1000, description="input channels of each number seen"
    )
    feedback_channels: int = Field(
        default=5, ge=2, le=1000, description="input channels of the last target"
    )
    tuning_width: float = Field(
        default=1.0, ge=0.05, le=10, description="of a channel, in spacings between channels"
    )
    target: OpenLoopTarget = Field(default="numpy", description="what Brian2 generates code for")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, largest in (("n_neurons", "largest_n"), ("connectivity", "largest_connectivity")):
            value, most = getattr(self, name), getattr(self, largest)
            if "architecture" in self.searched and value > most:
                raise ValueError(f"{name} must be at most {largest}, got {value} and {most}")
        return self

    def space(self, interface: Interface) -> ParameterSpace:
        """Return Θ: the hyperparameters of the kinds that are searched."""
        if interface.feedback != "target":
            raise ValueError(f"brian_liquid needs targets as feedback, got {interface.feedback}s")
        if interface.actions != "continuous" or interface.n_actions != 1:
            raise ValueError(
                f"brian_liquid needs one continuous action, got {interface.n_actions} "
                f"{interface.actions}"
            )
        unused = [
            name for rule, (_, own) in READOUT_RULES.items() if rule != self.readout for name in own
        ]
        return ParameterSpace(
            tuple(
                self._parameter(name, how)
                for name, how in searchables(type(self)).items()
                if how["kind"] in self.searched and name not in unused
            )
        )

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes side by side: the network first, then the readouts.

        Memory holds two numbers for each sample, episode and neuron of the largest candidate.
        """
        values = self.values(parameters)
        order = self._order(values, tasks)
        rollout = Rollout(self.kind, tasks, seeds, order)
        inputs, targets = lesson(
            self.channels(rollout.interface), Rollout(self.kind, tasks, seeds, order)
        )
        seen = self.features(values, rollout, inputs)

        of_episodes = {name: rollout.of_episodes(value) for name, value in values.items()}
        low, high = rollout.interface.action_range
        middle, half = (low + high) / 2, (high - low) / 2
        learn, settings = READOUT_RULES[self.readout]
        answers = learn(
            seen,
            (targets - middle) / half,
            of_episodes["n_neurons"].astype(np.int64),
            *(of_episodes[name] for name in settings),
        )
        # A potential that is no number never spikes, so its episode would look like a silent one.
        broken = ~np.isfinite(np.stack([*of_episodes.values()])).all(axis=0)
        answers = np.where(broken, np.nan, np.clip(middle + half * answers, low, high))
        for sample in answers:
            rollout.observe()
            rollout.step(sample[:, None])
        return rollout.episodes()

    def values(self, parameters: Parameters) -> CandidateValues:
        """Return each hyperparameter (n_candidates,) by name, searched or not."""
        searched = {parameter.name for parameter in parameters.space.parameters}
        return {
            name: parameters[name]
            if name in searched
            else np.full(parameters.n_candidates, float(getattr(self, name)))
            for name in searchables(type(self))
        }

    def features(self, values: CandidateValues, rollout: Rollout, inputs: FloatArray) -> FloatArray:
        """Return filtered spikes (n_samples, n_episodes, n) for ``inputs`` of ``lesson``."""
        liquid, n_neurons = self.liquid(), values["n_neurons"]
        circuit = liquid.circuit(self.adapts)
        reservoir = Reservoir(
            n_neurons=liquid.n, refractory_ms=self.refractory_ms, step_ms=self.step_ms, **UNITS
        )
        architecture = ("n_neurons", "connectivity", "excitatory_share", "spectral_radius")
        nets = reservoirs(
            reservoir,
            circuit,
            self.window_steps,
            liquid.weights(*(values[name] for name in architecture)),
            self._feeding(self.channels(rollout.interface), values, liquid),
            {name.removesuffix("_ms"): value for name, value in values.items()},
        )
        if self.adapts:
            rise = values["beta"][:, None] * liquid.adaptive(n_neurons, values["adaptive_share"])
            nets = replace(nets, start={**nets.start, ("neurons", "rise"): rise})
        blueprint = reservoir.blueprint(circuit, 0, self.window_steps)
        spike_sum = nets.spike_sums(blueprint, rollout, inputs, self.target)
        filtered, before = np.zeros(spike_sum.shape[1:]), np.zeros(spike_sum.shape[1:])
        for window in spike_sum:
            filtered = nets.filtered(filtered, window - before)
            before = window.copy()
            window[:] = filtered
        return spike_sum

    def _feeding(
        self, channels: InputChannels, values: CandidateValues, liquid: Liquid
    ) -> FloatArray:
        """Return input weights (n_candidates, n_channels, n)."""
        scale = np.repeat(values["input_scale"][:, None], channels.n, axis=1)
        (feedback,) = (group for group in channels.groups if group.name == "feedback")
        scale[:, feedback.start : feedback.start + feedback.n] *= values["feedback_scale"][:, None]
        weights = liquid.feeding(channels.n, values["n_neurons"])
        fed: FloatArray = weights * (scale / np.sqrt(channels.n_shown))[:, :, None]
        return fed

    def liquid(self) -> Liquid:
        """Return the largest network of a search, or the only one."""
        searched = "architecture" in self.searched
        return Liquid.draw(
            self.network,
            self.largest_n if searched else self.n_neurons,
            self.largest_connectivity if searched else self.connectivity,
            max(1, round(self.longest_delay_ms / self.step_ms)),
        )

    def channels(self, interface: Interface) -> InputChannels:
        """Return the input channels of the network."""
        return InputChannels(
            interface,
            self.channels_per_value,
            self.feedback_channels,
            self.tuning_width,
            shows_action=False,
        )

    def _order(self, values: CandidateValues, tasks: TaskBatch) -> IntArray | None:
        """Return the order of samples, if it is not that in which they were drawn."""
        if "curriculum" not in self.searched and not self.curriculum:
            return None
        if not hasattr(tasks, "difficulty"):
            raise ValueError(
                "brian_liquid needs tasks of known difficulty for a curriculum, "
                f"got {type(tasks).__name__}"
            )
        return curriculum_order(values["curriculum"], tasks.difficulty())

    def _parameter(self, name: str, how: dict[str, Any]) -> Parameter:
        default = getattr(self, name)
        if name == "n_neurons":
            return Integer(1, self.largest_n, default, name=name, description=how["description"])
        high = self.largest_connectivity if name == "connectivity" else how["high"]
        return Real(
            how["low"], high, default, how["unit"], how["scale"], how["description"], name=name
        )

    @property
    def adapts(self) -> bool:
        """Whether any neuron can be adaptive."""
        return "architecture" in self.searched or self.adaptive_share > 0
