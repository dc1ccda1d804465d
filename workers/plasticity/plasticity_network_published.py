"""The plasticity network of Bohnstingl et al. 2019 as their program computes it, faults included.

Source: Neuromorphic_Hardware_learns_to_learn, hardware/mab/mab.c, ``update_weights_ann``. It is the
network of ``plasticity_network`` with five inputs, and differs in this:

* Numbers are Q26 in words, products and sums are 64 bits wide and rounded down.
* σ is σ(x / 2), from a table of 512 words over [−32, 32] without interpolation.
* The weights of a synapse are unsigned words; a change is an output times a 50th parameter, the
  learning rate, and an output of 1 is 1/64 of a weight's range.
* The second arm is updated after the first one and sees its new weight.
* Only the half of the synapse row with the chosen arm's neuron is written, so the other arm's
  synapse keeps an old weight until that arm is chosen.
* The synapse first gets the upper six bits of its weight, 48 of the initial 0.75; after the first
  update it gets the upper five bits and 32, which is 56 for the same weight.

Not rebuilt: the host sets the generator to the same state before every evaluation of 40 bandits.
The number of hidden units differs within the repository (7, 8 and 10); the stored vector of 49
parameters has 7, as here.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import Interface
from spikeloop.tasks.portable import exp
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.kernels import part
from spikeloop.workers.parameter_types import Parameter, Real, Weights
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import CYCLES_PER_INSTRUCTION, synapse

N_INPUTS, N_HIDDEN, N_ARMS = 5, 7, 2
ONE_Q26 = 1 << 26
LARGEST_WEIGHT = 6.4
"""Stored parameters p in [0.1, 0.9] mean (p − 0.5) · 2³⁰ in Q26."""
INITIAL_SPREAD = 3.2 / 3**0.5
"""Standard deviation of the published initial law, p from U[0.3, 0.7]."""
MAX_I32, MAX_U32 = 2**31 - 1, 2**32 - 1
N_POINTS, POINT_SHIFT = 512, 22
INITIAL_U32 = 48 << 26


class PublishedNetworkMemory(NamedTuple):
    """The network and the weights of both arms.

    Attributes:
        learning_rate_u32: in Q32.
        hidden_i32: (N_HIDDEN · N_INPUTS,) int32 in Q26, a row for each hidden unit.
        bias_i32: (N_HIDDEN,) int32.
        output_i32: (N_HIDDEN,) int32.
        sigmoid_i32: (N_POINTS,) int32 table in Q31.
        weight_u32: (N_ARMS,) int64 unsigned words.
        step_u32: (1,) int64 pulls so far.
    """

    learning_rate_u32: int
    hidden_i32: NDArray[np.int32]
    bias_i32: NDArray[np.int32]
    output_i32: NDArray[np.int32]
    sigmoid_i32: NDArray[np.int32]
    weight_u32: NDArray[np.int64]
    step_u32: NDArray[np.int64]


class PlasticityNetworkPublished(Settings):
    """The published plasticity network of 50 parameters, with its faults; for two arms."""

    kind: Literal["plasticity_network_published"] = "plasticity_network_published"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = (
        *("hidden_i32", "bias_i32", "output_i32", "sigmoid_i32"),
    )
    compiled_bytes: ClassVar[int] = 4848  # benchmarks/chip/code_size.py

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the 49 weights, which count as ±6.4 beyond, and the learning rate."""
        if (interface.n_observations, interface.n_actions) != (1, N_ARMS):
            raise ValueError(
                f"{self.kind} is for one observation and two actions, got "
                f"{interface.n_observations} and {interface.n_actions}"
            )
        return (
            Weights((N_HIDDEN, N_INPUTS), INITIAL_SPREAD, name="hidden_weights", description="V"),
            Weights((N_HIDDEN,), INITIAL_SPREAD, name="hidden_bias", description="b"),
            Weights((N_HIDDEN,), INITIAL_SPREAD, name="output_weights", description="u"),
            Real(0.6, 0.95, 0.775, name="learning_rate", description="factor of every change"),
        )

    def cycles(self, n_actions: int) -> int:
        """Return the processor's cycles of an update."""
        return CYCLES_PER_INSTRUCTION * 1570

    def memory(self, theta: Mapping[str, float], interface: Interface) -> PublishedNetworkMemory:
        """Return the memory at the start of an episode."""

        def words(name: str, size: int) -> NDArray[np.int32]:
            weights = np.array([theta[f"{name}_{i}"] for i in range(size)])
            limited = np.clip(weights, -LARGEST_WEIGHT, LARGEST_WEIGHT)
            found: NDArray[np.int32] = np.rint(limited * ONE_Q26).astype(np.int32)
            return found

        return PublishedNetworkMemory(
            learning_rate_u32=round(theta["learning_rate"] * 2**32),
            hidden_i32=words("hidden_weights", N_HIDDEN * N_INPUTS),
            bias_i32=words("hidden_bias", N_HIDDEN),
            output_i32=words("output_weights", N_HIDDEN),
            sigmoid_i32=sigmoid_i32(),
            weight_u32=np.full(N_ARMS, INITIAL_U32, dtype=np.int64),
            step_u32=np.zeros(1, dtype=np.int64),
        )


