"""A learning rule that is written down: each change of a value is a sum of a few terms.

    v_a ← v_a + Σ c_i x_i          for the action a that was chosen
    v_b ← v_b + Σ d_i x_i          for every other action b of its state

The terms x_i are 1 and the products of two of these numbers in [0, 1], each of which may stand
alone: the reward r, the own value w, the mean o of the values of the other actions, and the share t
of the episode that is over. Rules that a person writes are such sums (rule (a) is c_r = η and
c_w = −η), and ``spikeloop interpret --only rule`` finds the sum that comes closest to an evolved
rule. All changes are computed before any is applied.

Formats. Coefficients are Q13 in signed halfwords, below 4 in size. The numbers and their products
are Q12, rounded half up, and at most 2¹². So a sum of all fourteen terms stays below
14 · 2¹⁵ · 2¹² < 2³¹. Changes are rounded half up to 2⁻¹⁶; values saturate.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.core import Core
from spikeloop.workers.kernels import part, routine
from spikeloop.workers.parameter_types import Parameter
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
    pass_step,
)
from spikeloop.workers.plasticity.hooks import register
from spikeloop.workers.plasticity.program import CYCLES_PER_INSTRUCTION
from spikeloop.workers.plasticity.small_network import FRACTION_BITS, ONE_Q12

Term = Literal[
    "1", "r", "w", "o", "t", "r*w", "r*o", "r*t", "w*w", "w*o", "w*t", "o*o", "o*t", "t*t"
]
TERMS: tuple[Term, ...] = (
    *("1", "r", "w", "o", "t"),
    *("r*w", "r*o", "r*t", "w*w", "w*o", "w*t", "o*o", "o*t", "t*t"),
)
"""Terms in the order of the coefficients. There is no r*r, since rewards are 0 or 1."""

LARGEST = 4
"""Bound of the size of a coefficient."""
COEFFICIENT_BITS = 13
CHANGE_SHIFT = COEFFICIENT_BITS + FRACTION_BITS - VALUE_BITS
Coefficient = Annotated[float, Field(gt=-LARGEST, lt=LARGEST)]


class FormulaMemory(NamedTuple):
    """The formula, and what it keeps of an episode.

    Attributes:
        values: values of actions.
        chosen_q13: (14,) int16 coefficients of the chosen action, in the order of ``TERMS``.
        other_q13: (14,) int16 coefficients of the other actions.
        time: share of the episode that is over.
        others_q16: 1 / (n_actions − 1), rounded down.
        terms_q12: (14,) int32 scratch: the terms of one action.
        change_q16: (n_actions,) int32 scratch: changes of values.
    """

    values: ActionValues
    chosen_q13: NDArray[np.int16]
    other_q13: NDArray[np.int16]
    time: EpisodeTime
    others_q16: int
    terms_q12: NDArray[np.int32]
    change_q16: NDArray[np.int32]


class Formula(Settings):
    """The change of a value is a sum of a few terms with given coefficients."""

    kind: Literal["formula"] = "formula"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = ("chosen_q13", "other_q13")
    compiled_bytes: ClassVar[int] = 4796  # benchmarks/chip/code_size.py
    chosen: dict[Term, Coefficient] = Field(
        default={"r": 0.2, "w": -0.2},
        description="coefficients of the chosen action's change, by term: 1, products of two of r "
        "(reward), w (own value), o (mean of the others), t (time), or one of these",
    )
    other: dict[Term, Coefficient] = Field(
        default={}, description="coefficients of the other actions' changes"
    )
    n_steps: int = Field(default=0, ge=0, description="steps after which t is 1; 0: the family's")

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the initial value and the code of a value of 0; the formula itself is fixed."""
        return (initial_value(), code_low())

    def cycles(self, n_actions: int) -> int:
        """Return the processor's cycles of an update, which takes all terms whatever they weigh."""
        return CYCLES_PER_INSTRUCTION * (145 + 283 * n_actions)

    def memory(self, theta: Mapping[str, float], interface: Interface) -> FormulaMemory:
        """Return the memory at the start of an episode."""
        n_states, n_actions = interface.n_observations, interface.n_actions
        return FormulaMemory(
            values=action_values(n_states, n_actions, theta["initial_value"], theta["code_low"]),
            chosen_q13=coefficients_q13(self.chosen),
            other_q13=coefficients_q13(self.other),
            time=episode_time(self.n_steps or interface.n_steps),
            others_q16=others_q16(n_actions),
            terms_q12=np.zeros(len(TERMS), dtype=np.int32),
            change_q16=np.zeros(n_actions, dtype=np.int32),
        )


def coefficients_q13(of_term: Mapping[Term, float]) -> NDArray[np.int16]:
    """Return the coefficients of all terms, 0 for those that are not named."""
    exact = np.array([of_term.get(term, 0.0) for term in TERMS])
    limit = (1 << 15) - 1
    exact_q13 = np.clip(np.rint(exact * (1 << COEFFICIENT_BITS)), -limit, limit)
    codes: NDArray[np.int16] = exact_q13.astype(np.int16)
    return codes


def begin(core: Core, memory: FormulaMemory) -> None:
    """Write the initial values into the synapses."""
    write_values(core, memory.values)


def decided(core: Core, memory: FormulaMemory, step: int, state: int, action: int) -> None:
    """Wait for the reward."""


def rewarded(core: Core, memory: FormulaMemory, state: int, action: int, signal_q7: int) -> None:
    """Compute the changes of all actions of the state, then apply them."""
    values, n_actions = memory.values, memory.values.n_actions_u8
    first, total = state * n_actions, sum_of_state(values, state)
    for k in range(n_actions):
        set_terms(memory, first + k, signal_q7, total)
        memory.change_q16[k] = change_q16(
            memory.terms_q12, memory.chosen_q13 if k == action else memory.other_q13
        )
    for k in range(n_actions):
        change_value(values, first + k, int(memory.change_q16[k]))
    write_values(core, values)
    pass_step(memory.time)


@routine
def set_terms(memory: FormulaMemory, pair: int, signal_q7: int, total: int) -> None:
    """Set the terms of an action; ``total`` is the sum of the values of its state's actions."""
    x = memory.terms_q12
    own = int(memory.values.value_u16[pair])
    x[0] = ONE_Q12
    x[1] = rounded(reward_u16(signal_q7), VALUE_BITS - FRACTION_BITS)
    x[2] = rounded(own, VALUE_BITS - FRACTION_BITS)
    others = ((total - own) * memory.others_q16) >> VALUE_BITS
    x[3] = rounded(others, VALUE_BITS - FRACTION_BITS)
    x[4] = rounded(int(memory.time.time_u32[0]), SHARE_BITS - FRACTION_BITS)
    place = 5
    for i in range(1, 5):
        for j in range(max(i, 2), 5):
            x[place] = rounded(int(x[i]) * int(x[j]), FRACTION_BITS)
            place += 1


@part
def change_q16(terms_q12: NDArray[np.int32], coefficients: NDArray[np.int16]) -> int:
    """Return the sum of the terms, each times its coefficient."""
    total = 0
    for i in range(terms_q12.size):
        total += int(terms_q12[i]) * int(coefficients[i])
    return rounded(total, CHANGE_SHIFT)


@part
def rounded(number: int, bits: int) -> int:
    """Return a number divided by a power of two, rounded half up."""
    return (number + (1 << (bits - 1))) >> bits


register(FormulaMemory, begin=begin, decided=decided, rewarded=rewarded)
