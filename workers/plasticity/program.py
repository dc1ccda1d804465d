"""The protocol of plasticity programs, and the number formats that programs share.

Weights are halfwords in 1/128 codes; a value of 1 is 8128 of them, the reward's Q7 byte shifted by
6 bits, as in the published program. Rates, rewards and traces are Q7 bytes, whose largest value is
127/128.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.limits import (
    INITIAL_WEIGHT_U6,
    MAX_WEIGHT_U6,
    N_NEURONS,
    REWARD_ONE_Q7,
)
from spikeloop.workers.kernels import part
from spikeloop.workers.parameter_types import Parameter, Real

CYCLES_PER_INSTRUCTION = 2
"""Our assumption. The processor begins one instruction a cycle at most, in order, and its public
sources state when results are there: after 1 cycle, 3 of loads and stores over the bus, 4 of
products, 31 of divisions (electronicvisions/nux, src/rtl/packages/frontend_pkg.sv). If nothing
overlapped, our programs would take 1.4 to 1.9 cycles an instruction, branches not counted
(``benchmarks/chip/search_cost.py``)."""

FRACTION_BITS = 7
REWARD_SHIFT = 6
VALUE_ONE = REWARD_ONE_Q7 << REWARD_SHIFT


class PlasticityProgram(Protocol):
    """A plasticity program: frozen settings with a ``kind``; ``hooks`` documents its functions."""

    @property
    def kind(self) -> str:
        """Return the name by which configuration files choose the program."""

    @property
    def uses_sensors(self) -> bool:
        """Tell whether the correlation sensors must be kept up to date for it."""

    @property
    def compiled_bytes(self) -> int:
        """Return the bytes of its C, measured by ``benchmarks/chip/code_size.py``.

        They include what surrounds the rule in ``workers/chip/ppu/c``. The processor's memory is
        laid out with them (``chip.memory``).
        """

    @property
    def constant_arrays(self) -> tuple[str, ...]:
        """Return the names of those arrays of its memory that the host writes, as all numbers."""

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return its part of the hyperparameters Θ."""

    def cycles(self, n_actions: int) -> int:
        """Return the processor's cycles of an update, by which a decision takes longer.

        They are instructions of our C, counted by ``benchmarks/chip/instructions.py`` at -Os, times
        ``CYCLES_PER_INSTRUCTION``. Programs that state none leave the update's time out, as the
        published 5300 cycles of a decision do.
        """

    def memory(self, theta: Mapping[str, float], interface: Interface) -> Any:
        """Return its memory at the start of an episode, a NamedTuple that is registered."""


def q7(value: float) -> int:
    """Return the Q7 byte nearest to a value in [0, 1]; 1 becomes 127/128."""
    if not 0 <= value <= 1:
        raise ValueError(f"value must be in [0, 1], got {value}")
    return min(round(value * 128), 127)


def weight_code(weight: float) -> int:
    """Return the nearest 6-bit weight."""
    weight_u6 = round(weight)
    if not 0 <= weight_u6 <= MAX_WEIGHT_U6:
        raise ValueError(f"weight must be in [0, {MAX_WEIGHT_U6}], got {weight}")
    return weight_u6


def initial_weight() -> Real:
    """Return the hyperparameter of the initial weight from states to actions."""
    return Real(
        0,
        MAX_WEIGHT_U6,
        INITIAL_WEIGHT_U6,
        "code",
        name="initial_weight",
        description="all weights from states to actions at first",
    )


@part
def synapse(state: int, action: int, n_states: int) -> int:
    """Return the index of the synapse from a state neuron to an action neuron."""
    return state * N_NEURONS + n_states + action
