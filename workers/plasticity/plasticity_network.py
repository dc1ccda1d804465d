"""A small network on the plasticity processor that computes every weight change: an evolved rule.

The idea is that of Bohnstingl et al. 2019 (meta-plasticity; Neuromorphic_Hardware_learns_to_learn,
hardware/mab/mab.c, ``update_weights_ann``): the outer loop does not set the parameters of a
learning rule but the weights of a network that *is* the rule. After each reward it is evaluated
once for every action k of the state, and all changes are computed before any is applied:

    h_j = σ(Σ_i V_ji x_i(k) + b_j);  v_k ← v_k + Σ_j u_j h_j / 64

Inputs, all Q12: the share of the episode that is over, the reward as 2 r − 1, whether action k was
chosen (±1), its own value v_k, and the mean value of the other actions. ``inputs = "extended"``
adds the share of the episode's steps in which k was chosen, and a second state of the synapse that
a second output changes in the same way: metaplasticity in the literal sense.

Formats are those of ``small_network``; values saturate.

This is not the published program: that has 64-bit sums, updates in place, and more faults. It is
rebuilt in ``plasticity_network_published``, which lists them.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.ppu.scalar_unit import saturate_i16
from spikeloop.workers.kernels import routine
from spikeloop.workers.parameter_types import Parameter, Weights
from spikeloop.workers.plasticity.action_values import (
    VALUE_BITS,
    ActionValues,
    action_values,
    change_value,
    code_low,
    initial_value,
    others_q16,
    reward_u16,
    sum_of_state,
    write_values,
)
from spikeloop.workers.plasticity.episode_time import (
    SHARE_BITS,
    EpisodeTime,
    episode_time,
    longer,
    pass_step,
)
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import CYCLES_PER_INSTRUCTION
from spikeloop.workers.plasticity.small_network import (
    FRACTION_BITS,
    ONE_Q12,
    SmallNetwork,
    evaluate,
    small_network,
)

Input = Literal["time", "reward", "chosen", "own", "others", "pulls", "second"]
INPUTS: tuple[Input, ...] = ("time", "reward", "chosen", "own", "others", "pulls", "second")
N_PUBLISHED = 5
TIME, REWARD, CHOSEN, OWN, OTHERS, PULLS, SECOND = range(len(INPUTS))


class NetworkMemory(NamedTuple):
    """The network, and what it keeps of each synapse.

    Attributes:
        values: values of actions.
        network: with 5 or 7 inputs.
        time: share of the episode that is over.
        used_u1: (7,) uint8, 0 for inputs that are kept at 0.
        only_chosen_u1: 1 where only the chosen action's value changes.
        others_q16: 1 / (n_actions − 1), rounded down.
        pulls_u32: (n_states · n_actions,) uint32 share of the steps in which it was chosen, Q24.
        second_q15: (n_states · n_actions,) int16 second state of each synapse.
        change_q16: (n_actions,) int32 scratch: changes of values.
        second_change_q15: (n_actions,) int32 scratch: changes of second states.
    """

    values: ActionValues
    network: SmallNetwork
    time: EpisodeTime
    used_u1: NDArray[np.uint8]
    only_chosen_u1: int
    others_q16: int
    pulls_u32: NDArray[np.uint32]
    second_q15: NDArray[np.int16]
    change_q16: NDArray[np.int32]
    second_change_q15: NDArray[np.int32]


class PlasticityNetwork(Settings):
    """A network that computes the change of every weight; its weights are hyperparameters.

    The settings other than ``inputs`` take parts away, to see what each of them does.
    """

    kind: Literal["plasticity_network"] = "plasticity_network"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = (
        *("hidden_q12", "bias_q12", "output_q12", "second_output_q12", "sigmoid_q15"),
    )
    compiled_bytes: ClassVar[int] = 5506  # benchmarks/chip/code_size.py
    inputs: Literal["published", "extended"] = Field(
        default="published", description="five inputs, or two more and a second state"
    )
    silenced: list[Input] = Field(default=[], description="inputs that are kept at 0")
    n_hidden: int = Field(default=7, ge=1, le=15, description="hidden units")
    activation: Literal["table", "saturate"] = Field(
        default="table", description="the sigmoid from a table, or clip(a / 4 + 1/2, 0, 1)"
    )
    table_points: Literal[33, 65, 129, 257] = Field(default=257, description="points of the table")
    weight_bits: Literal[8, 16] = Field(default=16, description="bits of the network's weights")
    changes: Literal["all", "chosen"] = Field(
        default="all", description="values that a reward changes: all, or the chosen action's"
    )
    n_steps: int = Field(
        default=0, ge=0, description="steps after which the input time is 1; 0: the family's"
    )

    @property
    def n_inputs(self) -> int:
        """Return the number of inputs."""
        return N_PUBLISHED if self.inputs == "published" else len(INPUTS)

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the network's weights, the initial value and the code of a value of 0.

        With five inputs and seven hidden units these are the published 49 weights.
        """
        h = self.n_hidden
        second = [
            Weights((h,), 1.0, name="second_weights", description="to the second output"),
        ]
        return (
            Weights((h, self.n_inputs), 1.0, name="hidden_weights", description="V"),
            Weights((h,), 1.0, name="hidden_bias", description="b"),
            Weights((h,), 1.0, name="output_weights", description="u"),
            *(second if self.inputs == "extended" else []),
            initial_value(),
            code_low(),
        )

    def cycles(self, n_actions: int) -> int:
        """Return the processor's cycles of an update, which evaluates the network for each action.

        The cheap activation counts as much as the table.
        """
        of_synapse = 25 + self.n_hidden * (34 + 9 * self.n_inputs)
        return CYCLES_PER_INSTRUCTION * (160 + of_synapse * n_actions)

    def memory(self, theta: Mapping[str, float], interface: Interface) -> NetworkMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_pairs = n_states * n_actions
        return NetworkMemory(
            values=action_values(n_states, n_actions, theta["initial_value"], theta["code_low"]),
            network=small_network(
                theta,
                self.n_inputs,
                self.n_hidden,
                has_second=self.inputs == "extended",
                saturates=self.activation == "saturate",
                n_points=self.table_points,
                weight_bits=self.weight_bits,
                n_scratch=len(INPUTS),
            ),
            time=episode_time(self.n_steps or interface.n_steps),
            used_u1=np.array([name not in self.silenced for name in INPUTS], dtype=np.uint8),
            only_chosen_u1=int(self.changes == "chosen"),
            others_q16=others_q16(n_actions),
            pulls_u32=np.zeros(n_pairs, dtype=np.uint32),
            second_q15=np.zeros(n_pairs, dtype=np.int16),
            change_q16=np.zeros(n_actions, dtype=np.int32),
            second_change_q15=np.zeros(n_actions, dtype=np.int32),
        )


