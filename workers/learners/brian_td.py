"""Temporal-difference learning on the synapses of a Brian2 network of state and action neurons.

The NEST variant of Bohnstingl et al. 2019 (Front. Neurosci. 13:483; repository
Neuromorphic_Hardware_learns_to_learn, software/): one neuron per state and action, the state's
neuron fires once, the action neuron that fires first wins. Synapses from states to actions hold the
values. The rule is SARSA(λ), since the successor's value is that of the action that is really taken
next: δ = scale · r + γ w(s', a') − w(s, a), w += η δ e.
"""

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray, Interface, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes, Package
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import (
    NEVER_FIRED,
    Blueprint,
    Population,
    SynapseGroup,
    all_to_all,
    all_to_others,
)
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.simulator import BRIAN2
from spikeloop.workers.brian.targets import BrianTarget
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.philox import Stream
from spikeloop.workers.rollout import Rollout
from spikeloop.workers.space import Parameters, ParameterSpace
from spikeloop.workers.time_steps import Windowed

# iaf_psc_exp with the published constants; the refractory time is NEST's default of 2 ms.
NEURON = """
dv/dt = (E_L - v) / tau_m + (i_exc - i_inh) / C_m : volt (unless refractory)
di_exc/dt = -i_exc / tau_exc : amp
di_inh/dt = -i_inh / tau_inh : amp
first : integer
"""
NEURON_CONSTANTS = {
    "C_m": "30*pF",
    "tau_m": "30*ms",
    "E_L": "-60*mV",
    "V_th": "-55*mV",
    "tau_exc": "3*ms",
    "tau_inh": "2*ms",
}
PICOAMPERE = 1e-12


