"""The hooks of a plasticity program as routines, compiled for the memory of each."""

from typing import Any

from spikeloop.workers.chip.core import Core
from spikeloop.workers.kernels import routine
from spikeloop.workers.plasticity import hooks


@routine
def begin(core: Core, memory: Any) -> None:
    """Let the program begin an episode."""
    hooks.begin(core, memory)


@routine
def experience(core: Core, memory: Any, step: int, state: int, action: int, signal_q7: int) -> None:
    """Let the program meet a decision and its feedback."""
    hooks.decided(core, memory, step, state, action)
    hooks.rewarded(core, memory, state, action, signal_q7)
