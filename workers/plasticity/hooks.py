"""The three functions by which a plasticity program takes part in an episode on the chip.

A program is a settings class, a NamedTuple with what it keeps in the processor's memory, and three
plain functions that numba compiles into the kernel of an episode (``learners.chip.episode``):

    begin(core, memory)                               before the first decision
    decided(core, memory, step, state, action)        after a decision, before its reward
    rewarded(core, memory, state, action, signal_q7)  after its reward

They may use everything that the processor has: weights, labels and counters in ``core``, the vector
unit (``chip.ppu.vector_arithmetic``), the scalar unit and random generator
(``chip.ppu.scalar_unit``), correlation sensors and their ADC. ``register`` announces them; the
arguments must have these names.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import overload

from spikeloop.workers.chip.core import Core
from spikeloop.workers.kernels import OPTIONS as COMPILED


class Hooks(NamedTuple):
    """The three functions of one program."""

    begin: Callable[..., None]
    decided: Callable[..., None]
    rewarded: Callable[..., None]


HOOKS: dict[type, Hooks] = {}


def register(memory: type, *, begin: Any, decided: Any, rewarded: Any) -> None:
    """Bind a program's functions to the NamedTuple that holds its memory."""
    HOOKS[memory] = Hooks(begin, decided, rewarded)


def begin(core: Core, memory: Any) -> None:
    """Prepare weights and memory before the first decision of an episode."""
    HOOKS[type(memory)].begin(core, memory)


def decided(core: Core, memory: Any, step: int, state: int, action: int) -> None:
    """Learn from a decision."""
    HOOKS[type(memory)].decided(core, memory, step, state, action)


def rewarded(core: Core, memory: Any, state: int, action: int, signal_q7: int) -> None:
    """Learn from the decision's feedback, value · 127 in a signed halfword."""
    HOOKS[type(memory)].rewarded(core, memory, state, action, signal_q7)


OPTIONS: Any = COMPILED


def _compiled(hook: Callable[..., None]) -> None:
    """Let kernels call a hook: it is the function of the program whose memory they give it."""

    @overload(hook, jit_options=OPTIONS, strict=False)
    def _of_program(core: Any, memory: Any, *arguments: Any) -> Any:
        # Fields of one type make another kind of named tuple for numba.
        named = isinstance(memory, types.NamedTuple | types.NamedUniTuple)
        hooks = HOOKS.get(memory.instance_class) if named else None
        return hooks and getattr(hooks, hook.__name__)


for _hook in (begin, decided, rewarded):
    _compiled(_hook)
