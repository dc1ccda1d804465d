"""The plasticity processor's memory: what lies where in an episode, and whether it fits.

The processor has 16 KiB, of which the last 4 KiB are the mailbox (``mailbox``). As its linker lays
it out (libnux: elf32nux.x), code begins at 0, the plasticity program's data and the environment
follow, and the stack grows down from the mailbox.

How long the published program is, library included, is known from one note only
(Neuromorphic_Hardware_learns_to_learn, hardware/mdp/HW_Limitations.txt): "3k8 left for environment
10x5, 17x2", states by actions, at 5 · actions · states² bytes. Other programs are taken to be
longer or shorter by as much as our C for them is, compiled as libnux compiled the published one,
without optimisation. ``workers/chip/ppu/c`` has that C, and ``benchmarks/chip/code_size.py``
measures it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.mailbox import HEADER_BYTES, MAILBOX_BYTES, MEMORY_BYTES

MAILBOX_START = MEMORY_BYTES - MAILBOX_BYTES

PUBLISHED_CODE_BYTES = MAILBOX_START - 3800
"""Code and constants of the published program, from the 3.8 kB that it left."""

COMPILED_PUBLISHED_BYTES = 4780
"""The length of our C for the published program, with much less around the rule than there."""

COMPILED_MAZE_BYTES = 788
COMPILED_CHANCES_BYTES = 84
"""How much longer our C is with a map of walls, and with chances of each step, than with tables."""

STACK_BYTES = 768
"""An allowance for the stack, of which our C needs up to 336 bytes. With 646 to 834, the published
program's largest environments are those of the note."""

SMALLER = "take fewer states or actions, or fewer steps of a restless bandit"

WORD_BYTES = 4
WIDTH = re.compile(r"_([uiq])(\d+)$")


@dataclass(frozen=True)
class Section:
    """A part of the memory: its name, the address of its first byte, and its size in bytes."""

    name: str
    start: int
    size: int

    @property
    def end(self) -> int:
        """Return the address after its last byte."""
        return self.start + self.size


@dataclass(frozen=True)
class MemoryMap:
    """What lies where in an episode.

    Attributes:
        sections: code, data, environment, free, stack and mailbox, which fill the memory in this
            order. ``free`` has a negative size if they do not fit.
        message: bytes that come through the mailbox before the episode.
    """

    sections: tuple[Section, ...]
    message: int

    def section(self, name: str) -> Section:
        """Return a section by its name."""
        return next(section for section in self.sections if section.name == name)

    def require_fit(self) -> None:
        """Raise ValueError unless memory and mailbox hold everything."""
        free = self.section("free").size
        if free < 0:
            sizes = {section.name: section.size for section in self.sections}
            raise ValueError(
                f"the plasticity processor's memory is {-free} bytes too small for code "
                f"{sizes['code']}, estimated from C of our own, data {sizes['data']}, environment "
                f"{sizes['environment']}, stack {sizes['stack']} and mailbox {sizes['mailbox']}: "
                f"{SMALLER}, or set learner.check_memory = false"
            )
        if self.message > MAILBOX_BYTES:
            raise ValueError(
                f"what the plasticity processor gets takes {self.message} bytes, and its mailbox "
                f"has {MAILBOX_BYTES}: {SMALLER}, or set learner.check_memory = false"
            )


def compiled_environment(interface: Interface) -> int:
    """Return how much longer our C is with the environment of a family than with tables."""
    if interface.n_listed:
        return COMPILED_CHANCES_BYTES
    return 0 if interface.grid is None else COMPILED_MAZE_BYTES


def memory_map(
    compiled: int,
    data: Any,
    environment: int,
    *,
    more_compiled: int = 0,
    constant_arrays: Collection[str] = (),
) -> MemoryMap:
    """Lay out the memory for an episode.

    Args:
        compiled: bytes of the plasticity program's C, measured with ``code_size.py``.
        data: what it keeps, see ``data_bytes``.
        environment: bytes of the environment.
        more_compiled: how much longer our C is with it than with tables.
        constant_arrays: arrays of the data that come through the mailbox too.
    """
    code = PUBLISHED_CODE_BYTES + compiled - COMPILED_PUBLISHED_BYTES + more_compiled
    sizes = {"code": code, "data": data_bytes(data), "environment": environment}
    sizes["free"] = MAILBOX_START - STACK_BYTES - sum(sizes.values())
    sizes |= {"stack": STACK_BYTES, "mailbox": MAILBOX_BYTES}
    message = HEADER_BYTES + environment + constant_bytes(data, constant_arrays)
    return MemoryMap(in_order(sizes), message)


def in_order(sizes: Mapping[str, int]) -> tuple[Section, ...]:
    """Return sections of these names and sizes, one after the other from address 0."""
    starts = accumulate(sizes.values(), initial=0)
    return tuple(
        Section(name, start, size)
        for (name, size), start in zip(sizes.items(), starts, strict=False)
    )


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
    return sum(_numbers(name, value)[0] for name, value in data._asdict().items())


def constant_bytes(data: Any, arrays: Collection[str] = ()) -> int:
    """Return the bytes of what the host sets: single numbers, and the arrays of these names."""
    return sum(_numbers(name, value, arrays)[1] for name, value in data._asdict().items())


def _numbers(name: str, value: Any, arrays: Collection[str] = ()) -> tuple[int, int]:
    """Return the bytes of a field, and those that the host sets of it."""
    if hasattr(value, "_asdict"):
        return data_bytes(value), constant_bytes(value, arrays)
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
    n_bytes = array.size * item_bytes
    return n_bytes, n_bytes if array.ndim == 0 or name in arrays else 0
