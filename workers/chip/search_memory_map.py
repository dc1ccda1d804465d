"""What lies where in the plasticity processor's memory in a search on it.

An episode's program is laid out as the published one was compiled (``memory``), without
optimisation and with all of its library. A search is a program of our own (``ppu/c``), which has
never been another one's, so it is laid out as it is: compiled with ``-Os``, where code, constants,
data, task and stack share 12 KiB, and the mailbox holds what the host writes and the trace.
"""

from collections.abc import Collection, Mapping
from typing import Any

from spikeloop.workers.chip.memory import (
    MAILBOX_START,
    MemoryMap,
    Section,
    constant_bytes,
    data_bytes,
)
from spikeloop.workers.chip.mailbox import MAILBOX_BYTES
from spikeloop.workers.chip.ppu.search_memory import MAX_CANDIDATES, mailbox_bytes

COMPILED_SEARCH_BYTES: Mapping[str, int] = {
    "td_lambda": 4344,
    "incremental": 3420,
    "fictive": 3432,
    "plasticity_network": 4006,
}
"""Code and constants of a search by evolution with ``-Os``, by the kind of its program, as gcc 14
compiles it; ``benchmarks/chip/search_cost.py`` measures it. The other algorithms are shorter."""

STACK_BYTES = 336
"""More than the deepest chain of calls of each of these programs."""
