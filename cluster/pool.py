"""The interface of the outer loop to machines: jobs in, exactly one outcome per job out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

from spikeloop.cluster.metrics import Measure
from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.workers.job import Job, Outcome


class PoolError(Exception):
    """The cluster or a worker cannot be used at all; the message says what to do about it."""


class WorkerPool(Protocol):
    """Something that evaluates jobs.

    Attributes:
        stop: makes ``run`` raise ``Interrupted``; a caller wraps its own long computations in
            ``stop.raising()``.
    """

    stop: StopSignal

    @property
    def n_workers(self) -> int:
        """Workers that run jobs at the same time."""
        ...

    @property
    def n_replaced(self) -> int:
        """Workers that died or were killed and were replaced since the pool was opened."""
        ...

    @property
    def description(self) -> str:
        """What runs where, in one line, with the dashboard's address if there is one."""
        ...

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield exactly one outcome per job, in order of completion.

        Whatever breaks in an episode, a worker or a machine comes back as failed episodes of an
        outcome. Raises ``Interrupted`` soon after the stop signal, ``PoolError`` if no worker can
        be had.
        """
        ...

    def publish(self, measures: Mapping[str, Measure]) -> None:
        """Publish numbers of the work, by names of ``METRICS``, to people who watch the cluster.

        Numbers that are not mentioned stay as they are. A pool without monitoring ignores them.
        """
        ...


class SharablePool(WorkerPool, Protocol):
    """A pool that has the jobs of several callers under way at a time, for ``SharedPool``.

    One thread alone uses it. ``run`` is submit, collect until all is there, or else withdraw.

    Attributes:
        in_process: whether ``collect`` does the work itself, in this process.
    """

    in_process: bool

    def submit(self, jobs: Sequence[Job]) -> int:
        """Take jobs beside those that are under way, and return the number of this run of them."""
        ...

    def collect(self, timeout_s: float = ...) -> Sequence[tuple[int, Outcome]]:
        """Return what has ended, each outcome with the number of its run.

        Waits at most for the time given if nothing has, unless this process does the work itself.
        Raises as ``run`` does.
        """
        ...

    def publish(self, measures: Mapping[str, Measure], run: str = "") -> None:
        """Publish numbers as ``WorkerPool`` does, under the name of a run of its own if given."""
        ...

    def withdraw(self, run: int) -> None:
        """Ask for no more outcomes of a run; nothing happens if it has ended."""
        ...


class Target(Protocol):
    """Where a run's workers are. Implementations are frozen settings with a ``kind``."""

    @property
    def kind(self) -> str:
        """The name under which configuration files choose the target."""
        ...

    def open(
        self,
        warm_up: Sequence[Job],
        stop: StopSignal,
        working_dir: Path | None,
        run: str = "",
        show_line: ShowLine = show_nothing,
    ) -> AbstractContextManager[SharablePool]:
        """Starts the workers and stops them again at the end.

        Args:
            warm_up: small jobs that every worker does once before deadlines count, so that
                compilation and imports are over; their outcomes are thrown away.
            stop: makes ``WorkerPool.run`` raise ``Interrupted`` when set.
            working_dir: folder of the user's own classes, which workers must be able to import.
            run: what the work is called, for people who watch.
            show_line: shows the user a line about workers that start, or missing cores.
        """
        ...

    def model_dump(self, *, mode: Literal["json"]) -> Mapping[str, Any]:
        """The settings as plain values, as pydantic writes them."""
        ...
