"""The hooks of a plasticity program as routines, and a family that each program can run in."""

from typing import Any

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import TaskFamily
from spikeloop.tasks.mdp import RandomMdp
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


def family_for(kind: str) -> TaskFamily:
    """Small random MDPs, or bandits for the program that takes nothing else."""
    if kind == "plasticity_network_published":
        return Bandit(n_steps=60)
    return RandomMdp(n_states=4, n_steps=60)
