"""The environment in the plasticity processor's memory, with one random number per step.

A Markov decision process is two tables, 5 bytes for each action, state and successor as in the
published program (Neuromorphic_Hardware_learns_to_learn, hardware/mdp/PPU/MDP.c): a word with the
cumulative probability, where the published one has the probability itself, and a byte with the
feedback, or a halfword where the feedback is not in [0, 1]. Where several states look the same, as
those of a bandit do, a byte for each state says what is observed there. A maze is a map of its
walls, a byte for each field (PPU/Maze.c at 812b9ee). Of a bandit whose chances change it is the
chances of each step, halfwords; nothing comes from outside during an episode, and the host keeps
the very walk that it drew, so that references belong to each task.

``task_message`` brings them there.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.limits import FULL, REWARD_ONE_Q7
from spikeloop.workers.chip.ppu.scalar_unit import draw_by_word
from spikeloop.workers.kernels import part

FREE, WALL, GOAL = 0, 1, 2
"""What a byte of a map says of a field."""


class Environment(NamedTuple):
    """One task: tables, the map of a maze, or chances. What belongs to other kinds is empty or 0.

    Attributes:
        n_actions: actions.
        n_states: states; of a maze, its fields.
        n_observations: state neurons, one for each observation.
        observation_u8: (n_states,) uint8 what is observed in each state.
        start_state: state in which an episode starts.
        cumulative_u32: (n_actions, n_states, n_states) cumulative probabilities · 65535.
        signal_q7: (n_actions, n_states, n_states) int16 feedback · 127.
        reward: (n_actions, n_states, n_states) rewards of which the return is the sum; the
            host keeps them; of chances (n_actions, n_steps, 2), by the feedback.
        map_u8: (n_states,) uint8 ``FREE``, ``WALL`` or ``GOAL``, row by row.
        width: fields of a row.
        bump_q7: feedback · 127 at a wall or the border.
        goal_q7: feedback · 127 at the goal, where the reward is 1.
        n_restarts: free fields other than the goal.
        chance_u16: (n_steps, n_listed) uint16 chances · 65535 that arms have a feedback of 1, see
            ``tasks.listed_chances``.
        first_random: word at which the processor's generator begins; 0: from the episode's seed.
    """

    n_actions: int
    n_states: int
    n_observations: int
    observation_u8: NDArray[np.uint8]
    start_state: int
    cumulative_u32: NDArray[np.uint32]
    signal_q7: NDArray[np.int16]
    reward: FloatArray
    map_u8: NDArray[np.uint8]
    width: int
    bump_q7: int
    goal_q7: int
    n_restarts: int
    chance_u16: NDArray[np.uint16]
    first_random: int


@part
def transition(
    environment: Environment, random: NDArray[np.int64], step: int, state: int, action: int
) -> tuple[int, int, float]:
    """Take a step, counted from 0: return the successor, the feedback · 127 and the reward."""
    number = draw_by_word(random, FULL)
    if environment.chance_u16.size > 0:
        return pull(environment, number, step, action)
    if environment.map_u8.size > 0:
        return maze_step(environment, number, state, action)
    successor = 0
    while number >= environment.cumulative_u32[action, state, successor]:
        successor += 1
    signal_q7 = int(environment.signal_q7[action, state, successor])
    return successor, signal_q7, environment.reward[action, state, successor]


@part
def pull(environment: Environment, number: int, step: int, action: int) -> tuple[int, int, float]:
    """Pull an arm with the chances of a step, from a random number below ``FULL``."""
    n_listed = environment.chance_u16.shape[1]
    chance = int(environment.chance_u16[step, action % n_listed])
    if action >= n_listed:
        chance = FULL - chance
    paid = 1 if number + chance >= FULL else 0
    return 0, paid * REWARD_ONE_Q7, environment.reward[action, step, paid]


@part
def maze_step(
    environment: Environment, number: int, state: int, action: int
) -> tuple[int, int, float]:
    """Step north, east, south or west in a maze, as ``tasks.maze`` says; ``number`` is random.

    Only the restart after a hit uses the number, but every step draws one, so that episodes are the
    same as with tables.
    """
    target = field_ahead(environment, state, action)
    if environment.map_u8[target] == GOAL:
        return restart(environment, number), environment.goal_q7, 1.0
    if target == state or environment.map_u8[target] == WALL:
        return state, environment.bump_q7, 0.0
    return target, 0, 0.0


@part
def field_ahead(environment: Environment, state: int, action: int) -> int:
    """Return the field one step ahead, or the field itself at the border."""
    width, column = environment.width, state % environment.width
    if action == 0:
        return state - width if state >= width else state
    if action == 1:
        return state + 1 if column + 1 < width else state
    if action == 2:
        return state + width if state + width < environment.n_states else state
    return state - 1 if column > 0 else state


@part
def restart(environment: Environment, number: int) -> int:
    """Return a free field other than the goal, all equally likely, from a number below ``FULL``.

    It is the k-th for the least k with number < k FULL / n, rounded, as in a table of cumulative
    probabilities; without division, which the processor lacks.
    """
    n = environment.n_restarts
    rank = 0
    while 2 * n * (number + 1) > 2 * (rank + 1) * FULL + n:
        rank += 1
    field = -1
    while rank >= 0:
        field += 1
        if environment.map_u8[field] == FREE:
            rank -= 1
    return field