def begin(core: Core, memory: NetworkMemory) -> None:
    """Write the initial values into the synapses."""
    write_values(core, memory.values)


def decided(core: Core, memory: NetworkMemory, step: int, state: int, action: int) -> None:
    """Wait for the reward."""


def rewarded(core: Core, memory: NetworkMemory, state: int, action: int, signal_q7: int) -> None:
    """Evaluate the network for all actions of the state, then change their values."""
    values, n_actions = memory.values, memory.values.n_actions_u8
    first, total = state * n_actions, sum_of_state(values, state)
    pulls = int(memory.pulls_u32[first + action])
    memory.pulls_u32[first + action] = longer(pulls, memory.time.share_q24)
    for k in range(n_actions):
        set_inputs(memory, first + k, k == action, signal_q7, total)
        evaluate(memory.network, memory.change_q16, memory.second_change_q15, k)
    for k in range(n_actions):
        if memory.only_chosen_u1 == 1 and k != action:
            memory.change_q16[k] = 0
            continue
        pair = first + k
        change_value(values, pair, int(memory.change_q16[k]))
        second = int(memory.second_q15[pair]) + int(memory.second_change_q15[k])
        memory.second_q15[pair] = saturate_i16(second)
    write_values(core, values)
    pass_step(memory.time)


@routine
def set_inputs(memory: NetworkMemory, pair: int, chosen: bool, signal_q7: int, total: int) -> None:
    """Set the inputs of an action; ``total`` is the sum of the values of its state's actions."""
    x = memory.network.inputs_q12
    own = int(memory.values.value_u16[pair])
    x[TIME] = int(memory.time.time_u32[0]) >> (SHARE_BITS - FRACTION_BITS)
    x[REWARD] = (reward_u16(signal_q7) >> (VALUE_BITS - FRACTION_BITS - 1)) - ONE_Q12
    x[CHOSEN] = ONE_Q12 if chosen else -ONE_Q12
    x[OWN] = own >> (VALUE_BITS - FRACTION_BITS)
    mean = ((total - own) * memory.others_q16) >> VALUE_BITS
    x[OTHERS] = mean >> (VALUE_BITS - FRACTION_BITS)
    x[PULLS] = int(memory.pulls_u32[pair]) >> (SHARE_BITS - FRACTION_BITS)
    x[SECOND] = int(memory.second_q15[pair]) >> (15 - FRACTION_BITS)
    for i in range(x.size):
        if memory.used_u1[i] == 0:
            x[i] = 0


register(NetworkMemory, begin=begin, decided=decided, rewarded=rewarded)
