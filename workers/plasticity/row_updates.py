"""Rows of synapses on the vector unit, whose registers hold half a row of bytes.

A row is 32 lanes, of bytes or of halfwords; a table with a value for each synapse holds its rows
one after the other, as the chip does (``core``).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.ppu.vector_arithmetic import add_modulo
from spikeloop.workers.chip.ppu.vector_unit import (
    BYTE_LANES,
    HALFWORD_LANES,
    Bytes,
    Halfwords,
    pack_lower,
    pack_upper,
    splat,
    unpack_left,
    unpack_right,
)
from spikeloop.workers.chip.sensor_readout import read_row
from spikeloop.workers.chip.sensors import CAUSAL
from spikeloop.workers.kernels import part, routine


class Scratch(NamedTuple):
    """Rows of lanes on which the vector unit works.

    Attributes:
        codes_u8: (2, 32) uint8 conversions of both branches by the ADC.
        correlation: (32,) int8.
        constant: (32,) int8.
        zero: (32,) int8, all 0.
        total: (32,) int16.
        lanes: (32,) int16.
        condition: (32,) int16.
    """

    codes_u8: NDArray[np.uint8]
    correlation: Bytes
    constant: Bytes
    zero: Bytes
    total: Halfwords
    lanes: Halfwords
    condition: Halfwords


def new_scratch() -> Scratch:
    """Return rows of zeros."""
    return Scratch(
        np.zeros((2, N_NEURONS), dtype=np.uint8),
        *np.zeros((3, N_NEURONS), dtype=np.int8),
        *np.zeros((3, N_NEURONS), dtype=np.int16),
    )


@part
def row_slice(row: int) -> slice:
    """Return the slice of the 32 lanes of a row."""
    return slice(row * N_NEURONS, (row + 1) * N_NEURONS)


@routine
def unpack_row(upper: NDArray[Any], lower: NDArray[Any], spare: int, out: Halfwords) -> None:
    """Join two rows of bytes to one of halfwords (``unpack_left``, ``unpack_right``)."""
    for first in range(0, N_NEURONS, BYTE_LANES):
        middle, end = first + HALFWORD_LANES, first + BYTE_LANES
        unpack_left(upper[first:end], lower[first:end], spare, out[first:middle])
        unpack_right(upper[first:end], lower[first:end], spare, out[middle:end])


@routine
def pack_row(a: Halfwords, spare: int, upper: NDArray[Any], lower: NDArray[Any]) -> None:
    """Split a row of halfwords into two of bytes (``pack_upper``, ``pack_lower``)."""
    for first in range(0, N_NEURONS, BYTE_LANES):
        middle, end = first + HALFWORD_LANES, first + BYTE_LANES
        pack_upper(a[first:middle], a[middle:end], spare, upper[first:end])
        pack_lower(a[first:middle], a[middle:end], spare, lower[first:end])


@routine
def sum_readings(core: Core, scratch: Scratch, row: int, readings: int, total: Halfwords) -> None:
    """Sum several readings of a row's causal branch."""
    splat(0, total)
    for _ in range(readings):
        read_row(core, row, scratch.codes_u8)
        unpack_row(scratch.zero, scratch.codes_u8[CAUSAL], 0, scratch.lanes)
        add_modulo(total, scratch.lanes, total)
