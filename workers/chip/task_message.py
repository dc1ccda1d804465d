"""How a task comes through the mailbox into the processor's memory (``environment``).

What ``message`` writes for the host, ``receive`` reads for the processor.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.listed_chances import ListedChances
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.chip.environment import FREE, Environment
from spikeloop.workers.chip.limits import FULL, REWARD_ONE_Q7
from spikeloop.workers.chip.mailbox import HEADER_BYTES, MAILBOX_BYTES, Mailbox

SIGNAL_RANGE_Q7 = (-256, 255)
"""Range of the feedback in Q7, about -2 to 2, which is one bit more than a byte."""

CHANCE = np.dtype(">u2")

MAP_CONSTANTS = np.dtype([("width", "u1"), ("bump_q7", ">i2"), ("goal_q7", ">i2")])


def environments(
    tasks: TabularTasks | ListedChances, mailbox_bytes: int | None = MAILBOX_BYTES
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
    rewards = tasks.rewards if isinstance(tasks, ListedChances) else tasks.reward
    received = []
    for task in range(tasks.n_tasks):
        mailbox.write(HEADER_BYTES, message(tasks, task))
        mailbox.receive(HEADER_BYTES)
        environment = receive(mailbox, tasks.interface, rewards[task].copy())
        if isinstance(tasks, TabularTasks) and tasks.first_random is not None:
            environment = environment._replace(first_random=int(tasks.first_random[task]))
        received.append(environment)
    return received


def environment_bytes(interface: Interface) -> int:
    """Return the bytes of a task of a family in memory and in the mailbox, the start state too.

    The rewards of which the return is the sum are not in the processor.
    """
    if interface.n_listed:
        return interface.n_steps * interface.n_listed * CHANCE.itemsize
    if interface.grid is not None:
        return 1 + MAP_CONSTANTS.itemsize + interface.n_observations
    n_states = interface.n_states or interface.n_observations
    n_entries = interface.n_actions * n_states**2
    return 1 + (interface.n_states or 0) + n_entries * (4 + signal_type(interface).itemsize)


def signal_type(interface: Interface) -> np.dtype:
    """Return the number format of feedback in tables: a byte for [0, 1], else a halfword."""
    least, most = interface.feedback_range
    return np.dtype("u1" if least >= 0 and most <= 1 else ">i2")


def message(tasks: TabularTasks | ListedChances, task: int) -> bytes:
    """Return what the host writes for a task. Successors of probability 0 stay impossible."""
    if isinstance(tasks, ListedChances):
        chance: NDArray[np.uint16] = np.rint(tasks.chance[task] * FULL).astype(CHANCE)
        return chance.tobytes()
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
    listed = (interface.n_steps if interface.n_listed else 0, interface.n_listed)
    n_bytes = int(np.prod(listed)) * CHANCE.itemsize
    chance = np.frombuffer(mailbox.receive(n_bytes), dtype=CHANCE).reshape(listed)
    n_states = interface.n_states or n_observations
    (start_state,) = (0,) if interface.n_listed else mailbox.receive(1)
    observation = np.arange(n_states, dtype=np.uint8)
    shape = (0, 0, 0)
    map_u8, width, bump_q7, goal_q7 = np.zeros(0, dtype=np.uint8), 0, 0, 0
    if interface.grid is not None:
        constants = np.frombuffer(mailbox.receive(MAP_CONSTANTS.itemsize), dtype=MAP_CONSTANTS)
        width, bump_q7, goal_q7 = constants[0].item()
        map_u8 = np.frombuffer(mailbox.receive(n_states), dtype=np.uint8).copy()
        reward = np.zeros(shape)
    elif not interface.n_listed:
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
        chance_u16=chance.astype(np.uint16),
        first_random=0,
    )
