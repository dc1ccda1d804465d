"""A rule for bandits replayed alone: what it makes of given choices and rewards, without a chip.

The program's own integer functions run, so values are those of the episode from which choices and
rewards come, bit for bit. It is for programs that keep ``ActionValues``, on families with one
observation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray, Interface
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.limits import REWARD_ONE_Q7
from spikeloop.workers.kernels import routine
from spikeloop.workers.plasticity import hooks
from spikeloop.workers.plasticity.action_values import VALUE_BITS
from spikeloop.workers.plasticity.episode_time import SHARE_BITS
from spikeloop.workers.plasticity.program import PlasticityProgram


@dataclass(frozen=True)
class Replayed:
    """What a rule made of episodes. A value of 1 is 2¹⁶, so that values are below 1.

    Attributes:
        value: (n_episodes, n_steps, n_actions) values before each update.
        change: (n_episodes, n_steps, n_actions) changes by it; before values saturate, where the
            program keeps them so.
    """

    value: FloatArray
    change: FloatArray


def replay(
    program: PlasticityProgram,
    theta: Mapping[str, float],
    interface: Interface,
    actions: IntArray,
    feedback: FloatArray,
) -> Replayed:
    """Let a program with its Θ learn from (n_episodes, n_steps) choices and their feedback.

    Raises:
        TypeError: the program keeps no values of actions.
    """
    core = _core()
    n_actions = interface.n_actions
    signal_q7 = np.rint(feedback * REWARD_ONE_Q7).astype(np.int64)
    values = np.empty((*actions.shape, n_actions), dtype=np.int64)
    changes = np.empty((*actions.shape, n_actions), dtype=np.int64)
    for episode, (acted, signals) in enumerate(zip(actions, signal_q7, strict=True)):
        memory = _memory(program, theta, interface)
        change = getattr(memory, "change_q16", np.zeros(0, dtype=np.int32))
        _experience(core, memory, acted, signals, change, values[episode], changes[episode])
    return Replayed(values / 2.0**VALUE_BITS, changes / 2.0**VALUE_BITS)


def changes_from(
    program: PlasticityProgram,
    theta: Mapping[str, float],
    interface: Interface,
    value: FloatArray,
    time: FloatArray,
    actions: IntArray,
    feedback: FloatArray,
) -> FloatArray:
    """Compute the changes of all values by one update from given states, (n, n_actions).

    Whatever else the program keeps, such as falling rates, is as at the start of an episode.

    Args:
        program: the rule.
        theta: its Θ.
        interface: of the family.
        value: (n, n_actions) values before, in [0, 1].
        time: (n,) share of the episode that is over, for programs that know it.
        actions: (n,) choices.
        feedback: (n,) their rewards.
    """
    core, n = _core(), len(actions)
    value_u16 = np.minimum(np.rint(value * 2.0**VALUE_BITS), 2**VALUE_BITS - 1)
    before, after = np.empty((2, n, 1, interface.n_actions), dtype=np.int64)
    signal_q7 = np.rint(feedback * REWARD_ONE_Q7).astype(np.int64)
    acted = actions.astype(np.int64)
    for i in range(n):
        memory = _memory(program, theta, interface)
        memory.values.value_u16[:] = value_u16[i]
        if hasattr(memory, "time"):
            memory.time.time_u32[0] = round(time[i] * (1 << SHARE_BITS))
        change = getattr(memory, "change_q16", np.zeros(0, dtype=np.int32))
        one = slice(i, i + 1)
        _experience(core, memory, acted[one], signal_q7[one], change, before[i], after[i])
    return after[:, 0] / 2.0**VALUE_BITS


def keeps_values(
    program: PlasticityProgram, theta: Mapping[str, float], interface: Interface
) -> bool:
    """Tell whether a program keeps values of actions, which replaying needs."""
    return hasattr(program.memory(theta, interface), "values")


def _core() -> Core:
    return new_core(ideal_constants(neuron_codes(Circuit(), 1)))


def _memory(program: PlasticityProgram, theta: Mapping[str, float], interface: Interface) -> Any:
    if not keeps_values(program, theta, interface):
        raise TypeError(f"{program.kind} keeps no values of actions")
    return program.memory(theta, interface)


@routine
def _experience(
    core: Core,
    memory: Any,
    actions: IntArray,
    signal_q7: IntArray,
    change_q16: NDArray[np.int32],
    values: IntArray,
    changes: IntArray,
) -> None:
    """Let a program meet decisions and their feedback; note its values before, and the changes.

    Without ``change_q16`` of its own a change is the difference of two values.
    """
    n_actions = values.shape[1]
    for step in range(actions.size):
        for k in range(n_actions):
            values[step, k] = memory.values.value_u16[k]
        hooks.decided(core, memory, step, 0, actions[step])
        hooks.rewarded(core, memory, 0, actions[step], signal_q7[step])
        for k in range(n_actions):
            if change_q16.size > 0:
                changes[step, k] = change_q16[k]
            else:
                changes[step, k] = np.int64(memory.values.value_u16[k]) - values[step, k]
