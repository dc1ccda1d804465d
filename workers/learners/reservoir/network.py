"""Recurrent networks of leaky integrate-and-fire neurons, some of them adaptive, in Brian2.

Each neuron i has a potential v in units of its resting threshold and, if it is adaptive, a rise a
of its threshold. In steps of dt, with α = exp(−dt/τ) of the time constant that is meant,

    v ← α_m v + (1 − α_m) (I + c)      a ← α_a a      c ← α_s c
    spike if v > 1 + a, unless refractory;  then  v ← v − (1 + a),  a ← a + β

with the input I of the decision and, if synapses have a time constant, the current c of spikes,
both as they were before the step. A spike of neuron j reaches i just before the step that comes 1,
2, ... steps after it: v ← v + w_ji, of which the leak of that step leaves α_m w_ji for the
threshold to see, or c ← c + w_ji (1 − α_s) / (1 − α_m), which would move v, did it not leak, by
w_ji in all. Spikes of Poisson channels do so after 1 step. It is the network of Bellec et al. 2018
(NeurIPS, "Long short-term memory and learning-to-learn in networks of spiking neurons"; code lsnn,
spiking_models.py), whose β is β_Bellec (1 − α_a) / θ₀ here: the rise of one spike.

Brian2 steps these equations with ``euler`` and rates (1 − α) / dt, which is exact for an input that
is constant over a step, and needs no exponential function while it runs.

A readout sees the spikes filtered by r ← α_r r + (1 − α_r) z n, z = 1 at a spike and n the steps of
a decision: the number of spikes per decision, averaged over the last τ_r.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.brian.blueprint import (
    Blueprint,
    Connections,
    Population,
    SynapseGroup,
    all_to_all,
)
from spikeloop.workers.kernels import kernel


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if not 0.1 <= value[0] <= value[1] <= 1e6:
        raise ValueError(f"must be [low, high] with 0.1 <= low <= high <= 1e6, got {list(value)}")
    return value


Times: TypeAlias = Annotated[tuple[float, float], Field(strict=False), AfterValidator(_ascending)]
"""A range in ms from which each neuron's time constant is drawn, evenly on a logarithmic scale."""

Physical = Literal["tau_membrane", "tau_adaptation", "beta", "tau_synapse", "tau_readout"]
PHYSICAL: tuple[Physical, ...] = get_args(Physical)
"""Values that can be changed by a factor, for all neurons of a network."""


@dataclass(frozen=True)
class RandomCircuit:
    """A drawn network.

    Attributes:
        pre: (n_synapses,) source of each recurrent synapse.
        post: (n_synapses,) target, another neuron.
        delay_steps: (n_synapses,) from 1.
        adaptive: (n_neurons,) whether a neuron is.
        dale: (n_neurons,) sign and strength of a neuron's synapses by Dale's law; all 0 without.
        tau_adaptation_ms: (n_neurons,) also of neurons that are not adaptive.
        tau_readout_ms: (n_neurons,) of filtered spikes.
        weights: (n_synapses,) initial weights, before Dale's law.
    """

    pre: IntArray
    post: IntArray
    delay_steps: IntArray
    adaptive: NDArray[np.bool_]
    dale: FloatArray
    tau_adaptation_ms: FloatArray
    tau_readout_ms: FloatArray
    weights: FloatArray

    def acting(self, deviation: FloatArray) -> FloatArray:
        """Return the weights that act for deviations (n_candidates, n_synapses) from initial ones.

        w = w₀ + Δ; by Dale's law w = dale |w₀ + Δ| with the value of the source neuron.
        """
        weights = self.weights + deviation
        if self.dale.any():
            weights = self.dale[self.pre] * np.abs(weights)
        return weights


