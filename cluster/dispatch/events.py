"""The events that a worker group reports to the pool's loop."""

from collections.abc import Sequence
from dataclasses import dataclass

from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.workers.job import JobResult, Status


@dataclass(frozen=True)
class Ready:
    """A worker has done its warm-up job and waits for work."""

    worker: int
    cores: int


@dataclass(frozen=True)
class Done:
    """A worker finished a message."""

    worker: int
    message: Message
    results: Sequence[JobResult]


@dataclass(frozen=True)
class Broke:
    """A worker is alive but could not do a message: our own code or the transport raised."""

    worker: int
    message: Message
    text: str
    traceback: str


@dataclass(frozen=True)
class Lost:
    """A worker is gone, perhaps with its whole node."""

    worker: int
    status: Status
    text: str
    with_node: bool = False


Event = Ready | Done | Broke | Lost