def sigmoid_i32() -> NDArray[np.int32]:
    """Return the published table: the logistic function at 512 numbers from −16 to 16, in Q31."""
    at = np.linspace(-16, 16, N_POINTS)
    table: NDArray[np.int32] = np.floor(MAX_I32 / (1.0 + exp(-at))).astype(np.int32)
    return table


@part
def sigmoid_q26(memory: PublishedNetworkMemory, x: int) -> int:
    """Return σ(x / 2) for a word in Q26."""
    return int(memory.sigmoid_i32[((x >> 1) + (1 << 30)) >> POINT_SHIFT]) >> 5


@part
def saturate_i32(x: int) -> int:
    """Return the nearest word that is not the most negative one."""
    return min(max(x, -MAX_I32), MAX_I32)


@part
def changed(memory: PublishedNetworkMemory, arm: int, chosen: bool, paid: bool) -> int:
    """Return the new weight of an arm, an unsigned word."""
    own, other = int(memory.weight_u32[arm]), int(memory.weight_u32[1 - arm])
    time = int(memory.step_u32[0]) << 18
    reward = ONE_Q26 if paid else -ONE_Q26
    flag = ONE_Q26 if chosen else -ONE_Q26
    output = 0
    for j in range(N_HIDDEN):
        first = j * N_INPUTS
        total = int(memory.bias_i32[j])
        total += (time * int(memory.hidden_i32[first])) >> 26
        total += (reward * int(memory.hidden_i32[first + 1])) >> 26
        total += (flag * int(memory.hidden_i32[first + 2])) >> 26
        total += ((own >> 6) * int(memory.hidden_i32[first + 3])) >> 26
        total += ((other >> 6) * int(memory.hidden_i32[first + 4])) >> 26
        hidden = sigmoid_q26(memory, saturate_i32(total))
        output += (hidden * int(memory.output_i32[j])) >> 26
    change = (saturate_i32(output) * memory.learning_rate_u32) >> 32
    return min(max(own + change, 0), MAX_U32)


def begin(core: Core, memory: PublishedNetworkMemory) -> None:
    """Write the upper six bits of the initial weights."""
    for arm in range(N_ARMS):
        core.weight_u6[synapse(0, arm, 1)] = int(memory.weight_u32[arm]) >> 26


def decided(core: Core, memory: PublishedNetworkMemory, step: int, state: int, action: int) -> None:
    """Wait for the reward."""


def rewarded(
    core: Core, memory: PublishedNetworkMemory, state: int, action: int, signal_q7: int
) -> None:
    """Change both weights one after the other, and write the synapse of the chosen arm."""
    for arm in range(N_ARMS):
        memory.weight_u32[arm] = changed(memory, arm, arm == action, signal_q7 > 0)
    core.weight_u6[synapse(0, action, 1)] = (int(memory.weight_u32[action]) >> 27) + 32
    memory.step_u32[0] += 1


register(PublishedNetworkMemory, begin=begin, decided=decided, rewarded=rewarded)
