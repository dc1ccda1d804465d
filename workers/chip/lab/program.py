"""Playback programs: experiments that are written beforehand with their times.

Laboratories write experiments in this form, in the words of haldls (include/haldls/v2/playback.h):
a builder takes instructions one after the other, reading gives a *ticket*, and ``done`` gives the
program. The program runs on a chip, and only then do its tickets have their data.

    builder = PlaybackProgramBuilder()
    builder.set_time(0)
    for i in range(20):
        builder.wait_until(96 * i)                     # µs at 96 MHz
        builder.fire([row == 0 for row in range(32)], address=0)
    builder.wait_for(4000)
    counters = builder.read_counters()
    program = builder.done()
    program.run(chip)
    print(counters.get())

Times are cycles of the FPGA's clock, 96 MHz, on a timer that ``set_time`` sets and that runs on. An
instruction takes no time itself. Those that fall on one step of the chip take effect in their
order; what the chip's own router delivers in that step comes after them.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.workers.chip.lab import arguments
from spikeloop.workers.chip.lab.playback import EVENT
from spikeloop.workers.chip.lab.recording import Recording, joined
from spikeloop.workers.chip.limits import (
    FPGA_HZ,
    MAX_LABEL_U6,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
)

if TYPE_CHECKING:
    from spikeloop.workers.chip.lab.chip import Chip

T = TypeVar("T")

Sent = tuple[int, int, bool]
"""An event to send, the last three fields of ``EVENT``."""

Instructions = list[tuple[int, "Sent | Callable[[Chip], None]"]]
"""Events and actions in the order of the program, each with its time in cycles."""

MAX_TIME = 2**32 - 1
"""Largest time of an instruction, cycles; some 45 s."""


class Ticket(Generic[T]):
    """Data that a program will have read once it has run."""

    def __init__(self) -> None:
        self._data: list[T] = []

    def get(self) -> T:
        """Return what was read in the program's last run.

        Raises:
            RuntimeError: the program has not run yet.
        """
        if not self._data:
            raise RuntimeError("the program of this ticket has not run yet: run it on a chip first")
        return self._data[0]

    def put(self, data: T) -> None:
        """Keep what a run has read."""
        self._data = [data]

    def clear(self) -> None:
        """Drop what an earlier run has read."""
        self._data = []


class PlaybackProgram:
    """What a builder has written; it can run on any chip, any number of times.

    Attributes:
        n_cycles: its length, FPGA cycles.
    """

    def __init__(
        self,
        n_cycles: int,
        instructions: Instructions,
        tickets: list["Ticket[object]"],
        *,
        needs_sensors: bool,
    ) -> None:
        self.n_cycles = n_cycles
        self._instructions, self._tickets = instructions, tickets
        self._needs_sensors = needs_sensors

    def run(self, chip: "Chip") -> Recording:
        """Run the program on a chip, from its present clock on, and return the spikes.

        The chip stops one step after the program's end, so that events at the end arrive.

        Raises:
            ValueError: the program uses correlation sensors, and the chip has none.
        """
        if self._needs_sensors:
            chip.sensors.require()
        for ticket in self._tickets:
            ticket.clear()
        start = int(chip.core.clock[0])
        steps_per_cycle = 1 / FPGA_HZ / chip.step_s
        events: list[tuple[int, int, int, bool]] = []
        recordings: list[Recording] = []

        def run_until(step: int) -> None:
            chip.add_events(np.array(events, dtype=EVENT))
            events.clear()
            n_steps = step - int(chip.core.clock[0])
            if n_steps > 0:
                recordings.append(chip.run(n_steps * chip.step_s))

        for cycles, instruction in self._instructions:
            step = start + round(cycles * steps_per_cycle)
            if isinstance(instruction, tuple):
                events.append((step, *instruction))
            else:
                run_until(step)
                chip.deliver_due()  # events of this step that were written before
                instruction(chip)
        run_until(start + round(self.n_cycles * steps_per_cycle) + 1)
        return joined(recordings)


class PlaybackProgramBuilder:
    """Writes a playback program, instruction by instruction."""

    def __init__(self) -> None:
        self._timer = self._elapsed = 0
        self._instructions: Instructions = []
        self._tickets: list[Ticket[object]] = []
        self._needs_sensors = False

    def set_time(self, time: int) -> None:
        """Set the timer, without waiting."""
        arguments.require_integer("time", time, 0, MAX_TIME)
        self._timer = time

    def wait_until(self, time: int) -> None:
        """Wait until the timer has reached a time; not at all if it has passed it."""
        arguments.require_integer("time", time, 0, MAX_TIME)
        self.wait_for(max(0, time - self._timer))

    def wait_for(self, duration: int) -> None:
        """Wait for some cycles."""
        arguments.require_integer("duration", duration, 0, MAX_TIME)
        self._timer += duration
        self._elapsed += duration

    def fire(self, synapse_driver_mask: Iterable[bool], address: int) -> None:
        """Send one event under an address to all rows of synapses of a mask, (32,) booleans."""
        arguments.require_integer("address", address, 0, MAX_LABEL_U6)
        for row in _chosen("synapse_driver_mask", synapse_driver_mask, N_ROWS):
            self._instructions.append((self._elapsed, (row, address, False)))

    def fire_one(self, synapse_driver: int, address: int) -> None:
        """Send one event under an address to one row of synapses."""
        arguments.require_integer("synapse_driver", synapse_driver, 0, N_ROWS - 1)
        self.fire([row == synapse_driver for row in range(N_ROWS)], address)

    def fire_post_correlation_signal(self, neuron_mask: Iterable[bool]) -> None:
        """Send a post-correlation pulse to the sensors of some columns, without a spike there.

        ``neuron_mask`` are (32,) booleans. With an event at the same time it makes a causal pair
        if the event was written before it, and an anticausal one if after.
        """
        self._needs_sensors = True
        for neuron in _chosen("neuron_mask", neuron_mask, N_NEURONS):
            self._instructions.append((self._elapsed, (neuron, 0, True)))

    def read_counters(self) -> Ticket[NDArray[np.int64]]:
        """Read the (32,) spike counters, which clears them."""
        return self._read(lambda chip: chip.read_counters())

    def read_weights(self) -> Ticket[NDArray[np.uint8]]:
        """Read the (32, 32) weights by row and neuron."""
        return self._read(lambda chip: chip.weights.copy())

    def read_correlation(self) -> Ticket[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Read causal and anticausal charges, each (32, 32) codes of the column ADC."""
        self._needs_sensors = True
        return self._read(lambda chip: chip.read_correlation())

    def write_weights(self, row: int, weights: ArrayLike) -> None:
        """Write the (32,) weights of a row."""
        arguments.require_integer("row", row, 0, N_ROWS - 1)
        values = arguments.integers("weights", weights, 0, MAX_WEIGHT_U6, (N_NEURONS,))

        def write(chip: "Chip") -> None:
            chip.weights[row] = values

        self._instructions.append((self._elapsed, write))

    def reset_correlation(self) -> None:
        """Empty the capacitors of all correlation sensors."""
        self._needs_sensors = True
        self._instructions.append((self._elapsed, lambda chip: chip.reset_correlation()))

    def done(self) -> PlaybackProgram:
        """Return the program, which ends where the builder is now."""
        return PlaybackProgram(
            self._elapsed,
            list(self._instructions),
            list(self._tickets),
            needs_sensors=self._needs_sensors,
        )

    def _read(self, reading: "Callable[[Chip], T]") -> Ticket[T]:
        ticket: Ticket[T] = Ticket()
        self._tickets.append(ticket)  # type: ignore[arg-type]
        self._instructions.append((self._elapsed, lambda chip: ticket.put(reading(chip))))
        return ticket


def _chosen(name: str, mask: Iterable[bool], size: int) -> list[int]:
    """Return the places of a mask that are set."""
    given = [bool(chosen) for chosen in mask]
    if len(given) != size:
        raise ValueError(f"{name} must have {size} entries, got {len(given)}")
    return [i for i, chosen in enumerate(given) if chosen]
