"""Rule (a) with a fictive update: the values of the actions that were not chosen move as well.

    v_b ← v_b + f η_a (1 − r − v_b) for all b ≠ a

beside the update of ``incremental``. It takes one arm to pay when the other does not, as is right
for dependent arms and reversals, and serves as the hand-made rule to which evolved ones are
compared there. Fictive errors explain human choices in such tasks (Gläscher, Hampton and O'Doherty
2009, Cerebral Cortex 19:483).
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.parameter_types import Parameter, Real
from spikeloop.workers.plasticity.incremental import Incremental, IncrementalMemory
from spikeloop.workers.plasticity.program import CYCLES_PER_INSTRUCTION


class Fictive(Settings):
    """Rule (a) that also moves the values of the actions that were not chosen."""

    kind: Literal["fictive"] = "fictive"
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = ()
    compiled_bytes: ClassVar[int] = 4168  # benchmarks/chip/code_size.py

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return those of ``incremental``, and f."""
        fictive = Real(0, 1, 0.5, name="fictive", description="f, part of η for the others")
        return (*Incremental().parameters(interface), fictive)

    def cycles(self, n_actions: int) -> int:
        """Return the processor's cycles of an update."""
        return CYCLES_PER_INSTRUCTION * (130 + 22 * n_actions)

    def memory(self, theta: Mapping[str, float], interface: Interface) -> IncrementalMemory:
        """Return the memory at the start of an episode."""
        return Incremental().memory(theta, interface)