class Reservoir(Settings):
    """A recurrent network, drawn at random from the seed ``network``."""

    network: int = Field(default=0, ge=0, description="seed of wiring, time constants, weights")
    n_neurons: int = Field(default=24, ge=1, le=2000, description="neurons")
    adaptive_share: float = Field(default=0.5, ge=0, le=1, description="of all neurons")
    tau_membrane_ms: float = Field(default=20.0, ge=0.1, le=1e6, description="of potentials")
    tau_adaptation_ms: Times = Field(default=(200.0, 2000.0), description="of thresholds")
    beta: float = Field(
        default=0.2, ge=0, le=1000, description="rise of an adaptive threshold after a spike"
    )
    tau_synapse_ms: float = Field(
        default=0.0, ge=0, le=1e6, description="of synaptic currents; 0: spikes act at once"
    )
    tau_readout_ms: Times = Field(default=(20.0, 20.0), description="of filtered spikes")
    refractory_ms: float = Field(default=2.0, ge=0, le=1000, description="no spikes after a spike")
    connectivity: float = Field(
        default=0.2, ge=0, le=1, description="chance of a synapse between two neurons"
    )
    excitatory_share: float = Field(
        default=0.0, ge=0, le=0.99, description="of all neurons, by Dale's law; 0: without the law"
    )
    longest_delay_ms: float = Field(
        default=5.0, ge=0, le=1000, description="delays are 1, 2, ... steps up to this"
    )
    input_gain: float = Field(
        default=2.0, ge=1e-3, le=1000, description="standard deviation of a neuron's input current"
    )
    recurrent_gain: float = Field(
        default=0.5, ge=1e-3, le=1000, description="of its recurrent weights, times sqrt(synapses)"
    )
    input: Literal["current", "poisson"] = Field(
        default="current", description="channels are currents or neurons that fire at random"
    )
    input_rate_Hz: float = Field(
        default=200.0, gt=0, le=1e6, description="of a Poisson channel at its height"
    )
    step_ms: float = Field(default=1.0, ge=0.01, le=10, description="time step of Brian2")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.input == "poisson" and self.input_rate_Hz * self.step_ms > 1000:
            raise ValueError(
                f"input_rate_Hz must be at most {1000 / self.step_ms:g}, one spike in each step of "
                f"{self.step_ms:g} ms, got {self.input_rate_Hz:g}"
            )
        return self

    @property
    def recurrent_scale(self) -> float:
        """Standard deviation of initial recurrent weights."""
        n_in = max(1.0, self.connectivity * (self.n_neurons - 1))
        return self.recurrent_gain / float(np.sqrt(n_in))

    def circuit(self) -> RandomCircuit:
        """Draw the network, a function of these settings alone.

        Each part has random numbers of its own, so that no other setting changes it.
        """
        n, children = self.n_neurons, np.random.SeedSequence([self.network, 0]).spawn(6)
        wires, delays, adapts, adaptation, readout, weights = map(generator, children)
        pre, post = np.divmod(np.arange(n * n), n)
        kept = (pre != post) & (wires.random(n * n) < self.connectivity)
        pre, post = pre[kept], post[kept]
        adaptive = np.zeros(n, dtype=np.bool_)
        adaptive[adapts.permutation(n)[: round(self.adaptive_share * n)]] = True
        n_excitatory = round(self.excitatory_share * n)
        dale = np.zeros(n)
        if self.excitatory_share:
            # Few inhibitory neurons are as strong as many excitatory ones.
            inhibition = n_excitatory / max(1, n - n_excitatory)
            dale = np.where(np.arange(n) < n_excitatory, 1.0, -inhibition)
        longest = self.steps(self.longest_delay_ms)
        return RandomCircuit(
            pre=pre,
            post=post,
            delay_steps=delays.integers(1, longest, pre.size, endpoint=True),
            adaptive=adaptive,
            dale=dale,
            tau_adaptation_ms=log_uniform(self.tau_adaptation_ms, n, adaptation),
            tau_readout_ms=log_uniform(self.tau_readout_ms, n, readout),
            weights=self.recurrent_scale * weights.standard_normal((n, n))[pre, post],
        )

    def initial(self, name: str, shape: tuple[int, ...], scale: float) -> FloatArray:
        """Draw normal input or readout weights of standard deviation ``scale``.

        Each name has random numbers of its own.
        """
        words = [self.network, 1, *name.encode()]
        return scale * generator(np.random.SeedSequence(words)).standard_normal(shape)

    def steps(self, time_ms: float) -> int:
        """Return the time steps of a time, at least one."""
        return max(1, round(time_ms / self.step_ms))

    def blueprint(self, circuit: RandomCircuit, n_channels: int, window_steps: int) -> Blueprint:
        """Return the network of one episode; ``reservoirs`` has its weights and time constants."""
        drive = "drive"
        equations = ["leak : hertz (constant)", "drive : 1"]
        equations += ["spike_sum : 1", "forget : 1 (constant)"]
        threshold, reset = "v > 1", "v -= 1"
        effect = "v_post"
        if circuit.adaptive.any():
            equations += ["da/dt = -fade * a : 1", "fade : hertz (constant)", "rise : 1 (constant)"]
            threshold, reset = "v > 1 + a", "v -= 1 + a\na += rise"
        if self.tau_synapse_ms:
            drive, effect = "drive + c", "c_post"
            equations += ["dc/dt = -decay * c : 1", "decay : hertz (constant)"]
        if (silent := round(self.refractory_ms / self.step_ms)) > 1:
            equations.append("ready : integer")
            threshold += " and t_in_timesteps >= ready"
            reset += f"\nready = t_in_timesteps + {silent}"
        # The share of a filtered spike that is left at the end of its window.
        reset += "\nspike_sum += exp(forget * (t_in_timesteps % window_steps + 1 - window_steps))"
        spiking = Population(
            self.n_neurons,
            "\n".join([f"dv/dt = leak * ({drive} - v) : 1", *equations]),
            threshold=threshold,
            reset=reset,
            method="euler",
        )
        neurons, synapses = {"neurons": spiking}, dict[str, SynapseGroup]()
        if circuit.pre.size:
            # A spike that arrives at the end of a step acts in the next one.
            delay = circuit.delay_steps - 1
            connections = Connections(circuit.pre, circuit.post, delay if delay.any() else None)
            synapses["recurrent"] = SynapseGroup(
                "neurons", "neurons", connections, "w : 1 (constant)", f"{effect} += w"
            )
        if self.input == "poisson":
            neurons["inputs"] = Population(
                n_channels, "chance : 1 (constant)", threshold="rand() < chance"
            )
            connections = all_to_all(n_channels, self.n_neurons)
            synapses["feeding"] = SynapseGroup(
                "inputs", "neurons", connections, "w : 1 (constant)", f"{effect} += w"
            )
        constants = {"window_steps": str(window_steps)}
        return Blueprint(self.step_ms * 1e-3, neurons, synapses, constants)


