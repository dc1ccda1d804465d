"""Reward-modulated spike-timing-dependent plasticity on a Brian2 network of states and actions.

A three-factor rule: pairs of spikes leave an eligibility c at the synapse, and the reward of an
action turns it into a change of weight. The equations are in ``equations``.

Izhikevich 2007 ("Solving the distal reward problem through linkage of STDP and dopamine signaling",
Cerebral Cortex 17:2443) has dw/dt = c d with the concentration d of dopamine, τ₊ = τ₋ = 20 ms,
τ_c = 1 s, and 0.2 s for d; A₋ = 1.05 A₊ is that of Song and Abbott 2001 (Neuron 32:339). These are
the defaults, though in decisions as short as these a shorter τ_c learns better. Here dopamine is a
pulse at the outcome, or lasts and then acts at the next outcomes too. Frémaux, Sprekeler and
Gerstner 2010 (Journal of Neuroscience 30:13326) found that rewards must be counted from their
expectation in each state; Frémaux and Gerstner 2016 (Frontiers in Neural Circuits 9:85) review all
of these rules.

Sizes of the network, constants of the membrane, all ranges and all other defaults have no source.
"""

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray, Interface, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes, Package
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import (
    Blueprint,
    Connections,
    Population,
    SynapseGroup,
    all_to_all,
)
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.simulator import BRIAN2
from spikeloop.workers.brian.targets import BrianTarget
from spikeloop.workers.learners.brian_rstdp import equations
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.rollout import Rollout
from spikeloop.workers.space import Parameters, ParameterSpace
from spikeloop.workers.time_steps import Windowed

MILLI = 1e-3


