"""Finished generations on their way to the disk, as many together as ``run.commit_every`` says.

A commit takes some ten milliseconds whatever it holds, because the disk is waited for; generations
that are shorter are better written together. What is written is the same rows, and the state after
the last of them, from which the search goes on to the same bits.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.stopping import Row
from spikeloop.coordinator.search import live_metrics
from spikeloop.coordinator.search.reporter import GenerationReport, Reporter
from spikeloop.coordinator.store.run_store import RunStore


@dataclass(frozen=True)
class Finished:
    """A generation that is over.

    Attributes:
        parts: its tables, by the folders that they go to.
        state: of the strategy after it, as arrays.
        row: its row of the table of generations.
        report: what people are told of it.
    """

    parts: Mapping[str, pa.Table]
    state: Mapping[str, NDArray[Any]]
    row: Row
    report: GenerationReport

    @property
    def number(self) -> int:
        """Of the generation, from 1."""
        return self.report.generation


class Commits:
    """Writes generations, and tells of the last of those that were written together.

    Args:
        every: a commit follows on each so many generations, and on each with a held-out score.
        store: of the run.
        pool: told the numbers for whoever watches.
        reporter: told of what is written.
    """

    def __init__(self, every: int, store: RunStore, pool: WorkerPool, reporter: Reporter) -> None:
        self._every, self._store, self._pool, self._reporter = every, store, pool, reporter
        self._parts: dict[str, list[pa.Table]] = {}
        self._failures: Counter[str] = Counter()
        self._last: Finished | None = None

    def add(self, generation: Finished) -> None:
        """Takes a generation, the one after the last, and writes what is due."""
        for name, table in generation.parts.items():
            self._parts.setdefault(name, []).append(table)
        self._failures.update(generation.report.failures)
        self._last = generation
        if generation.number % self._every == 0 or generation.report.held_out is not None:
            self.write()

    def write(self) -> None:
        """Writes all that waits, if anything does; tried once only, even if it fails."""
        last, parts, failures = self._last, self._parts, self._failures
        self._last, self._parts, self._failures = None, {}, Counter()
        if last is None:
            return
        started = time.perf_counter()
        whole = {name: pa.concat_tables(tables) for name, tables in parts.items()}
        self._store.commit(last.number, whole, last.state)
        self._pool.publish(live_metrics.after_commit(last.row, time.perf_counter() - started))
        self._reporter.generation(replace(last.report, failures=failures))
