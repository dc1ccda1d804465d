"""Bytes that an episode needs in the plasticity processor's memory, and whether they fit.

The processor has 16 KiB, of which the last 4 KiB are the mailbox for the host (libnux: elf32nux.x).
The other 12 KiB hold everything else: code, stack, the plasticity program's data and the tables of
the environment, which come through the mailbox and are copied out of it.

The size of the code is known from one note on the published experiment only
(Neuromorphic_Hardware_learns_to_learn, hardware/mdp/HW_Limitations.txt): "3k8 left for environment
10x5, 17x2", states by actions, at 5 · actions · states² bytes. These two take 2.5 and 2.9 kB, so
about 0.8 kB of the 3.8 went to something else. With stack and the agent's small tables taken from
it, as here, both are exactly the largest that fit.

Every program is assumed to have the published code's size. The emulator's environment takes
4 · actions · states² bytes: a halfword for a probability, where the published program has a word,
and a halfword for the feedback, where it has a byte.
"""

import re
from typing import Any

import numpy as np

MEMORY_BYTES = 0x4000
MAILBOX_BYTES = 0x1000
CODE_BYTES = MEMORY_BYTES - MAILBOX_BYTES - 3800
"""The size of the published program, from the 3.8 kB that it left."""

STACK_BYTES = 768
"""An allowance for stack and temporaries; 646 to 834 agree with the published maxima."""

DATA_BYTES = MEMORY_BYTES - MAILBOX_BYTES - CODE_BYTES - STACK_BYTES
"""Bytes that are left for a program's data and the environment."""

WORD_BYTES = 4
PROBABILITY_BYTES = 2
SIGNAL_BYTES = 2
WIDTH = re.compile(r"_([uiq])(\d+)$")


def data_bytes(data: Any) -> int:
    """Return the bytes of a program's data on the chip.

    Args:
        data: a named tuple of integer arrays, integers, and such tuples. A number's width is the
            one in which its name ends (``weight_u6``, ``value_i16``; ``eta_q7`` has a sign beside
            its 7 bits), in whole bytes; without one, it is the array's own, and a word for plain
            integers. Nothing is wider than the processor's word of 4 bytes, although kernels hold
            plain integers in 64 bits.

    Raises:
        TypeError: a field is not an integer; the processor has no floating point.
    """
    return sum(_field_bytes(name, value) for name, value in data._asdict().items())


def _field_bytes(name: str, value: Any) -> int:
    if hasattr(value, "_asdict"):
        return data_bytes(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{name} must be an integer, the processor has no {array.dtype}")
    width = WIDTH.search(name)
    if width is None:
        item_bytes = min(array.dtype.itemsize, WORD_BYTES)
    else:
        kind, digits = width.groups()
        bits = int(digits) + (kind == "q")
        item_bytes = next((size for size in (1, 2) if bits <= 8 * size), WORD_BYTES)
    return array.size * item_bytes


def environment_bytes(n_states: int, n_actions: int) -> int:
    """Return the bytes of a Markov decision process: cumulative probabilities and feedback.

    The rewards of which the return is the sum are not in the processor.
    """
    return n_actions * n_states**2 * (PROBABILITY_BYTES + SIGNAL_BYTES)


def require_memory(data: int, environment: int) -> None:
    """Raise ValueError unless the bytes of program and environment fit beside code and stack."""
    needed = data + environment
    if needed > DATA_BYTES:
        raise ValueError(
            f"the plasticity processor needs {needed} bytes of memory (program {data}, environment "
            f"{environment}) and has {DATA_BYTES} beside its code: take fewer states or actions, "
            "or set learner.check_memory = false"
        )
