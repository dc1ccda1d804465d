"""The environment in the plasticity processor's memory, with one random number per step.

A Markov decision process is two tables, 5 bytes for each action, state and successor as in the
published program (Neuromorphic_Hardware_learns_to_learn, hardware/mdp/PPU/MDP.c): a word with the
cumulative probability, where the published one has the probability itself, and a byte with the
feedback, or a halfword where the feedback is not in [0, 1]. Where several states look the same, as
those of a bandit do, a byte for each state says what is observed there. A maze is a map of its
walls, a byte for each field (PPU/Maze.c at 812b9ee).

Both come through the mailbox. What ``message`` writes for the host, ``receive`` reads for the
processor.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.chip.limits import REWARD_ONE_Q7
from spikeloop.workers.chip.mailbox import HEADER_BYTES, MAILBOX_BYTES, Mailbox
from spikeloop.workers.chip.ppu.scalar_unit import draw_by_word
from spikeloop.workers.kernels import part

FULL = 65535
"""Transition probabilities are scaled to this integer."""

SIGNAL_RANGE_Q7 = (-256, 255)
"""Range of the feedback in Q7, about -2 to 2, which is one bit more than a byte."""

FREE, WALL, GOAL = 0, 1, 2
"""What a byte of a map says of a field."""

MAP_CONSTANTS = np.dtype([("width", "u1"), ("bump_q7", ">i2"), ("goal_q7", ">i2")])


class Environment(NamedTuple):
    """One task: tables, or the map of a maze. What belongs to the other kind is empty or 0.

    Attributes:
        n_actions: actions.
        n_states: states; of a maze, its fields.
        n_observations: state neurons, one for each observation.
        observation_u8: (n_states,) uint8 what is observed in each state.
        start_state: state in which an episode starts.
        cumulative_u32: (n_actions, n_states, n_states) cumulative probabilities · 65535.
        signal_q7: (n_actions, n_states, n_states) int16 feedback · 127.
        reward: (n_actions, n_states, n_states) rewards of which the return is the sum; the
            host keeps them.
        map_u8: (n_states,) uint8 ``FREE``, ``WALL`` or ``GOAL``, row by row.
        width: fields of a row.
        bump_q7: feedback · 127 at a wall or the border.
        goal_q7: feedback · 127 at the goal, where the reward is 1.
        n_restarts: free fields other than the goal.
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
    first_random: int


def environments(
    tasks: TabularTasks, mailbox_bytes: int | None = MAILBOX_BYTES
) -> list[Environment]:
    """Send the tasks of a batch through the mailbox, one by one, and return what arrives.

    Args:
        tasks: the batch; mazes go as maps.
        mailbox_bytes: size of the mailbox; None for one that is always large enough.

    Raises:
        ValueError: the feedback is beyond its number format, or a task is larger than the mailbox.
    """
    size = environment_bytes(tasks.interface)
    mailbox = Mailbox(HEADER_BYTES + size if mailbox_bytes is None else mailbox_bytes)
    received = []
    for task in range(tasks.n_tasks):
        mailbox.write(HEADER_BYTES, message(tasks, task))
        mailbox.receive(HEADER_BYTES)
        environment = receive(mailbox, tasks.interface, tasks.reward[task].copy())
        if tasks.first_random is not None:
            environment = environment._replace(first_random=int(tasks.first_random[task]))
        received.append(environment)
    return received


def environment_bytes(interface: Interface) -> int:
    """Return the bytes of a task of a family in memory and in the mailbox, the start state too.

    The rewards of which the return is the sum are not in the processor.
    """
    if interface.grid is not None:
        return 1 + MAP_CONSTANTS.itemsize + interface.n_observations
    n_states = interface.n_states or interface.n_observations
    n_entries = interface.n_actions * n_states**2
    return 1 + (interface.n_states or 0) + n_entries * (4 + signal_type(interface).itemsize)


def signal_type(interface: Interface) -> np.dtype:
    """Return the number format of feedback in tables: a byte for [0, 1], else a halfword."""
    least, most = interface.feedback_range
    return np.dtype("u1" if least >= 0 and most <= 1 else ">i2")