def weighted(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return Σ_c values[l, c] weights[g, c, k] of each episode l, independent of all others.

    Args:
        values: (n_episodes, n).
        weights: (n_groups, n, m), each for as many episodes, in order.

    Returns:
        (n_episodes, m).
    """
    out = np.zeros((len(values), weights.shape[2]))
    _add_weighted(
        np.ascontiguousarray(values, dtype=np.float64), np.ascontiguousarray(weights), out
    )
    return out


@kernel
def _add_weighted(values: FloatArray, weights: FloatArray, out: FloatArray) -> None:
    each = values.shape[0] // weights.shape[0]
    for episode in range(values.shape[0]):
        for c in range(values.shape[1]):
            value = values[episode, c]
            if value != 0.0:
                for k in range(weights.shape[2]):
                    out[episode, k] += value * weights[episode // each, c, k]


def generator(sequence: np.random.SeedSequence) -> np.random.Generator:
    """Return a generator whose numbers are the same on any machine."""
    return np.random.Generator(np.random.Philox(sequence))


def log_uniform(ends_ms: tuple[float, float], n: int, rng: np.random.Generator) -> FloatArray:
    """Draw n times between two ends, evenly on a logarithmic scale."""
    low, high = np.log(ends_ms)
    times_ms: FloatArray = np.exp(low + (high - low) * rng.random(n))
    return times_ms
