"""Q-learning with a falling rate, whose synapses hold advantages, in the processor's integers.

After the transition (s, a, r, s'), with n earlier updates of the pair,

    Q(s, a) ← Q(s, a) + α_n [r + γ max_b Q(s', b) − Q(s, a)];  α_n = η / (1 + κ n)

(Watkins 1989; rates that fall with the visits of a pair: Even-Dar and Mansour 2003, Journal of
Machine Learning Research 5). All values begin at the same, optimistic, value, and the optimism of a
pair fades with its visits, which makes it explore (Sutton and Barto 2018, section 2.6). The synapse
from state s to action a does not hold Q(s, a) but how far it lies below the best value of its
state, its advantage (Baird 1993):

    w(s, a) = clip(w_best − gain · (max_b Q(s, b) − Q(s, a)))

The race of the action neurons tells two weights apart if they differ by a few codes. Weights that
are values spend their 63 codes on what all actions of a state have in common; advantages spend them
on the actions between which the choice is.

Values are signed halfwords, 8128 for a reward of 1 (``program``), so they reach 4.03, enough for
every γ up to 0.75; visits are bytes. The processor has no division that a program should rely on,
so the rates of the first 128 visits are a table that is written with the other constants, and later
visits take its last entry. Every product is rounded.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.chip.ppu.scalar_unit import add_i16, mul_q7_i16, saturate_i16, sub_i16
from spikeloop.workers.kernels import part
from spikeloop.workers.parameter_types import Parameter, Real
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import (
    REWARD_SHIFT,
    VALUE_ONE,
    q7,
    synapse,
    weight_code,
)

N_RATES = 128
RATE_BITS = 15
GAIN_BITS = 13
MAX_GAMMA = 0.75
MAX_INITIAL_VALUE = 4.0  # 32,512 in a signed halfword
LEAST_GAIN, MEDIUM_GAIN, MAX_GAIN = 32, 256, 2048


class TdAdvantageMemory(NamedTuple):
    """Memory of Q-learning with advantages.

    Attributes:
        n_states_u8: states, of neurons 0 to n_states − 1.
        n_actions_u8: actions, of the neurons that follow.
        gamma_q7: discount.
        gain_u16: weight codes for an advantage of 8192, which is 1.008 rewards of 1.
        best_u6: weight of the best action.
        initial_i16: value at the start.
        dropped_bits_u8: lowest bits of a value that rounding clears, 0 for full resolution.
        to_best_u8: 1 if weights hold the advantage, 0 if the distance to the initial value.
        rate_q15: (128,) uint16 learning rate by visits.
        value_i16: (n_states · n_actions,) int16 values.
        visits_u8: (n_states · n_actions,) uint8 updates of a pair, at most 127.
        last_i16: (2,) int64 the pair whose update is due, −1 for none, and its feedback · 127.
    """

    n_states_u8: int
    n_actions_u8: int
    gamma_q7: int
    gain_u16: int
    best_u6: int
    initial_i16: int
    dropped_bits_u8: int
    to_best_u8: int
    rate_q15: NDArray[np.uint16]
    value_i16: NDArray[np.int16]
    visits_u8: NDArray[np.uint8]
    last_i16: NDArray[np.int64]


class TdAdvantage(Settings):
    """Q-learning whose rate falls with visits and whose synapses hold advantages.

    The settings take single parts away, to see what each of them does.
    """

    kind: Literal["td_advantage"] = "td_advantage"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    compiled_bytes: ClassVar[int] = 4468  # benchmarks/chip/code_size.py
    constant_arrays: ClassVar[tuple[str, ...]] = ("rate_q15",)
    discount: bool = Field(default=True, description="whether γ is a hyperparameter, or 0")
    falling_rate: bool = Field(default=True, description="whether κ is a hyperparameter, or 0")
    dropped_bits: int = Field(
        default=0, ge=0, le=10, description="bits by which values are coarser; 7: weight codes"
    )
    weights: Literal["advantages", "values"] = Field(
        default="advantages",
        description="synapses hold the distance to the state's best value, or to the initial one",
    )

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the rule's numbers, without those that the settings fix at 0."""
        most = MAX_WEIGHT_U6
        gamma = Real(0, MAX_GAMMA, MAX_GAMMA / 2, name="gamma", description="discount")
        kappa = Real(
            0, 1, 0.5, name="kappa", description="how fast the learning rate falls with visits"
        )
        gain = Real(
            LEAST_GAIN,
            MAX_GAIN,
            MEDIUM_GAIN,
            "code",
            "log",
            name="gain",
            description="codes by which a weight is lower for a value that is 1.008 lower",
        )
        return (
            *([gamma] if self.discount else []),
            Real(0, 1, 0.5, name="eta", description="first learning rate of a pair"),
            *([kappa] if self.falling_rate else []),
            Real(0, MAX_INITIAL_VALUE, 2, name="initial_value", description="all values at first"),
            gain,
            Real(
                0, most, 0.75 * most, "code", name="best_weight", description="of the best action"
            ),
        )

    def cycles(self, n_actions: int) -> int:
        """State no time of an update."""
        return 0

    def memory(self, theta: Mapping[str, float], interface: Interface) -> TdAdvantageMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_pairs = n_states * n_actions
        initial_i16 = round(theta["initial_value"] * VALUE_ONE)
        return TdAdvantageMemory(
            n_states_u8=n_states,
            n_actions_u8=n_actions,
            gamma_q7=q7(theta.get("gamma", 0.0)),
            gain_u16=round(theta["gain"]),
            best_u6=weight_code(theta["best_weight"]),
            initial_i16=initial_i16,
            dropped_bits_u8=self.dropped_bits,
            to_best_u8=int(self.weights == "advantages"),
            rate_q15=rates_q15(theta["eta"], theta.get("kappa", 0.0)),
            value_i16=np.full(n_pairs, initial_i16, dtype=np.int16),
            visits_u8=np.zeros(n_pairs, dtype=np.uint8),
            last_i16=np.array([-1, 0], dtype=np.int64),
        )