def message(tasks: TabularTasks, task: int) -> bytes:
    """Return what the host writes for a task. Successors of probability 0 stay impossible."""
    parts = [np.uint8(tasks.start_state[task]).tobytes()]
    if tasks.map_u8 is not None:
        bump_q7, goal_q7 = to_q7(np.array(tasks.map_feedback), MAP_CONSTANTS["goal_q7"]).tolist()
        constants = np.array((tasks.map_u8.shape[2], bump_q7, goal_q7), dtype=MAP_CONSTANTS)
        parts += [constants.tobytes(), tasks.map_u8[task].tobytes()]
    else:
        cumulative = np.cumsum(tasks.transition[task], axis=-1)
        # Halves go up, whichever way floating point leans, as restarts in a map of walls do.
        if tasks.observation:
            parts.append(np.array(tasks.observation, dtype=np.uint8).tobytes())
        scaled = np.floor(cumulative / cumulative[..., -1:] * FULL + 0.5 + 1e-6)
        signal = to_q7(tasks.feedback[task], signal_type(tasks.interface))
        parts += [scaled.astype(">u4").tobytes(), signal.tobytes()]
    return b"".join(parts)


def to_q7(feedback: FloatArray, number_format: np.dtype) -> NDArray[Any]:
    """Return feedback · 127 in a number format of the processor.

    Raises:
        ValueError: it is beyond the format, or beyond nine bits.
    """
    least, most = SIGNAL_RANGE_Q7
    if number_format.kind == "u":
        least = 0
    feedback_q7 = np.rint(feedback * REWARD_ONE_Q7)
    if not ((feedback_q7 >= least) & (feedback_q7 <= most)).all():
        raise ValueError(
            f"the chip's feedback must be in [{least}, {most}] / {REWARD_ONE_Q7}, which the "
            f"family's feedback_range decides, got {feedback.min():g} to {feedback.max():g}"
        )
    return feedback_q7.astype(number_format)


def receive(mailbox: Mailbox, interface: Interface, reward: FloatArray) -> Environment:
    """Copy a task from the mailbox into the processor's memory."""
    n_actions, n_observations = interface.n_actions, interface.n_observations
    n_states = interface.n_states or n_observations
    (start_state,) = mailbox.receive(1)
    observation = np.arange(n_states, dtype=np.uint8)
    shape = (0, 0, 0)
    map_u8, width, bump_q7, goal_q7 = np.zeros(0, dtype=np.uint8), 0, 0, 0
    if interface.grid is not None:
        constants = np.frombuffer(mailbox.receive(MAP_CONSTANTS.itemsize), dtype=MAP_CONSTANTS)
        width, bump_q7, goal_q7 = constants[0].item()
        map_u8 = np.frombuffer(mailbox.receive(n_states), dtype=np.uint8).copy()
        reward = np.zeros(shape)
    else:
        if interface.n_states is not None:
            observation = np.frombuffer(mailbox.receive(n_states), dtype=np.uint8).copy()
        shape = (n_actions, n_states, n_states)
    n_entries = int(np.prod(shape))
    cumulative = np.frombuffer(mailbox.receive(4 * n_entries), dtype=">u4").reshape(shape)
    signals = signal_type(interface)
    signal = np.frombuffer(mailbox.receive(signals.itemsize * n_entries), dtype=signals)
    return Environment(
        n_actions=n_actions,
        n_states=n_states,
        n_observations=n_observations,
        observation_u8=observation,
        start_state=start_state,
        cumulative_u32=cumulative.astype(np.uint32),
        signal_q7=signal.reshape(shape).astype(np.int16),
        reward=reward,
        map_u8=map_u8,
        width=width,
        bump_q7=bump_q7,
        goal_q7=goal_q7,
        n_restarts=int((map_u8 == FREE).sum()),
        first_random=0,
    )


@part
def transition(
    environment: Environment, random: NDArray[np.int64], state: int, action: int
) -> tuple[int, int, float]:
    """Take a step: return the successor, the feedback · 127 and the reward."""
    number = draw_by_word(random, FULL)
    if environment.map_u8.size > 0:
        return maze_step(environment, number, state, action)
    successor = 0
    while number >= environment.cumulative_u32[action, state, successor]:
        successor += 1
    signal_q7 = int(environment.signal_q7[action, state, successor])
    return successor, signal_q7, environment.reward[action, state, successor]


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