class BrianRstdp(Windowed):
    """Input neurons for each state, output neurons for each action, and R-STDP between them.

    While a state is on, its input neurons fire. The action whose neurons fire most within the
    window is taken; ties are drawn, and where none fires, all actions tie. Rewards are counted in
    widths of the family's ``feedback_range``.
    """

    packages: ClassVar[tuple[Package, ...]] = (BRIAN2,)

    kind: Literal["brian_rstdp"] = "brian_rstdp"
    window_ms: float = Field(default=20.0, ge=1, le=1000, description="time of one decision")
    step_ms: float = Field(default=1.0, ge=0.05, le=1, description="time step of Brian2")
    neurons_per_state: int = Field(default=1, ge=1, le=64, description="input neurons of a state")
    neurons_per_action: int = Field(default=1, ge=1, le=64, description="of an action")
    input: Literal["poisson", "regular"] = Field(
        default="poisson", description="how the input neurons of the state that is on fire"
    )
    largest_weight_mV: float = Field(
        default=10.0, gt=0, le=1000, description="end of the weights' range; 10 mV is the threshold"
    )
    bounds: Literal["hard", "soft"] = Field(
        default="hard", description="soft: changes shrink in proportion to the distance to a bound"
    )
    baseline: Literal["none", "mean", "state"] = Field(
        default="state", description="subtracted from rewards: 0, their mean, or a state's mean"
    )
    dopamine: Literal["pulse", "lasting"] = Field(
        default="pulse", description="lasting: its rest acts at later outcomes as well"
    )
    fixed: dict[str, float] = Field(
        default={}, description="values of parameters, by name, that are not to be searched"
    )
    target: BrianTarget = Field(default="numpy", description="what Brian2 generates code for")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = list(self._parameters((0.0, 1.0)))
        for name in self.fixed:
            if name not in names:
                raise ValueError(f"fixed must name some of {', '.join(names)}, got {name!r}")
        if len(self.fixed) == len(names):
            raise ValueError("fixed must leave a parameter to be searched, got all of them")
        return self

    def space(self, interface: Interface) -> ParameterSpace:
        """Return Θ: of the plasticity, the initial weights, and the two populations."""
        if "continuous" in (interface.actions, interface.observations):
            raise ValueError(
                f"brian_rstdp needs discrete actions and observations, got {interface.actions} "
                f"actions and {interface.observations} observations"
            )
        if interface.feedback != "reward":
            raise ValueError(f"brian_rstdp needs rewards as feedback, got {interface.feedback}s")
        parameters = self._parameters(interface.feedback_range)
        for name, value in self.fixed.items():
            low, high = parameters[name].low, parameters[name].high
            if not float(low) <= value <= high:
                raise ValueError(f"fixed {name} must be in [{low}, {high}], got {value}")
        return ParameterSpace.of({n: p for n, p in parameters.items() if n not in self.fixed})

    def _parameters(self, feedback_range: tuple[float, float]) -> dict[str, Real]:
        most = self.largest_weight_mV
        parameters = {
            "eta": Real(2e-4 * most, 0.2 * most, 1e-3 * most, "mV", "log", "η at first"),
            "eta_decay": Real(0, 1, 0, description="of it: η_t = η / (1 + t)^decay"),
            "A_plus": Real(0, 2, 1, description="of a pair pre before post, or in the same step"),
            "A_minus": Real(0, 2, 1.05, description="of a pair post before pre"),
            "tau_plus": Real(2, 200, 20, "ms", "log", "of the presynaptic trace"),
            "tau_minus": Real(2, 200, 20, "ms", "log", "of the postsynaptic trace"),
            "tau_eligibility": Real(2, 2000, 1000, "ms", "log", "τ_c"),
            "weight": Real(0, most, 0.5 * most, "mV", description="all weights at first"),
            "inhibition": Real(0, 40, 20, "mV", description="of others by a spike of an action"),
            "noise": Real(0.1, 10, 1, "mV", "log", "width of the zone around threshold that fires"),
            "input_rate": Real(50, 1000, 500, "Hz", "log", "of one input neuron"),
        }
        if self.baseline != "none":
            low, high = feedback_range
            parameters |= {
                "baseline_rate": Real(1e-3, 1, 0.1, "1", "log", "part of a surprise it learns"),
                "expected": Real(low, high, (low + high) / 2, "reward", "linear", "at first"),
            }
        if self.dopamine == "lasting":
            parameters["tau_dopamine"] = Real(10, 2000, 200, "ms", "log", "its decay")
        return parameters

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes side by side in one network."""
        rollout = Rollout(self.kind, tasks, seeds)
        n_states, n_actions = rollout.interface.n_observations, rollout.interface.n_actions
        blueprint = self.blueprint(n_states, n_actions)
        with network(blueprint, rollout.seeds, self.target) as batch:
            agents = RstdpAgents(self, parameters, rollout, batch)
            batch.run(rollout.n_steps, self.window_steps, agents.between_windows)
            return rollout.episodes(action_values=agents.preferences())

    def blueprint(self, n_states: int, n_actions: int) -> Blueprint:
        """Return one episode's network: "states", "actions", "plastic" between them, "lateral"."""
        n_in, n_out = n_states * self.neurons_per_state, n_actions * self.neurons_per_action
        states = Population(n_in, "rate : Hz", threshold=equations.FIRES[self.input])
        actions = Population(
            n_out,
            equations.ACTION,
            threshold=equations.ESCAPES,
            reset="v = 0*mV\ncount += 1",
            on_feedback=equations.AFTER_AN_OUTCOME,
        )
        plastic = SynapseGroup(
            "states",
            "actions",
            all_to_all(n_in, n_out),
            equations.SYNAPSE,
            on_pre=equations.ON_PRE,
            on_post=equations.ON_POST,
            on_feedback=equations.ON_TOLD[self.bounds],
            up_to_date=True,
        )
        pre, post = np.divmod(np.arange(n_out**2), n_out)
        rivals = pre // self.neurons_per_action != post // self.neurons_per_action
        wires = Connections(pre[rivals], post[rivals])
        lateral = SynapseGroup("actions", "actions", wires, on_pre="v_post -= inhibition")
        return Blueprint(
            self.step_ms * 1e-3,
            {"states": states, "actions": actions},
            {"plastic": plastic, "lateral": lateral},
            equations.MEMBRANE_CONSTANTS | {"w_max": f"{self.largest_weight_mV!r}*mV"},
        )


