"""The settings of an LSNN, and the network, inputs and weights that follow from them."""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.lsnn.network import Network
from spikeloop.workers.learners.lsnn.neurons import AdaptiveNeurons, decay
from spikeloop.workers.learners.lsnn.objective import Objective
from spikeloop.workers.learners.lsnn.wiring import INPUT_BITS, Wiring
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.time_steps import Windowed, whole_steps
from spikeloop.workers.xla import Precision

LONGEST_DELAY = 1000
"""Time steps of a delay, at most: each spike is kept for so long."""


class LsnnSettings(Windowed):
    """Size, neurons, inputs, initial weights and training of a network; ``Lsnn`` runs it."""

    n_neurons: int = Field(default=200, ge=1, le=10_000, description="neurons")
    adaptive_share: float = Field(default=0.5, ge=0, le=1, description="of neurons, are ALIF")
    tau_membrane_ms: float = Field(default=20.0, ge=0, le=1000, description="τ_m of potentials")
    threshold: float = Field(default=0.01, ge=1e-6, le=1e3, description="θ₀")
    beta: float = Field(default=1.8, ge=0, le=1e3, description="β of adaptive thresholds")
    tau_adaptation_ms: tuple[float, float] = Field(
        default=(50.0, 1000.0),
        strict=False,
        description="τ_a: least and largest, log-uniform over the adaptive neurons",
    )
    reset: Literal["subtract", "zero"] = Field(
        default="subtract",
        description="what a spike does to the potential: takes the threshold off, or sets it to 0",
    )
    refractory_ms: float = Field(default=2.0, ge=0, le=1000, description="no spikes after a spike")
    delays_ms: tuple[float, ...] = Field(
        default=(1.0,),
        min_length=1,
        max_length=100,
        strict=False,
        description="axonal delays, dealt to the neurons in turn",
    )
    connectivity: float = Field(default=1.0, gt=0, le=1, description="chance of each synapse")
    excitatory_share: float = Field(
        default=0.0, ge=0, le=1, description="of neurons; 0: signs are free"
    )
    tau_readout_ms: float = Field(default=5.0, ge=0, le=1000, description="of filtered spikes")
    dampening: float = Field(default=0.3, gt=0, le=1, description="γ of the surrogate derivative")
    smooth: float = Field(
        default=0.0, ge=0, le=10, description="0: spikes; else sigmoids of this width, for tests"
    )
    step_ms: float = Field(default=1.0, ge=0.01, le=10, description="time step")
    window_ms: float = Field(default=10.0, gt=0, le=1000, description="time of one decision")

    input: Literal["currents", "spikes"] = Field(
        default="currents", description="how channels drive neurons; spikes are Poisson's"
    )
    input_rate_hz: float = Field(
        default=200.0, gt=0, le=1000, description="of a channel at its height, if input spikes"
    )
    channels_per_value: int = Field(
        default=20, ge=2, le=1000, description="input channels of each number seen"
    )
    feedback_channels: int = Field(
        default=20, ge=2, le=1000, description="input channels of the feedback, if it is a number"
    )
    feedback_share: float = Field(
        default=1.0, gt=0, le=1, description="of the range of feedback, which the channels cover"
    )
    trial_channels: int = Field(
        default=0, ge=0, le=1000, description="input channels of the number of the decision"
    )
    tuning_width: float = Field(
        default=1.0, ge=0.05, le=10, description="of a channel, in spacings between channels"
    )
    shows_action: bool = Field(default=True, description="the last action is an input")
    shows_feedback: bool = Field(default=True, description="the feedback is an input")
    explores: bool = Field(
        default=True,
        description="actions are drawn from the policy, as always in training; else the likeliest",
    )

    entropy_bonus: float = Field(
        default=0.0,
        ge=0,
        le=1e3,
        description="reward for each nat of the policy's entropy in a decision, in the fitness of "
        "strategies without gradients; held-out episodes have none",
    )

    input_scale: float = Field(
        default=3.0,
        gt=0,
        le=1e3,
        description="initial standard deviation of the drive of uncentred channels, in θ₀",
    )
    recurrent_scale: float = Field(
        default=1.0, gt=0, le=1e3, description="initial weights N(0, this²) / √inputs"
    )
    readout_scale: float = Field(
        default=0.5, gt=0, le=1e3, description="initial weights N(0, this²) / √neurons"
    )
    centering_rate_hz: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="weights act on spikes minus this rate, and on channels minus their mean; 0: "
        "on spikes and channels themselves",
    )
    network: int = Field(default=0, ge=0, description="seed of wiring, τ_a and default weights")
    copies: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="networks with the same weights that start at different potentials, and whose "
        "readouts are averaged",
    )

    objective: Objective = Field(default=Objective(), description="of the gradients")
    truncation: int = Field(
        default=0, ge=0, description="decisions after which the gradient is cut; 0: never"
    )
    checkpoint: int = Field(
        default=1, ge=0, description="decisions of which only the beginning is kept; 0 keeps all"
    )
    precision: Precision = Field(default="float32", description="of all arithmetic")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.refractory_ms:
            whole_steps(self.refractory_ms, self.step_ms, "refractory_ms")
        for delay in self.delays_ms:
            if whole_steps(delay, self.step_ms, "each of delays_ms") > LONGEST_DELAY:
                raise ValueError(
                    f"each of delays_ms must be at most {LONGEST_DELAY} time steps, got {delay} ms"
                )
        if self.entropy_bonus and not self.explores:
            raise ValueError(
                "entropy_bonus must be 0 where explores is off and actions are not drawn, got "
                f"{self.entropy_bonus}"
            )
        low, high = self.tau_adaptation_ms
        if not 0 < low <= high <= 1e6:
            raise ValueError(
                f"tau_adaptation_ms must be two times above 0, the least first, got {low}, {high}"
            )
        if self.copies > 1 and not self.tau_membrane_ms:
            raise ValueError(
                "copies must be 1 where tau_membrane_ms is 0 and first potentials are forgotten at "
                f"once, got {self.copies}"
            )
        if self.trial_channels == 1:
            raise ValueError("trial_channels must be 0, or 2 or more, got 1")
        if self.centering_rate_hz and self.input == "spikes":
            # Their constant channel spikes too, so nothing is left that could be constant.
            raise ValueError('centering_rate_hz must be 0 where input is "spikes"')
        if self.centering_rate_hz and self.excitatory_share:
            # The constant would be the mean of all weights, which signs keep far from 0: silence.
            raise ValueError("centering_rate_hz must be 0 where excitatory_share is not")
        if self.spiking_input > 1:
            raise ValueError(
                "input_rate_hz must be at most one spike in a time step, got "
                f"{self.input_rate_hz} with step_ms {self.step_ms}"
            )
        return self

    def weights(self, interface: Interface) -> tuple[Weights, Weights, Weights, Weights]:
        """Return the weights of channels, between neurons, and to readouts, and these' bias."""
        needed = {"target": "continuous", "reward": "discrete"}[interface.feedback]
        if interface.actions != needed:
            raise ValueError(
                f"lsnn needs {needed} actions where the feedback is a {interface.feedback}, got "
                f"{interface.actions}"
            )
        if self.entropy_bonus and needed == "continuous":
            raise ValueError(
                "entropy_bonus must be 0 where answers are numbers and no policy is learned, got "
                f"{self.entropy_bonus}"
            )
        if self.objective.latent_cost and not interface.n_latents:
            raise ValueError(
                "objective.latent_cost must be 0 for a family without latents of its tasks "
                f"(Interface.n_latents), got {self.objective.latent_cost}"
            )
        inputs, n = self.inputs(interface), self.n_neurons
        n_readouts = self.n_readouts(interface)
        power = inputs.power
        if self.input == "spikes":  # of a variable sum, which leaky neurons average over
            power *= max(self.spiking_input, 1e-9)
        of_input = self.input_scale * self.threshold / float(np.sqrt(power))
        recurrent = self.recurrent_scale / float(np.sqrt(max(1.0, n * self.connectivity)))
        readout = self.readout_scale / float(np.sqrt(n))
        seed = self.network
        # Readouts have no seed, so they are 0 by default: an untrained network answers the mean, or
        # at random.
        return (
            Weights(
                (inputs.n, n), of_input, "1", "from channel to neuron", seed, name="input_weights"
            ),
            Weights(
                (n, n), recurrent, "1", "from neuron to neuron", seed, name="recurrent_weights"
            ),
            Weights(
                (n, n_readouts), readout, "1", "from neuron to readout", name="readout_weights"
            ),
            Weights((n_readouts,), readout, "1", "of readouts", name="readout_bias"),
        )

    @property
    def spiking_input(self) -> float:
        """Spikes of a channel at its height in a time step; 0 where inputs are currents."""
        return self.input_rate_hz * self.step_ms * 1e-3 if self.input == "spikes" else 0.0

    def mean_activity(self, interface: Interface) -> tuple[FloatArray, float]:
        """Return the means per time step that centring subtracts.

        Returns:
            (n_channels,) of the inputs, in the multiples of 2⁻⁸ in which they act, and that of
            neurons in multiples of 2⁻¹⁶, so that its sums are exact in double precision.
        """
        inputs = np.round(self.inputs(interface).means * 2.0**INPUT_BITS) / 2.0**INPUT_BITS
        return inputs, float(np.round(self.centering_rate_hz * self.step_ms * 1e-3 * 2**16) / 2**16)

    def n_readouts(self, interface: Interface) -> int:
        """Count the readouts: those of answers and those of latents."""
        return self.n_answers(interface) + self.n_latents(interface)

    def n_answers(self, interface: Interface) -> int:
        """Count the readouts that come first: one an action, and the value where it is trained."""
        return interface.n_actions + (interface.feedback == "reward")

    def n_latents(self, interface: Interface) -> int:
        """Count the readouts that are trained to name a task's latents; they come last."""
        return interface.n_latents if self.objective.latent_cost else 0

    def inputs(self, interface: Interface) -> InputChannels:
        """Return the input channels of the network."""
        return InputChannels(
            interface,
            self.channels_per_value,
            self.feedback_channels,
            self.tuning_width,
            self.trial_channels,
            self.feedback_share,
            one_hot_feedback=True,
            # The answer to a sample says nothing where its target is the feedback.
            shows_action=self.shows_action and interface.feedback == "reward",
            shows_feedback=self.shows_feedback,
        )

    def wiring(self) -> Wiring:
        """Draw the synapses of the network, a function of its seed."""
        return Wiring.draw(self.n_neurons, self.connectivity, self.excitatory_share, self._rng(0))

    def neurons(self) -> AdaptiveNeurons:
        """Return the neurons, adaptive ones first."""
        low, high = self.tau_adaptation_ms
        n_adaptive = round(self.adaptive_share * self.n_neurons)
        tau_ms = np.exp(self._rng(1).uniform(np.log(low), np.log(high), self.n_neurons))
        return AdaptiveNeurons(
            decay(self.tau_membrane_ms, self.step_ms),
            decay(tau_ms, self.step_ms),
            np.where(np.arange(self.n_neurons) < n_adaptive, self.beta, 0.0),
            self.threshold,
            round(self.refractory_ms / self.step_ms),
            self.dampening,
            self.smooth,
            self.reset == "zero",
        )

    def first_potentials(self) -> FloatArray:
        """Draw the potentials at which episodes begin, (copies, n): 0 for the first copy.

        Those of the others are U[0, θ₀].
        """
        drawn = self._rng(2).uniform(0.0, self.threshold, (self.copies - 1, self.n_neurons))
        return np.concatenate([np.zeros((1, self.n_neurons)), drawn])

    def circuit(self, interface: Interface) -> Network:
        """Return neurons, delays and readouts, as they run."""
        return Network(
            self.neurons(),
            tuple(
                whole_steps(delay, self.step_ms, "each of delays_ms") for delay in self.delays_ms
            ),
            self.n_readouts(interface),
            decay(self.tau_readout_ms, self.step_ms),
            self.window_steps,
        )

    def _rng(self, purpose: int) -> np.random.Generator:
        sequence = np.random.SeedSequence(self.network, spawn_key=(purpose,))
        return np.random.Generator(np.random.Philox(sequence))
