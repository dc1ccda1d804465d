"""Chips for the emulator's tests, and what their membranes and spikes do step by step."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.analog import V
from spikeloop.workers.chip.capmem import NeuronConstants, ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.router import advance, send

Event = tuple[int, int, int]
"""Step, row and address of an event."""


class Recording(NamedTuple):
    """Membranes (n_steps, 32) in V after each step, and whether each neuron fired in it."""

    membrane_V: FloatArray
    spikes: NDArray[np.bool_]


def ideal_neurons(n_states: int = 0, **values: Any) -> NeuronConstants:
    """Neurons of the default circuit, some physical values replaced by numbers or (32,) arrays."""
    arrays = {name: np.broadcast_to(value, N_NEURONS) + 0.0 for name, value in values.items()}
    return replace(ideal_constants(neuron_codes(Circuit(), n_states)), **arrays)


def mask_bits(masks: Any) -> NDArray[np.bool_]:
    """(..., 32) the bits of masks of neurons."""
    one_each = np.asarray(masks, dtype=np.uint32)[..., None] >> np.arange(
        N_NEURONS, dtype=np.uint32
    )
    return (one_each & 1).astype(bool)


def record(core: Core, n_steps: int, events: Sequence[Event] = ()) -> Recording:
    """Runs a chip step by step, without strides; events come at the start of their step.

    Spikes are seen as long as counters are below their limit.
    """
    membrane_V = np.empty((n_steps, N_NEURONS))
    counts = np.empty((n_steps + 1, N_NEURONS), dtype=np.int64)
    counts[0] = core.counters_u10
    start = int(core.clock[0])
    due = by_step(events)
    for step in range(n_steps):
        for _, row, address_u6 in due.get(start + step, ()):
            send(core, row, address_u6)
        advance(core, 1)
        membrane_V[step] = core.analog[V : V + N_NEURONS]
        counts[step + 1] = core.counters_u10
    return Recording(membrane_V, np.diff(counts, axis=0) > 0)


def by_step(events: Iterable[Event]) -> dict[int, list[Event]]:
    """Events under their step."""
    due: dict[int, list[Event]] = {}
    for event in events:
        due.setdefault(event[0], []).append(event)
    return due
