"""Tasks that the plasticity processor makes from one 32-bit word each, and how the host knows them.

The processor draws a task with xorshift, which begins at the word (``words``). A Markov decision
process has the law of ``tasks.mdp`` in 16 bits: for each action and state a threshold, then for
each successor a word whose upper half decides whether it is allowed and whose lowest bits are its
mass, and a word for its reward; where none is allowed, one more word for the only one. A Bernoulli
arm's chance is the upper half of a word. From masses the processor makes the cumulative
probabilities of its environment by one division for each entry, and keeps nothing else.

The host draws the same masses from the same word and gives the task as tables, so that references
are exact: what it would write into the processor's memory for them (``chip.environment``) is what
the processor has made there, bit for bit.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from spikeloop.tasks.bandit import Arms, Bandit, BanditTasks
from spikeloop.tasks.base import IntArray, TaskFamily
from spikeloop.tasks.mdp import RandomMdp, RandomMdpTasks
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.chip.limits import FULL, REWARD_ONE_Q7
from spikeloop.workers.chip.ppu.words import For, below, next_word, word
from spikeloop.workers.kernels import emulator_kernel, part

TOTAL_BITS = 16
"""Bits of all masses of a row together."""
FORBIDDEN_Q7 = 64
"""Feedback of a successor that is never reached, that of a reward of 1/2."""
WORSE_U16: dict[Arms, int] = {
    "dependent_easy": 6554,
    "dependent_medium": 16384,
    "dependent_hard": 26214,
}
"""Chances of 0.1, 0.25 and 0.4 of the worse of two arms, of 65535."""


MADE = 'random_mdp with feedback = "own" and bandit with Bernoulli rewards'
"""What ``makes`` accepts, for messages."""


def makes(family: TaskFamily) -> bool:
    """Tell whether the processor can make the tasks of a family."""
    if isinstance(family, RandomMdp):
        return family.feedback == "own"
    return isinstance(family, Bandit) and family.rewards == "bernoulli"


def tasks_from_words(family: TaskFamily, words: IntArray, first_random: IntArray) -> TabularTasks:
    """Return the tasks that the processor makes of words.

    Args:
        family: random MDPs or Bernoulli bandits; others cannot be made, which ``makes`` tells.
        words: (n_tasks,) words of the tasks, not 0.
        first_random: (n_tasks,) words at which the processor's generator begins in an episode.

    Raises:
        TypeError: the family cannot be made.
    """
    if isinstance(family, RandomMdp) and makes(family):
        return _mdps(family, words, first_random)
    if isinstance(family, Bandit) and makes(family):
        return _bandits(family, words, first_random)
    raise TypeError(f"the plasticity processor makes no tasks of {family.kind}")


def task_words(run: int, generation: int, n_tasks: int, *, held_out: bool = False) -> IntArray:
    """Return (2, n_tasks) words: of tasks, and of the generators of their episodes.

    Args:
        run: seed of the search, a word.
        generation: from 0.
        n_tasks: how many.
        held_out: words that no generation of a search has.
    """
    purposes = (For.HELD_OUT_TASK, For.HELD_OUT_EPISODE) if held_out else (For.TASK, For.EPISODE)
    found = np.empty((2, n_tasks), dtype=np.int64)
    for row, purpose in zip(found, purposes, strict=True):
        draw_words(run, int(purpose), generation, row)
    return found


@emulator_kernel
def draw_words(run: int, purpose: int, generation: int, words: IntArray) -> None:
    """Fill an array with the words of a purpose and a generation."""
    for i in range(words.size):
        words[i] = word(run, purpose, generation, i)


def _mdps(family: RandomMdp, words: IntArray, first_random: IntArray) -> RandomMdpTasks:
    shape = (words.size, family.n_actions, family.n_states, family.n_states)
    mass, reward_q7 = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for task, first in enumerate(words):
        draw_mdp(first, mass[task], reward_q7[task])
    return RandomMdpTasks(
        transition=mass / mass.sum(axis=-1, keepdims=True),
        reward=reward_q7 / REWARD_ONE_Q7,
        start_state=np.zeros(words.size, dtype=np.int64),
        n_steps=family.n_steps,
        first_random=first_random,
    )


def _bandits(family: Bandit, words: IntArray, first_random: IntArray) -> TabularTasks:
    chance_u16 = np.zeros((words.size, family.n_arms), dtype=np.int64)
    for task, first in enumerate(words):
        draw_chances(first, chance_u16[task])
    if family.arms != "independent":
        better = chance_u16[:, 0] >= 1 << 15
        if (worse := WORSE_U16.get(family.arms)) is not None:
            chance_u16[:, 0] = np.where(better, FULL - worse, worse)
        chance_u16[:, 1] = FULL - chance_u16[:, 0]
    tables = BanditTasks(family, chance_u16 / FULL).tables()
    if family.counts == "expected":
        merit = as_q7(chance_u16)[:, :, None, None] / REWARD_ONE_Q7
        tables = replace(tables, reward=np.broadcast_to(merit, tables.reward.shape).copy())
    return replace(tables, first_random=first_random)


def as_q7(fraction_u16: Any) -> Any:
    """Return a fraction of 65536 in Q7, 127 for 1, rounded."""
    return (fraction_u16 * REWARD_ONE_Q7 + (1 << 15)) >> 16


_as_q7 = part(as_q7)


@emulator_kernel
def draw_mdp(first: int, mass: IntArray, reward_q7: IntArray) -> None:
    """Draw the masses and rewards of one MDP, (n_actions, n_states, n_states) each, from a word.

    Masses are 0 at first; those of forbidden successors stay so.
    """
    n_actions, n_states, _ = mass.shape
    lowest = (1 << mass_bits(n_states)) - 1
    drawn = first
    for action in range(n_actions):
        for state in range(n_states):
            drawn = next_word(drawn)
            threshold, n_allowed = drawn >> 16, 0
            for successor in range(n_states):
                drawn = next_word(drawn)
                if drawn >> 16 > threshold:
                    mass[action, state, successor] = (drawn & lowest) + 1
                    n_allowed += 1
                drawn = next_word(drawn)
                reward_q7[action, state, successor] = _as_q7(drawn >> 16)
            if n_allowed == 0:
                drawn = next_word(drawn)
                mass[action, state, below(drawn, n_states)] = 1
            for successor in range(n_states):
                if mass[action, state, successor] == 0:
                    reward_q7[action, state, successor] = FORBIDDEN_Q7


@emulator_kernel
def draw_chances(first: int, chance_u16: IntArray) -> None:
    """Draw the chances of independent arms, (n_arms,) of 65535, from a word."""
    drawn = first
    for arm in range(chance_u16.size):
        drawn = next_word(drawn)
        chance_u16[arm] = drawn >> 16


@part
def mass_bits(n_states: int) -> int:
    """Return the bits of one mass."""
    bits, most = TOTAL_BITS, n_states - 1
    while most > 0:
        bits, most = bits - 1, most >> 1
    return bits