class BrianTd(Windowed):
    """An agent of one neuron per state and action, learning by SARSA(λ) on its synapses.

    Actions compete through ``inhibition``, which the published network leaves out. Published are
    windows of 50 ms and steps of 0.1 ms; membranes are not reset between decisions.
    """

    packages: ClassVar[tuple[Package, ...]] = (BRIAN2,)

    kind: Literal["brian_td"] = "brian_td"
    window_ms: float = Field(default=50.0, ge=1, le=1000, description="time of one decision")
    onset_ms: float = Field(default=5.0, ge=0, le=1000, description="when the state neuron fires")
    step_ms: float = Field(default=0.1, ge=0.01, le=1, description="time step of Brian2")
    largest_weight_pA: float = Field(default=500.0, gt=0, le=1e6, description="end of the range")
    weight_levels: int = Field(
        default=0,
        ge=0,
        le=2**16,
        description="values that a weight can act with, 64 for 6 bits; 0: any",
    )
    inhibition_pA: float = Field(default=0.0, ge=0, le=1e6, description="between action neurons")
    target: BrianTarget = Field(default="numpy", description="what Brian2 generates code for")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.onset_ms >= self.window_ms:
            raise ValueError(
                f"onset_ms must be less than window_ms = {self.window_ms:g}, or no state's neuron "
                f"fires, got {self.onset_ms:g}"
            )
        if self.weight_levels == 1:
            raise ValueError("weight_levels must be 0 or at least 2, got 1")
        return self

    def space(self, interface: Interface) -> ParameterSpace:
        """Return Θ: learning rule, scale and prior of weights, and exploration.

        Ranges are the published ones, in parts of the largest weight. The defaults are set by hand,
        with a small discount, to learn random MDPs; other families want others.
        """
        if interface.actions != "discrete" or interface.observations != "discrete":
            raise ValueError(
                f"brian_td needs discrete actions and observations, got {interface.actions} "
                f"actions and {interface.observations} observations"
            )
        most = self.largest_weight_pA
        return ParameterSpace.of(
            {
                "gamma": Real(0, 1, 0.1, description="discount"),
                "trace_decay": Real(0, 1, 0.5, description="λ"),
                "eta": Real(0, 1, 0.3, description="learning rate at first"),
                "eta_decay": Real(0, 1, 0.2, description="of it: η / t^decay at update t"),
                "scale": Real(
                    0.4 * most,
                    8 * most,
                    0.6 * most,
                    "pA",
                    "log",
                    "weight of a reward of 1",
                ),
                "prior": Real(0.3 * most, most, 0.6 * most, "pA", description="weights at first"),
                "epsilon": Real(0, 1, 0.1, description="ε-greedy: ε_t = epsilon / ln(t + 2)"),
            }
        )

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes side by side in one network."""
        rollout = Rollout(self.kind, tasks, seeds)
        n_states, n_actions = rollout.interface.n_observations, rollout.interface.n_actions
        blueprint = self.blueprint(n_states, n_actions)
        with network(blueprint, rollout.seeds, self.target) as batch:
            agents = TdAgents(self, parameters, rollout, batch)
            batch.run(rollout.n_steps, self.window_steps, agents.between_windows)
        return rollout.episodes(action_values=agents.value_pA / agents.scale_pA)

    def blueprint(self, n_states: int, n_actions: int) -> Blueprint:
        """Return the network of one episode."""
        states = Population(
            n_states,
            "onset : integer",
            threshold="t_in_timesteps == onset",
            initial={"onset": "-1"},
        )
        actions = Population(
            n_actions,
            NEURON,
            threshold="v > V_th",
            reset="v = E_L\nfirst = clip(first, 0, t_in_timesteps)",
            refractory="2*ms",
            initial={"v": "E_L"},
        )
        plastic = SynapseGroup(
            "states", "actions", all_to_all(n_states, n_actions), "w : amp", "i_exc_post += w"
        )
        synapses = {"plastic": plastic}
        if self.inhibition_pA:
            synapses["inhibition"] = SynapseGroup(
                "actions", "actions", all_to_others(n_actions), on_pre="i_inh_post += inhibition"
            )
        constants = NEURON_CONSTANTS | {"inhibition": f"{self.inhibition_pA!r}*pA"}
        return Blueprint(
            self.step_ms * 1e-3, {"states": states, "actions": actions}, synapses, constants
        )


class TdAgents:
    """The agents of a tile, which act and learn between two windows of simulated time."""

    def __init__(
        self, settings: BrianTd, parameters: Parameters, rollout: Rollout, batch: BatchedNetwork
    ) -> None:
        n_states, n_actions = rollout.interface.n_observations, rollout.interface.n_actions
        shape = rollout.n_episodes, n_states, n_actions
        theta = rollout.theta(parameters)
        self.scale_pA = theta["scale"][:, None, None]
        self.value_pA: FloatArray = np.broadcast_to(theta["prior"][:, None, None], shape).copy()
        self._theta, self._settings, self._rollout = theta, settings, rollout
        self._trace = np.zeros(shape)
        self._weight_A = batch.array("plastic", "w").reshape(shape)
        self._onset = batch.array("states", "onset")
        self._first = batch.array("actions", "first")
        self._episodes = np.arange(rollout.n_episodes)
        self._told: FloatArray | None = None
        self._state: IntArray = rollout.observe().astype(np.int64)

    def between_windows(self, decision: int) -> None:
        """Act by the neuron that fired first, learn, and let the next state's neuron fire."""
        if decision > 0:
            self._act()
        if decision < self._rollout.n_steps:
            settings = self._settings
            at_ms = decision * settings.window_ms + settings.onset_ms
            self._onset[:] = -1
            self._onset[self._episodes, self._state] = round(at_ms / settings.step_ms)
            self._first[:] = NEVER_FIRED
            self._weight_A[:] = self._effective() * PICOAMPERE

    def _act(self) -> None:
        rollout, theta, n = self._rollout, self._theta, self._rollout.n_taken
        action = rollout.pick(-self._first.astype(np.float64))
        noise, other = rollout.uniform(Stream.EXPLORATION, 2).T
        explores = noise < theta["epsilon"] / np.log(n + 2.0)
        n_actions = rollout.interface.n_actions
        action = np.where(explores, (other * n_actions).astype(np.int64), action)

        pair = self._episodes, self._state, action
        if self._told is not None:
            self._learn(self._told, self.value_pA[pair])
        self._trace *= (theta["gamma"] * theta["trace_decay"])[:, None, None]
        self._trace[pair] += 1.0
        self._last_pA = self.value_pA[pair]
        self._told = rollout.step(action)
        self._state = rollout.observe().astype(np.int64)

    def _learn(self, feedback: FloatArray, next_pA: FloatArray) -> None:
        """Learn by SARSA(λ), one decision late, because it takes the action that follows."""
        theta, n = self._theta, self._rollout.n_taken
        eta = theta["eta"] / float(n) ** theta["eta_decay"]
        delta_pA = theta["scale"] * feedback + theta["gamma"] * next_pA - self._last_pA
        self.value_pA += (eta * delta_pA)[:, None, None] * self._trace
        np.clip(self.value_pA, 0.0, self._settings.largest_weight_pA, out=self.value_pA)

    def _effective(self) -> FloatArray:
        """Return weights as they act: rounded to levels between 0 and the largest."""
        settings = self._settings
        if not settings.weight_levels:
            return self.value_pA
        step_pA = settings.largest_weight_pA / (settings.weight_levels - 1)
        rounded: FloatArray = np.rint(self.value_pA / step_pA) * step_pA
        return rounded