class RstdpAgents:
    """The agents of a tile, which act and learn between two windows of simulated time."""

    def __init__(
        self, settings: BrianRstdp, parameters: Parameters, rollout: Rollout, batch: BatchedNetwork
    ) -> None:
        theta = rollout.theta(parameters)
        theta |= {name: np.full(rollout.n_episodes, x) for name, x in settings.fixed.items()}
        self._broken = ~np.asarray(np.isfinite([*theta.values()]).all(axis=0))
        self._settings, self._rollout, self._batch = settings, rollout, batch
        self._rate = batch.array("states", "rate")
        self._rate_of = theta["input_rate"]
        self._eta, self._eta_decay = theta["eta"] * MILLI, theta["eta_decay"]
        self._weight = batch.array("plastic", "w")
        self._weight[:] = theta["weight"][:, None] * MILLI
        for name in ("A_plus", "A_minus"):
            self._write(name, theta[name])
        for name in ("tau_plus", "tau_minus", "tau_eligibility", "noise", "inhibition"):
            self._write(name, theta[name] * MILLI)
        if settings.dopamine == "lasting":
            window_ms = settings.window_steps * settings.step_ms
            self._write("dopamine_left", np.exp(-window_ms / theta["tau_dopamine"]))

        low, high = rollout.interface.feedback_range
        self._unit = high - low
        n_baselines = rollout.interface.n_observations if settings.baseline == "state" else 1
        self._baseline = np.zeros((rollout.n_episodes, n_baselines))
        if settings.baseline != "none":
            self._baseline[:] = theta["expected"][:, None] / self._unit
            self._write("baseline_rate", theta["baseline_rate"])
        self._episodes = np.arange(rollout.n_episodes)
        self._state: IntArray = rollout.observe().astype(np.int64)

    def between_windows(self, decision: int) -> None:
        """Act by the neurons that fired most, learn, and set the rates of the next state."""
        if decision > 0:
            self._act()
        shown = self._state[:, None] == np.arange(self._rollout.interface.n_observations)
        rates = np.where(shown, self._rate_of[:, None], 0.0)
        self._rate[:] = np.repeat(rates, self._settings.neurons_per_state, axis=1)

    def _act(self) -> None:
        rollout, n = self._rollout, self._rollout.n_taken
        count = self._batch.array("actions", "count")
        spikes = count.reshape(rollout.n_episodes, rollout.interface.n_actions, -1).sum(axis=2)
        # A membrane that is no number never fires, so its episode would look like a random one.
        preference = np.where(self._broken[:, None], np.nan, spikes)
        feedback = rollout.step(rollout.pick(preference)) / self._unit
        self._learn(feedback, self._eta / (1.0 + n) ** self._eta_decay)
        self._state = rollout.observe().astype(np.int64)

    def _learn(self, feedback: FloatArray, eta: FloatArray) -> None:
        """Set the outcome, and let the network's own code learn from it."""
        state = self._state if self._baseline.shape[1] > 1 else 0
        self._write("feedback", feedback)
        self._write("eta", eta)
        self._write("baseline", self._baseline[self._episodes, state])
        self._batch.run_feedback()
        self._baseline[self._episodes, state] = self._batch.array("actions", "baseline")[:, 0]

    def _write(self, name: str, values: FloatArray) -> None:
        """Give every action neuron of an episode the episode's value."""
        self._batch.array("actions", name)[:] = values[:, None]

    def preferences(self) -> FloatArray:
        """Return mean weights (n_episodes, n_states, n_actions), in parts of the largest."""
        interface, settings = self._rollout.interface, self._settings
        shape = (
            self._rollout.n_episodes,
            interface.n_observations,
            settings.neurons_per_state,
            interface.n_actions,
            settings.neurons_per_action,
        )
        mean: FloatArray = self._weight.reshape(shape).mean(axis=4).mean(axis=2)
        return mean / (settings.largest_weight_mV * MILLI)