def rates_q15(eta: float, kappa: float) -> NDArray[np.uint16]:
    """Return (128,) learning rates η / (1 + κ n) for n = 0 to 127; a rate of 1 is 32767/32768."""
    rate = eta / (1.0 + kappa * np.arange(N_RATES))
    rate_q15: NDArray[np.uint16] = np.rint(rate * (1 << RATE_BITS)).clip(0, 32767).astype(np.uint16)
    return rate_q15


def begin(core: Core, memory: TdAdvantageMemory) -> None:
    """Write the initial weights."""
    for state in range(memory.n_states_u8):
        write_row(core, memory, state)


def decided(core: Core, memory: TdAdvantageMemory, step: int, state: int, action: int) -> None:
    """Update the previous pair, now that the state that followed it is known."""
    last = memory.last_i16
    pair = last[0]
    if pair >= 0:
        update(memory, pair, state, last[1])
        write_row(core, memory, pair // memory.n_actions_u8)
    last[0] = state * memory.n_actions_u8 + action


def rewarded(
    core: Core, memory: TdAdvantageMemory, state: int, action: int, signal_q7: int
) -> None:
    """Keep the feedback until the next decision."""
    memory.last_i16[1] = signal_q7


register(TdAdvantageMemory, begin=begin, decided=decided, rewarded=rewarded)


@part
def best_value(memory: TdAdvantageMemory, state: int) -> int:
    """Return the largest value of a state."""
    first = state * memory.n_actions_u8
    best = int(memory.value_i16[first])
    for i in range(first + 1, first + memory.n_actions_u8):
        best = max(best, int(memory.value_i16[i]))
    return best


@part
def update(memory: TdAdvantageMemory, pair: int, successor: int, reward_q7: int) -> None:
    """Make one update, in saturating 16-bit arithmetic.

    Args:
        memory: value and visits of the pair are updated.
        pair: state · n_actions + action that got the reward.
        successor: the state that followed.
        reward_q7: reward · 127, in a signed halfword.
    """
    value, visits = int(memory.value_i16[pair]), int(memory.visits_u8[pair])
    ahead = mul_q7_i16(best_value(memory, successor), memory.gamma_q7)
    error = sub_i16(add_i16(reward_q7 << REWARD_SHIFT, ahead), value)
    rate_q15 = int(memory.rate_q15[visits])
    moved = add_i16(value, (error * rate_q15 + (1 << (RATE_BITS - 1))) >> RATE_BITS)
    dropped = memory.dropped_bits_u8
    coarse = ((moved + ((1 << dropped) >> 1)) >> dropped) << dropped
    memory.value_i16[pair] = saturate_i16(coarse)
    memory.visits_u8[pair] = min(visits + 1, N_RATES - 1)


@part
def write_row(core: Core, memory: TdAdvantageMemory, state: int) -> None:
    """Write the weights of a state's synapses to the action neurons."""
    n_states, n_actions = memory.n_states_u8, memory.n_actions_u8
    best = best_value(memory, state) if memory.to_best_u8 else int(memory.initial_i16)
    for action in range(n_actions):
        below = best - int(memory.value_i16[state * n_actions + action])
        weight = memory.best_u6 - ((below * memory.gain_u16 + (1 << (GAIN_BITS - 1))) >> GAIN_BITS)
        core.weight_u6[synapse(state, action, n_states)] = min(max(weight, 0), MAX_WEIGHT_U6)
