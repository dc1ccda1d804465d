"""What lies where in the plasticity processor's memory in a search on it.

An episode's program is laid out as long as the published one is, which was compiled without
optimisation and with a library (``memory``). A search is a program of our own, in ``ppu/c``, and is
laid out as it is: compiled with ``-Os``; code, constants, data, task and stack share 12 KiB, and
the mailbox holds what the host writes and the trace.
"""

from collections.abc import Collection, Mapping
from typing import Any

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.mailbox import MAILBOX_BYTES
from spikeloop.workers.chip.memory import (
    MAILBOX_START,
    MemoryMap,
    constant_bytes,
    data_bytes,
    in_order,
)
from spikeloop.workers.chip.ppu.search_memory import MAX_CANDIDATES, mailbox_bytes

COMPILED_SEARCH_BYTES: Mapping[str, int] = {
    "td_lambda": 4344,
    "incremental": 3420,
    "fictive": 3432,
    "plasticity_network": 4006,
    "formula": 3720,
    "td_network": 4220,
}
"""Code and constants of a search by evolution, by the kind of its program, as gcc 14 compiles it
with ``-Os``: ``benchmarks/chip/search_cost.py``. Other algorithms are up to 400 bytes shorter."""

SEARCH_STACK_BYTES = 336
"""More than the deepest chain of calls of these programs; their linker script keeps it free."""

ARM_BYTES, ENTRY_BYTES = 4, 5
"""Of an arm of a bandit, and of an action, a state and a successor of a decision process."""

LOOSE_BYTES = 24
"""Single numbers of search and chip: generator, offsets, the start state."""


def search_memory_map(
    kind: str,
    data: Any,
    interface: Interface,
    n_dim: int,
    n_generations: int,
    constant_arrays: Collection[str] = (),
) -> MemoryMap:
    """Lay out the memory for a search.

    Args:
        kind: of the plasticity program.
        data: what that keeps, see ``memory.data_bytes``.
        interface: of its tasks, tables of a bandit or of a decision process.
        n_dim: coordinates.
        n_generations: of which the trace has two words each.
        constant_arrays: arrays of the data that the host writes too.

    Raises:
        KeyError: there is no search with this program in C.
    """
    n_states, n_actions = interface.n_observations, interface.n_actions
    of_search = 4 * MAX_CANDIDATES + 2 * n_dim + 4 * n_actions + LOOSE_BYTES
    sizes = {
        "code": COMPILED_SEARCH_BYTES[kind],
        "data": data_bytes(data) + of_search,
        "task": ARM_BYTES * n_actions if n_states == 1 else ENTRY_BYTES * n_actions * n_states**2,
    }
    sizes["free"] = MAILBOX_START - SEARCH_STACK_BYTES - sum(sizes.values())
    sizes |= {"stack": SEARCH_STACK_BYTES, "mailbox": MAILBOX_BYTES}
    rule = constant_bytes(data, constant_arrays)
    return MemoryMap(in_order(sizes), mailbox_bytes(n_dim, n_generations, rule))
