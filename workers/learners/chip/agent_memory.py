"""What lies where in the plasticity processor's memory while an agent learns or is searched."""

from typing import Any

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip import search_memory_map
from spikeloop.workers.chip.memory import MemoryMap, compiled_environment, memory_map
from spikeloop.workers.chip.task_message import environment_bytes
from spikeloop.workers.plasticity.program import PlasticityProgram
from spikeloop.workers.space import ParameterSpace


def of_episode(
    program: PlasticityProgram, space: ParameterSpace, interface: Interface
) -> MemoryMap:
    """Lay out the memory for an episode of an agent with the space Θ."""
    return memory_map(
        program.compiled_bytes,
        _data(program, space, interface),
        environment_bytes(interface),
        more_compiled=compiled_environment(interface),
        constant_arrays=program.constant_arrays,
    )


def of_search(
    program: PlasticityProgram, space: ParameterSpace, interface: Interface, n_generations: int
) -> MemoryMap:
    """Lay out the memory for a search of the processor's own, see ``ppu/c``.

    Raises:
        KeyError: there is no search with the program in C.
    """
    return search_memory_map.search_memory_map(
        program.kind,
        _data(program, space, interface),
        interface,
        space.n_dim,
        n_generations,
        program.constant_arrays,
    )


def _data(program: PlasticityProgram, space: ParameterSpace, interface: Interface) -> Any:
    """Return what the program keeps, for the default Θ."""
    defaults = space.decode(space.default_point()[None]).values[0]
    return program.memory(dict(zip(space.columns, defaults, strict=True)), interface)
