"""Warn once where episodes run on different processors and that may change the last bits.

The column ``worker`` of an episode names the process that ran it and its kernels
(``workers.processor``), so the tables of a run say what was computed on what.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.workers.job import Job, Outcome
from spikeloop.workers.processor import label, portable


class WatchedPool:
    """A pool that warns once of a worker with other kernels than this process."""

    def __init__(self, pool: WorkerPool, what: str, note: Callable[[str], None]) -> None:
        self._pool = pool
        self._what = what
        self._note: Callable[[str], None] | None = note

    def __getattr__(self, name: str) -> Any:
        """Give all else as the pool has it."""
        return getattr(self._pool, name)

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Yield the pool's outcomes, and check the worker of each."""
        for outcome in self._pool.run(jobs):
            if self._note is not None and (text := mixed(outcome.result.worker, self._what)):
                self._note(text)
                self._note = None
            yield outcome


def watched(pool: WorkerPool, config: RunConfig, note: Callable[[str], None]) -> WorkerPool:
    """Give the pool itself if processors change no number, else one that warns."""
    if portable(config.learner, config.family, config.held_out_family):
        return pool
    return cast(WorkerPool, WatchedPool(pool, config.learner.kind, note))


def mixed(workers: str, what: str) -> str:
    """Give a warning if one of these workers has other kernels than this process, else ""."""
    for worker in workers.split(", "):
        name, _, there = worker.rpartition(":")
        if name and there != label():
            return (
                f"warning: worker {name} computes with other kernels than this process "
                f"({there} there, {label()} here), so the last bits of {what}'s numbers may depend "
                "on which worker runs what; every episode's kernels are in its column worker"
            )
    return ""
